"""The gate: right keys pass, wrong ones are counted where they come from, and it is noted in few lines."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from asgi import scope

from refilm.accounts import Accounts, new_secret
from refilm.api.auth import Gate
from refilm.api.clients import Clients
from refilm.api.lockout import Lockout, LockoutRules
from refilm.domain.account import KeyScope, NewKey
from refilm.errors import Forbidden, Refused, TooManyTries

TRIES = 5
HERE, THERE = "192.0.2.1", "192.0.2.2"


class Notes:
    """An audit log in memory."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def note(self, event: str, outcome: str, **details: Any) -> None:
        """Keep it."""
        said = {name: value for name, value in details.items() if value is not None}
        self.lines.append({"event": event, "outcome": outcome, **said})


@pytest.fixture
def accounts(store, clock) -> Accounts:
    """No accounts yet."""
    return Accounts(store, clock)


@pytest.fixture
def notes() -> Notes:
    """Nothing noted yet."""
    return Notes()


@pytest.fixture
def ask(accounts, notes):
    """ask(secret, address, scope) -> "ok", or the name of the error."""
    lockout = Lockout(LockoutRules(tries=TRIES, seconds=60), lambda: 0.0)
    gate = Gate(accounts, lockout, Clients(), notes)

    def asked(secret: str, address: str = HERE, needed: KeyScope = KeyScope.READ) -> str:
        request = scope("GET", authorization=f"Bearer {secret}")
        request["client"] = (address, 1)
        try:
            asyncio.run(gate.caller(request, needed))
        except (Refused, Forbidden, TooManyTries) as error:
            return type(error).__name__
        return "ok"

    return asked


def test_an_address_is_shut_out_and_no_other(ask, accounts):
    """After so many wrong keys no more are looked at from there, right ones that are new there included."""
    new = accounts.create_key("ann")

    answers = [ask(new_secret()) for _ in range(TRIES + 3)]

    assert answers == ["Refused"] * TRIES + ["TooManyTries"] * 3
    assert ask(new, THERE) == "ok"
    assert ask(new_secret(), THERE) == "Refused"


def test_a_new_key_waits_with_its_neighbours(ask, accounts):
    """Where it is not known yet whether a key is right, it is not looked at; elsewhere it is."""
    new = accounts.create_key("ann")
    for _ in range(TRIES):
        ask(new_secret())

    assert ask(new) == "TooManyTries"
    assert ask(new, THERE) == "ok"


def test_a_key_that_worked_is_not_shut_out(ask, accounts, store, clock):
    """Not even behind the same address, nor when its few seconds of memory are over; one that was revoked is."""
    known = accounts.create_key("ann")
    assert ask(known) == "ok"
    for _ in range(TRIES):
        ask(new_secret())
    for digest, (_, caller) in accounts._remembered.items():
        accounts._remembered[digest] = (0.0, caller)

    assert ask(known) == "ok"
    Accounts(store, clock).revoke("ann")
    for digest, (_, caller) in accounts._remembered.items():
        accounts._remembered[digest] = (0.0, caller)
    assert [ask(known), ask(known)] == ["Refused", "TooManyTries"]


def test_a_thousand_wrong_keys_are_a_few_lines(ask, notes):
    """The first, the tenth, the hundredth, the thousandth, and the one that shut the address out; no keys in them."""
    secret = new_secret()
    for _ in range(1000):
        ask(secret)

    said = [(line["event"], line["count"]) for line in notes.lines]
    assert said == [("key.wrong", 1), ("address.closed", TRIES), *(("key.wrong", n) for n in (10, 100, 1000))]
    assert {line["address"] for line in notes.lines} == {HERE}
    assert secret[4:20] not in repr(notes.lines)


@pytest.mark.parametrize("has", list(KeyScope))
def test_a_scope_opens_itself_and_nothing_else(ask, accounts, notes, has):
    """Three scopes, three doors. A missing one is noted and is no wrong key: nobody is shut out for it."""
    secret = accounts.issue(NewKey("ann", scopes=frozenset({has})))[1]

    told = Counter((needed, ask(secret, HERE, needed)) for needed in KeyScope for _ in range(TRIES + 1))

    assert told == {(needed, "ok" if needed is has else "Forbidden"): TRIES + 1 for needed in KeyScope}
    assert {line["target"] for line in notes.lines} == set(KeyScope) - {has}
    assert {(line["event"], line["outcome"]) for line in notes.lines} == {("access", "Forbidden")}
