"""A real server under clients that mean harm: its settings reach its sockets, and whoever is honest is served."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator

import httpx2
import pytest
from server_process import PATIENCE, ServerProcess

SETTINGS = {
    "REFILM_WORKERS": "0",
    "REFILM_HEAD_SECONDS": "0.4",
    "REFILM_BODY_SECONDS": "0.4",
    "REFILM_IDLE_SECONDS": "1",
    "REFILM_MAX_READS_PER_SECOND": "0.5",
    "REFILM_MAX_WRITES_PER_SECOND": "0.2",
    "REFILM_MAX_KEYLESS_PER_SECOND": "0.5",
    "REFILM_MAX_CONNECTIONS_PER_ADDRESS": "5",
    "REFILM_TRUSTED_PROXIES": "127.0.0.2/32",
    "REFILM_PUBLIC_URL": "http://refilm.lan",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server with small limits."""
    with ServerProcess(tmp_path_factory.mktemp("door") / "data", SETTINGS) as running:
        yield running


def said(server: ServerProcess, sent: bytes, source: str = "127.0.0.1") -> bytes:
    """Everything that comes back for these bytes until the server closes."""
    told = b""
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE, (source, 0)) as line:
        line.sendall(sent)
        while piece := line.recv(65_536):
            told += piece
    return told


def statuses(server: ServerProcess, times: int, path: str, source: str = "127.0.0.1", **headers: str) -> Counter[int]:
    """How so many GETs were answered."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    transport = httpx2.HTTPTransport(local_address=source)
    with httpx2.Client(base_url=server.url, headers=named, transport=transport) as client:
        return Counter(client.get(path).status_code for _ in range(times))


@pytest.mark.parametrize(
    ("sent", "begins"),
    [
        (b"", b""),
        (b"GET /health HTTP/1.1\r\nHost: x\r\n", b"HTTP/1.1 408 "),
        (b"POST /uploads HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
         b"Content-Length: 100\r\n\r\n--x", b"HTTP/1.1 408 "),
        (b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200 "),
    ],
    ids=["nothing", "half a head", "half a body", "idle"],
)  # fmt: skip
def test_a_client_that_stops_is_cut(server: ServerProcess, sent: bytes, begins: bytes) -> None:
    """Before, within and after a request, each in its time."""
    assert said(server, sent).startswith(begins)


def test_a_key_has_its_share_and_no_more(server: ServerProcess) -> None:
    """Beyond it a key gets 429 with Retry-After, polls and creates apart, and another key is served as ever."""
    greedy, modest = (
        {"authorization": f"Bearer {server.new_key(name)}", "X-Runway-Version": "2024-11-06"}
        for name in ("greedy", "modest")
    )

    with httpx2.Client(base_url=server.url, headers=greedy, trust_env=False) as client:
        flood = [client.get("/v1/organization") for _ in range(30)]

    assert {answer.status_code for answer in flood} == {200, 429}
    refused = next(answer for answer in flood if answer.status_code == 429)
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert set(refused.json()) == {"error", "docUrl"}
    created = httpx2.delete(f"{server.url}/v1/tasks/x", headers=greedy, trust_env=False)
    assert created.status_code == 404
    assert statuses(server, 4, "/v1/organization", **modest) == {200: 4}


def test_addresses_are_told_apart_by_trusted_proxies_alone(server: ServerProcess) -> None:
    """Whoever is no proxy cannot change where it comes from; behind one, the address that the proxy wrote counts."""
    spoofing = sum((statuses(server, 5, "/metrics", x_forwarded_for=f"203.0.113.{n}") for n in range(6)), Counter())
    assert 429 in spoofing

    assert statuses(server, 3, "/metrics", "127.0.0.2", x_forwarded_for="127.0.0.1, 203.0.113.7") == {200: 3}
    lying = sum(
        (statuses(server, 5, "/metrics", "127.0.0.2", x_forwarded_for=f"6.6.6.{n}, 203.0.113.8") for n in range(6)),
        Counter(),
    )
    assert 429 in lying


def test_an_address_has_so_many_connections(server: ServerProcess) -> None:
    """One more is told so at once, and others do not feel it."""
    held = [socket.create_connection(("127.0.0.1", server.port), PATIENCE, ("127.0.0.5", 0)) for _ in range(5)]

    assert said(server, b"", "127.0.0.5").startswith(b"HTTP/1.1 429 ")
    assert statuses(server, 1, "/health", "127.0.0.6") == {200: 1}
    for line in held:
        line.close()


def test_the_log_says_what_happened(server: ServerProcess) -> None:
    """What was turned away is told of, a proxy that is trusted is no news, and nothing is an error."""
    assert "connections were turned away" in server.told()
    assert "not trusted" not in server.told()
    assert "[error" not in server.told()
