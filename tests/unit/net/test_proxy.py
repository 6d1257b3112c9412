"""Fetching through a real proxy on 127.0.0.1, which notes what it is asked for and leads every tunnel to one port."""

from __future__ import annotations

import asyncio
import io
import socket
import ssl
import threading
from contextlib import suppress
from ipaddress import ip_network

import httpcore2
import pytest
import structlog
import trustme

from refilm.assets.fetch import Fetcher, FetchLimits, FetchRefused
from refilm.domain.uri import AssetKind
from refilm.errors import Unavailable
from refilm.net.policy import Allowed, Blocked, Policy, UnclearSetting, parse_endpoint_allow
from refilm.net.proxy import parse_proxy

HOST = "media.example.com"
LIMITS = FetchLimits(answer_seconds=5, refusal_step=0)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"


class Threads:
    """A listener on 127.0.0.1 whose connections each have a thread."""

    def __init__(self, serve) -> None:
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self.port = self._listener.getsockname()[1]
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self):
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                connection, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._handle, args=(connection,)))
                self._threads[-1].start()

    def _handle(self, connection):
        connection.settimeout(5)
        with suppress(OSError), connection:
            self._serve(connection)

    def close(self):
        """Stop listening, and wait for who is being served."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()


def head_of(connection) -> bytes:
    """What comes up to the empty line."""
    head = b""
    while b"\r\n\r\n" not in head and (part := connection.recv(65536)):
        head += part
    return head


def copy(source, target):
    """Pass on until one side hangs up."""
    with suppress(OSError):
        while part := source.recv(65536):
            target.sendall(part)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class NotingProxy(Threads):
    """Answers CONNECT with `status`; a tunnel leads to `to`, wherever it was asked for."""

    def __init__(self, to: int, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[str] = []
        self.status, self._to, self._tls = "200 Connection established", to, tls
        super().__init__(self._tunnel)

    def _tunnel(self, connection):
        client = self._tls.wrap_socket(connection, server_side=True) if self._tls else connection
        with client:
            self.asked.append(head_of(client).decode())
            client.sendall(f"HTTP/1.1 {self.status}\r\n\r\n".encode())
            if not self.status.startswith("2"):
                return
            with socket.create_connection(("127.0.0.1", self._to), timeout=5) as target:
                back = threading.Thread(target=copy, args=(target, client))
                back.start()
                copy(client, target)
                back.join()


@pytest.fixture(scope="module")
def authority():
    """A certificate authority of our own."""
    return trustme.CA()


@pytest.fixture
def ca_file(authority, tmp_path):
    """Its certificate as a file."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return str(tmp_path / "ca.pem")


def tls_for(authority, *names) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    return context


@pytest.fixture
def source(authority):
    """An HTTPS server for HOST that has five bytes."""
    context = tls_for(authority, HOST)

    def serve(connection):
        with context.wrap_socket(connection, server_side=True) as tls:
            method = head_of(tls).split(b" ")[0]
            tls.sendall(ANSWER + (b"bytes" if method == b"GET" else b""))

    server = Threads(serve)
    yield server
    server.close()


@pytest.fixture
def proxy(source):
    """A proxy in plain HTTP."""
    server = NotingProxy(source.port)
    yield server
    server.close()


async def public(host, port):
    """Every name is a public host."""
    return ["1.1.1.1"]


def fetcher_through(text, ca_file, *, resolve=public, cidr="1.1.1.1/32", allow=()) -> Fetcher:
    policy = Policy((Allowed(HOST, ip_network(cidr), 443, ca_file),))
    return Fetcher(policy, LIMITS, resolve=resolve, proxy=parse_proxy(text, allow))


def fetched(fetcher: Fetcher) -> bytes:
    file = io.BytesIO()
    try:
        asyncio.run(fetcher.head(f"https://{HOST}/clip.mp4", AssetKind.VIDEO))
        fetcher.download(f"https://{HOST}/clip.mp4", AssetKind.VIDEO, file)
    finally:
        fetcher.close()
    return file.getvalue()


def test_proxy_is_asked_for_the_judged_literal(proxy, ca_file):
    """The tunnel leads to the address that was judged; the name is kept to TLS, and the proxy is told neither it nor a
    secret of ours that it does not need."""
    assert fetched(fetcher_through(f"http://127.0.0.1:{proxy.port}", ca_file)) == b"bytes"

    assert len(proxy.asked) == 2
    for head in proxy.asked:
        assert head.startswith("CONNECT 1.1.1.1:443 HTTP/1.1\r\n")
        assert HOST not in head
        assert "authorization" not in head.lower()


def test_ipv6_literal_stands_in_brackets(proxy, ca_file):
    """As CONNECT has it."""

    async def resolve(host, port):
        return ["2606:4700::1111"]

    through = fetcher_through(f"http://127.0.0.1:{proxy.port}", ca_file, resolve=resolve, cidr="2606:4700::/32")
    assert fetched(through) == b"bytes"

    assert proxy.asked[0].startswith("CONNECT [2606:4700::1111]:443 HTTP/1.1\r\n")


def test_user_and_password_go_to_the_proxy(proxy, ca_file):
    """They come from the URL, percent-encoded where they must be."""
    assert fetched(fetcher_through(f"http://ann:p%40ss@127.0.0.1:{proxy.port}/", ca_file)) == b"bytes"

    assert "\r\nProxy-Authorization: Basic YW5uOnBAc3M=\r\n" in proxy.asked[0]


def test_proxy_may_speak_https(authority, source, ca_file):
    """A proxy with a certificate is spoken to by TLS, and TLS with the host runs inside."""
    secure = NotingProxy(source.port, tls_for(authority, "localhost"))
    listed = (parse_endpoint_allow(f"host=localhost cidr=127.0.0.0/8 port={secure.port} ca_file={ca_file}"),)

    try:
        assert fetched(fetcher_through(f"https://localhost:{secure.port}", ca_file, allow=listed)) == b"bytes"
        with pytest.raises(FetchRefused):  # its certificate is nobody's whom the system trusts
            fetched(fetcher_through(f"https://localhost:{secure.port}", ca_file))
    finally:
        secure.close()
    assert len(secure.asked) == 2


def test_what_is_forbidden_is_not_even_asked_of_the_proxy(proxy, ca_file):
    """The policy judges before the proxy hears of anything."""
    flips = iter(["127.0.0.1", "10.0.0.1", "::1", "169.254.169.254"])

    async def resolve(host, port):
        return ["1.1.1.1", next(flips)]

    for _ in range(4):
        with pytest.raises(FetchRefused):
            fetched(fetcher_through(f"http://127.0.0.1:{proxy.port}", ca_file, resolve=resolve))

    assert proxy.asked == []


def test_refusals_of_the_proxy_sound_like_any_other(proxy, ca_file):
    """That the proxy refuses, asks for a password, talks nonsense or is away is told to the operator alone."""
    told, logged = set(), []
    for status in ("403 Forbidden", "407 Proxy Authentication Required", "502 Bad Gateway", "\r\n\r\n", "away"):
        proxy.status = status
        port = proxy.port
        if status == "away":
            with socket.create_server(("127.0.0.1", 0)) as closing:
                port = closing.getsockname()[1]
        with structlog.testing.capture_logs() as logs, pytest.raises(FetchRefused) as refused:
            fetched(fetcher_through(f"http://127.0.0.1:{port}", ca_file))
        told.add((str(refused.value), refused.value.passing))
        logged += [entry["reason"] for entry in logs if entry["event"] == "an input was not fetched"]

    assert len(told) == 1
    assert len(set(logged)) == 5
    assert "The proxy answered with status 403." in logged[0]


def test_broken_tunnel_may_pass(proxy, source, ca_file):
    """A download through a proxy that is away is tried again later."""
    through = fetcher_through("http://127.0.0.1:9", ca_file)

    with pytest.raises(Unavailable):
        through.download(f"https://{HOST}/clip.mp4", AssetKind.VIDEO, io.BytesIO())
    through.close()


def test_proxy_opens_no_unix_sockets(ca_file):
    """Sockets of this machine stay out of reach."""
    from refilm.net.proxy import Tunnels

    tunnels = Tunnels(parse_proxy("http://proxy.lan"), httpcore2.AnyIOBackend(), ssl.create_default_context())

    with pytest.raises(Blocked):
        asyncio.run(tunnels.connect_unix_socket("/run/some.sock"))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("http://proxy.lan:3128", ("http", "proxy.lan", 3128)),
        ("http://proxy.lan", ("http", "proxy.lan", 80)),
        ("https://Proxy.lan/", ("https", "proxy.lan", 443)),
        ("http://[::1]:3128", ("http", "::1", 3128)),
    ],
)
def test_proxy_is_read_from_its_setting(text, place):
    """Scheme, host and port, each as spelled or the scheme's own."""
    proxy = parse_proxy(text)

    assert (proxy.scheme, proxy.host, proxy.port, proxy.authorization) == (*place, None)


@pytest.mark.parametrize(
    "text",
    ["", "proxy.lan:3128", "socks5://ann:sesame@proxy.lan", "http://ann:sesame@proxy.lan/path", "http://sesame:b"],
)
def test_unclear_proxy_stops_the_start(text):
    """What is no proxy's URL is told with an example, and without repeating it: it may hold a password."""
    with pytest.raises(UnclearSetting, match=r"egress_proxy must be a URL") as told:
        parse_proxy(text)
    assert "sesame" not in str(told.value)


def test_proxy_follows_the_list_of_endpoints():
    """Where the operator lists endpoints, a proxy that is not among them stops the start."""
    listed = (parse_endpoint_allow("scheme=http host=proxy.lan cidr=10.0.0.0/8 port=3128"),)

    assert parse_proxy("http://proxy.lan:3128", listed).policy.allow == listed
    with pytest.raises(UnclearSetting, match="endpoint_allow"):
        parse_proxy("http://other.lan:3128", listed)
