"""What one caller may have: polls and creates counted apart, requests at once, addresses without keys."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import pytest
from asgi import Answer, Sender, scope
from starlette.requests import Request
from starlette.responses import Response

from refilm.accounts import Accounts
from refilm.api.auth import Gate
from refilm.api.buckets import Rate
from refilm.api.clients import Clients
from refilm.api.edge import Edge, Route
from refilm.api.lockout import Lockout, LockoutRules
from refilm.api.settings import ApiSettings
from refilm.api.shares import ShareRules, Shares, leave
from refilm.audit import NoAudit
from refilm.domain.account import KeyScope
from refilm.errors import TooManyRequests

SLOWLY = Rate(0.001, burst_seconds=3000)


def taken(shares: Shares, key: str, needed: KeyScope, times: int = 10) -> int:
    """How many of so many requests are taken, each of which ends at once."""
    count = 0
    for _ in range(times):
        asked = scope()
        with suppress(TooManyRequests):
            shares.of_key(asked, key, needed)
            count += 1
        leave(asked)
    return count


def test_polls_and_creates_are_counted_apart():
    """Who has sent too many creates may still poll; deletes and administration count as creates do."""
    shares = Shares(ShareRules(reads=SLOWLY, writes=SLOWLY))

    assert taken(shares, "k1", KeyScope.CREATE) == 3
    assert taken(shares, "k1", KeyScope.ADMIN) == 0
    assert taken(shares, "k1", KeyScope.READ) == 3


def test_no_key_uses_up_the_share_of_another():
    """Nor do requests without a key from the same address."""
    shares = Shares(ShareRules(reads=SLOWLY, writes=SLOWLY, at_once=2, keyless=SLOWLY))
    for _ in range(10):
        with suppress(TooManyRequests):
            shares.of_address("192.0.2.1")
    taken(shares, "k1", KeyScope.READ)

    assert taken(shares, "k2", KeyScope.READ) == 3


def test_requests_at_once_are_counted_until_they_end():
    """The third is refused while two are being answered, and taken when one of them has ended. Others are not held."""
    shares = Shares(ShareRules(at_once=2))
    asked = [scope(), scope()]
    for each in asked:
        shares.of_key(each, "k1", KeyScope.READ)

    with pytest.raises(TooManyRequests) as refused:
        shares.of_key(scope(), "k1", KeyScope.READ)
    assert refused.value.retry_seconds == 1
    shares.of_key(scope(), "k2", KeyScope.READ)
    leave(asked[0])
    leave(asked[0])
    shares.of_key(scope(), "k1", KeyScope.READ)
    with pytest.raises(TooManyRequests):
        shares.of_key(scope(), "k1", KeyScope.READ)


def test_a_refusal_is_a_429_that_says_when_to_come_back(store, clock):
    """Over the edge: the body of the dialects, Retry-After, and no word against trying again."""
    accounts = Accounts(store, clock)
    gate = Gate(
        accounts, Lockout(LockoutRules()), Clients(), NoAudit(), Shares(ShareRules(reads=SLOWLY, keyless=SLOWLY))
    )

    async def mine(request: Request) -> Response:
        await gate.caller(request.scope, KeyScope.READ)
        return Response(b"{}")

    async def anybodys(request: Request) -> Response:
        gate.keyless(request.scope)
        return Response(b"{}")

    edge = Edge([Route("GET", "/mine", mine), Route("GET", "/any", anybodys)], ApiSettings(docs_url="d"), edge_is_all)

    def ask(path: str, **headers: str) -> Answer:
        answer = Answer()
        asyncio.run(edge(scope("GET", path, **headers), Sender(), answer))
        return answer

    one, other = accounts.create_key("ann"), accounts.create_key("bob")
    answers = [ask("/mine", authorization=f"Bearer {one}") for _ in range(4)]

    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert json.loads(answers[3].body) == {
        "error": "This API key sends requests faster than this server takes them. "
        "Send it again after the seconds of Retry-After.",
        "docUrl": "d",
    }
    assert 0 < int(answers[3].headers["retry-after"]) <= 1000
    assert "x-should-retry" not in answers[3].headers
    assert ask("/mine", authorization=f"Bearer {other}").status == 200
    assert [ask("/any").status for _ in range(4)] == [200, 200, 200, 429]


async def edge_is_all(*_: object) -> None:
    """Nothing but HTTP goes here."""
    raise AssertionError


@pytest.mark.parametrize("ends", ["well", "badly", "hung up"])
def test_a_place_is_given_back_however_a_request_ends(ends: str, store, clock):
    """An answer, an error and a client that hangs up all end a request."""
    from starlette.requests import ClientDisconnect

    accounts = Accounts(store, clock)
    gate = Gate(accounts, Lockout(LockoutRules()), Clients(), NoAudit(), Shares(ShareRules(at_once=1)))
    secret = accounts.create_key("ann")

    async def handler(request: Request) -> Response:
        await gate.caller(request.scope, KeyScope.READ)
        if ends == "hung up":
            raise ClientDisconnect
        if ends == "badly":
            raise TooManyRequests("For another reason.", 1)
        return Response(b"{}")

    edge = Edge([Route("GET", "/", handler)], ApiSettings(), edge_is_all)

    answers = [Answer() for _ in range(3)]
    for answer in answers:
        asyncio.run(edge(scope("GET", "/", authorization=f"Bearer {secret}"), Sender(), answer))

    assert len({(answer.status, answer.body) for answer in answers}) == 1
