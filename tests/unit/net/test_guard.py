"""The guard below the HTTP client, with a dialler that only takes notes: nothing here opens a connection."""

from __future__ import annotations

import asyncio
import itertools
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network

import httpcore2
import httpx2
import pytest

from refilm.net.client import Clients
from refilm.net.guard import GuardedBackend, system_resolver
from refilm.net.policy import Allowed, Blocked, Policy, UnclearSetting

PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=b\r\n\r\nhi"
REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: https://other.example.com/\r\nContent-Length: 0\r\n\r\n"


class NotingDial(httpcore2.AsyncNetworkBackend):
    """Notes who would be dialled and answers with fixed bytes; addresses in `dead` do not answer."""

    def __init__(self, answer: bytes = PAGE, dead: frozenset[str] = frozenset()) -> None:
        self.dialled: list[tuple[str, int]] = []
        self.sent: list[bytes] = []
        self.tls_names: list[str | None] = []
        self._answer = answer
        self._dead = dead

    async def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):  # noqa: ASYNC109
        self.dialled.append((host, port))
        if host in self._dead:
            raise httpcore2.ConnectError("refused")
        return NotingStream(self, self._answer)


class NotingStream(httpcore2.AsyncNetworkStream):
    """One pretended connection."""

    def __init__(self, dial: NotingDial, answer: bytes) -> None:
        self._dial = dial
        self._rest = answer

    async def read(self, max_bytes, timeout=None):  # noqa: ASYNC109
        part, self._rest = self._rest[:max_bytes], self._rest[max_bytes:]
        return part

    async def write(self, buffer, timeout=None):  # noqa: ASYNC109
        self._dial.sent.append(bytes(buffer))

    async def aclose(self):
        self._rest = b""

    async def start_tls(self, ssl_context, server_hostname=None, timeout=None):  # noqa: ASYNC109
        self._dial.tls_names.append(server_hostname)
        return self


def answers(*addresses):
    """A resolver that always gives these addresses, and notes what it was asked."""

    async def resolve(host, port):
        resolve.asked.append((host, port))
        return list(addresses)

    resolve.asked = []
    return resolve


def get(clients, url):
    """GET one URL through a guarded client."""

    async def run():
        async with clients.open(httpx2.URL(url), seconds=5) as client:
            return await client.get(url)

    try:
        return asyncio.run(run())
    finally:
        clients.close()


def test_judged_literal_is_dialled_and_the_name_is_kept_above():
    """The connection goes to the address that was judged; TLS and the Host header keep the name."""
    dial, resolve = NotingDial(), answers("1.1.1.1")

    response = get(Clients(Policy(), resolve=resolve, dial=dial), "https://media.example.com/clip")

    assert response.text == "hi"
    assert dial.dialled == [("1.1.1.1", 443)]
    assert dial.tls_names == ["media.example.com"]
    assert resolve.asked == [("media.example.com", 443)]
    assert b"Host: media.example.com\r\n" in dial.sent[0]


def test_request_names_us_and_asks_for_plain_bytes(monkeypatch):
    """The request says who we are, asks for no compression, and takes nothing from the environment."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    dial = NotingDial()

    get(Clients(Policy(), resolve=answers("1.1.1.1"), dial=dial), "https://media.example.com/")

    request = dial.sent[0].decode().lower()
    assert "\r\nuser-agent: refilm/" in request
    assert "\r\naccept-encoding: identity\r\n" in request
    assert dial.dialled == [("1.1.1.1", 443)]


def test_international_name_is_judged_as_it_is_looked_up():
    """A name in another script passes in its ASCII form, also as an exception, and TLS gets that form too."""
    policy = Policy((Allowed("xn--bcher-kva.lan", ip_network("10.1.0.0/16"), 8443),))
    for url in ("https://xn--bcher-kva.example.com/", "https://b\u00fccher.lan:8443/"):
        dial = NotingDial()

        assert get(Clients(policy, resolve=answers("1.1.1.1" if "example" in url else "10.1.2.3"), dial=dial), url).text

        assert dial.tls_names[0].startswith("xn--bcher-kva.")


def test_one_bad_answer_refuses_all():
    """A name with a private address among its answers is not dialled at all, wherever the bad one stands."""
    for addresses in itertools.permutations(["1.1.1.1", "2606:4700::1", "127.0.0.1"]):
        dial = NotingDial()

        with pytest.raises(Blocked):
            get(Clients(Policy(), resolve=answers(*addresses), dial=dial), "https://media.example.com/")

        assert dial.dialled == []


def test_unfit_name_is_not_even_resolved():
    """What cannot be a public host costs no lookup."""
    dial, resolve = NotingDial(), answers("1.1.1.1")

    with pytest.raises(Blocked):
        get(Clients(Policy(), resolve=resolve, dial=dial), "https://metadata.google.internal/")

    assert (dial.dialled, resolve.asked) == ([], [])


def test_plain_http_is_blocked():
    """Port 80 is not 443."""
    dial = NotingDial()

    with pytest.raises(Blocked):
        get(Clients(Policy(), resolve=answers("1.1.1.1"), dial=dial), "http://media.example.com/")

    assert dial.dialled == []


def test_redirect_is_returned_and_not_followed():
    """A redirect is an answer like any other."""
    dial = NotingDial(REDIRECT)

    response = get(Clients(Policy(), resolve=answers("1.1.1.1"), dial=dial), "https://media.example.com/")

    assert response.status_code == 302
    assert len(dial.dialled) == 1


def test_next_address_is_tried_when_one_does_not_answer():
    """A host with a dead address is reached by its next one."""
    dial = NotingDial(dead=frozenset({"1.1.1.1"}))

    response = get(Clients(Policy(), resolve=answers("1.1.1.1", "1.0.0.1"), dial=dial), "https://media.example.com/")

    assert response.status_code == 200
    assert dial.dialled == [("1.1.1.1", 443), ("1.0.0.1", 443)]


def test_name_without_addresses_cannot_be_reached():
    """No answers is a connection error, not a success."""
    with pytest.raises(httpx2.ConnectError):
        get(Clients(Policy(), resolve=answers(), dial=NotingDial()), "https://media.example.com/")


def test_failed_lookup_is_a_connection_error():
    """An unknown name looks like a host that does not answer."""

    async def resolve(host, port):
        raise OSError("unknown")

    with pytest.raises(httpx2.ConnectError):
        get(Clients(Policy(), resolve=resolve, dial=NotingDial()), "https://media.example.com/")


def test_thousand_dns_flips_never_reach_the_second_address():
    """A name server that alternates between an allowed and a private address gains nothing: each lookup is judged."""
    dial = NotingDial()
    flips = itertools.cycle(["1.1.1.1", "127.0.0.1"])
    lookups = []

    async def resolve(host, port):
        lookups.append(next(flips))
        return [lookups[-1]]

    async def knock():
        backend = GuardedBackend(Policy(), resolve, dial)
        outcomes = await asyncio.gather(
            *(backend.connect_tcp("media.example.com", 443, timeout=5) for _ in range(1000)), return_exceptions=True
        )
        return sum(isinstance(outcome, Blocked) for outcome in outcomes)

    blocked = asyncio.run(knock())

    assert len(lookups) == 1000
    assert blocked == 500
    assert dial.dialled == [("1.1.1.1", 443)] * 500


def test_exception_opens_a_private_host():
    """The operator's exception lets exactly its host through."""
    policy = Policy(allow=(Allowed("media.lan", ip_network("10.1.0.0/16"), 8443),))
    dial = NotingDial()

    response = get(Clients(policy, resolve=answers("10.1.2.3"), dial=dial), "https://media.lan:8443/")

    assert response.status_code == 200
    assert dial.dialled == [("10.1.2.3", 8443)]


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_unreadable_authority_is_told_at_start(tmp_path, content):
    """A CA file that is missing or no PEM stops the start with a sentence, and not the first fetch with a riddle."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    policy = Policy(allow=(Allowed("media.lan", ip_network("10.1.0.0/16"), 443, str(path)),))

    with pytest.raises(UnclearSetting, match=r"PEM form\.$"):
        Clients(policy)


def test_unix_socket_is_never_dialled():
    """Sockets of this machine are out of reach."""
    backend = GuardedBackend(Policy(), answers("1.1.1.1"), NotingDial())

    with pytest.raises(Blocked):
        asyncio.run(backend.connect_unix_socket("/run/some.sock"))


def test_hanging_lookup_ends_with_the_callers_patience():
    """A name server that never answers costs a bounded time, and the loop goes on meanwhile."""

    async def resolve(host, port):
        await asyncio.Event().wait()

    backend = GuardedBackend(Policy(), resolve, NotingDial())

    with pytest.raises(httpcore2.ConnectTimeout):
        asyncio.run(backend.connect_tcp("media.example.com", 443, timeout=0.05))


def test_system_resolver_gives_literals():
    """The operating system's answers come as plain literals, each once."""
    with ThreadPoolExecutor(1, thread_name_prefix="lookup") as threads:
        found = asyncio.run(system_resolver(threads)("localhost", 443))

    assert found
    assert len(found) == len(set(found))
    assert set(found) <= {"127.0.0.1", "::1"}
