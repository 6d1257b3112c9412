"""Fetching from a real HTTPS server on 127.0.0.1 that behaves well, badly and worse."""

from __future__ import annotations

import asyncio
import contextlib
import io
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import ip_network

import pytest
import structlog
import trustme
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from refilm.assets.fetch import Fetcher, FetchLimits, FetchRefused
from refilm.domain.uri import AssetKind
from refilm.errors import Cancelled, InvalidAsset, Unavailable
from refilm.net.policy import Allowed, Policy

CLIP = bytes(range(256)) * 400
HOST = "media.example.com"
LIMITS = FetchLimits(video_bytes=1_000_000, image_bytes=50_000, answer_seconds=5, grace_seconds=5, refusal_step=0)
IMPATIENT = replace(LIMITS, answer_seconds=0.3, grace_seconds=0.3)


def answer(status=200, body=CLIP, **headers) -> bytes:
    """One HTTP answer. A header named `content_type` becomes Content-Type; one that is None is left out."""
    named = {"content_type": "video/mp4", "content_length": str(len(body)), **headers}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in named.items() if value is not None]
    return "\r\n".join([f"HTTP/1.1 {status} Said", *lines, "", ""]).encode() + body


ANSWERS = {
    "/clip.mp4": answer(),
    "/odd-name.exe": answer(content_type="Video/MP4; codecs=avc1"),
    "/plain-identity": answer(content_encoding="identity"),
    "/chunked": answer(body=b"5\r\nhello\r\n0\r\n\r\n", content_length=None, transfer_encoding="chunked"),
    "/picture.png": answer(body=b"x" * 50_000, content_type="image/png"),
    "/picture-too-large.png": answer(body=b"x" * 50_001, content_type="image/png"),
    "/redirect": answer(302, b"", location="/clip.mp4"),
    "/moved": answer(301, b"", location="https://127.0.0.1/"),
    "/no-content": answer(204, b"", content_length=None),
    "/part": answer(206),
    "/missing": answer(404),
    "/forbidden": answer(403),
    "/too-many": answer(429),
    "/broken": answer(500),
    "/away": answer(503),
    "/octets": answer(content_type="application/octet-stream"),
    "/page": answer(content_type="text/html"),
    "/typeless": answer(content_type=None),
    "/strange-type": answer(content_type="video/mp4<script>"),
    "/gzip": answer(content_encoding="gzip"),
    "/large": answer(content_length="1000001"),
    "/huge-number": answer(content_length="9" * 20),
    "/empty": answer(body=b""),
    "/truncated": answer(content_length="200000"),
    "/nonsense": b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
}


class Server:
    """An HTTPS server in threads. It notes each request, and stops when left."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.requests: list[str] = []
        self.stopping = threading.Event()
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self):
        self._threads[0].start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self):
        while not self.stopping.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
                self._threads[-1].start()

    def _serve(self, connection):
        connection.settimeout(5)
        with contextlib.suppress(OSError), connection, self._context.wrap_socket(connection, server_side=True) as tls:
            head = b""
            while b"\r\n\r\n" not in head and (part := tls.recv(65536)):
                head += part
            self.requests.append(head.decode())
            method, target, _ = head.split(b" ", 2)
            self._answer(tls, method, target.partition(b"?")[0])

    def _answer(self, tls, method, path):
        if path == b"/silent":
            self.stopping.wait(5)
        elif path == b"/drip":
            tls.sendall(answer(body=b"", content_length="100000"))
            while not self.stopping.wait(0.02):
                tls.sendall(b"x")
        elif path == b"/lying":
            tls.sendall(answer(body=b"", content_length=None, transfer_encoding="chunked"))
            while not self.stopping.is_set():
                tls.sendall(b"2710\r\n" + b"x" * 10_000 + b"\r\n")
        else:
            text = ANSWERS[path.decode()]
            tls.sendall(text if method == b"GET" else text.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")


@pytest.fixture(scope="module")
def authority():
    """A certificate authority of our own."""
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority, tmp_path_factory):
    """The authority's certificate as a file."""
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture(scope="module")
def server(authority):
    """The server, with a certificate for HOST and localhost."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(HOST, "localhost").configure_cert(context)
    with Server(context) as running:
        yield running


async def loopback(host, port):
    """Every name is this machine."""
    return ["127.0.0.1"]


@pytest.fixture
def fetcher_for(server, ca_file):
    """Make a fetcher that may reach the server by its names, and nothing else."""
    made = []

    def make(limits=LIMITS, *, hosts=(HOST,), ca=ca_file, resolve=loopback) -> Fetcher:
        networks = [ip_network("127.0.0.0/8"), ip_network("::1/128")]
        allow = tuple(Allowed(host, network, server.port, ca) for host in hosts for network in networks)
        made.append(Fetcher(Policy(allow), limits, resolve=resolve))
        return made[-1]

    yield make
    for fetcher in made:
        fetcher.close()


@pytest.fixture
def url(server):
    """Make a URL on the server."""
    return lambda path, host=HOST: f"https://{host}:{server.port}{path}"


def head(fetcher, uri, kind=AssetKind.VIDEO):
    asyncio.run(fetcher.head(uri, kind))


def refusal(fetcher, uri, kind=AssetKind.VIDEO) -> str:
    with pytest.raises(FetchRefused) as caught:
        head(fetcher, uri, kind)
    return str(caught.value)


@pytest.mark.parametrize("path", ["/clip.mp4", "/odd-name.exe", "/plain-identity"])
def test_fit_url_passes_and_is_downloaded_bit_for_bit(fetcher_for, url, path):
    """A clip with a right type and length passes, whatever its file name, and arrives as it lies there."""
    fetcher, file = fetcher_for(), io.BytesIO()

    head(fetcher, url(path))

    assert fetcher.download(url(path), AssetKind.VIDEO, file) == len(CLIP)
    assert file.getvalue() == CLIP


def test_picture_passes_at_its_own_limit(fetcher_for, url):
    """Pictures have their own types and their own limit, and a file of exactly that size passes."""
    fetcher, file = fetcher_for(), io.BytesIO()

    head(fetcher, url("/picture.png"), AssetKind.IMAGE)

    assert fetcher.download(url("/picture.png"), AssetKind.IMAGE, file) == 50_000
    assert "50000 bytes" in refusal(fetcher, url("/picture-too-large.png"), AssetKind.IMAGE)
    assert "Content-Type" in refusal(fetcher, url("/clip.mp4"), AssetKind.IMAGE)
    assert "Content-Type" in refusal(fetcher, url("/picture.png"), AssetKind.VIDEO)


def test_requests_say_who_asks_and_want_plain_bytes(fetcher_for, url, server):
    """HEAD first, then GET, both with our name, the host's name, and no compression."""
    fetcher = fetcher_for()
    server.requests.clear()

    head(fetcher, url("/clip.mp4"))
    fetcher.download(url("/clip.mp4?a=b#fragment"), AssetKind.VIDEO, io.BytesIO())

    assert [request.split("\r\n")[0] for request in server.requests] == [
        "HEAD /clip.mp4 HTTP/1.1",
        "GET /clip.mp4?a=b HTTP/1.1",
    ]
    for request in server.requests:
        assert f"\r\nhost: {HOST}:{server.port}\r\n" in request.lower()
        assert "\r\nuser-agent: refilm/" in request.lower()
        assert "\r\naccept-encoding: identity\r\n" in request.lower()


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/redirect", "redirect"),
        ("/moved", "redirect"),
        ("/no-content", "204"),
        ("/part", "206"),
        ("/missing", "404"),
        ("/forbidden", "403"),
        ("/broken", "500"),
        ("/octets", "application/octet-stream"),
        ("/page", "text/html"),
        ("/typeless", "without a Content-Type"),
        ("/strange-type", "Content-Type as sent"),
        ("/gzip", "Content-Encoding"),
        ("/large", "1000000 bytes"),
        ("/huge-number", "1000000 bytes"),
        ("/chunked", "Content-Length"),
        ("/empty", "empty"),
    ],
)
def test_unfit_answer_to_head_is_refused_with_the_reason(fetcher_for, url, path, word):
    """Each thing that is wrong with an answer is named in one sentence."""
    sentence = refusal(fetcher_for(), url(path))

    assert word in sentence
    assert sentence.endswith(".")
    assert "127.0.0.1" not in sentence


def test_redirect_is_not_followed(fetcher_for, url, server):
    """One request is made, to the URL as given."""
    server.requests.clear()

    refusal(fetcher_for(), url("/redirect"))

    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "path", ["/redirect", "/missing", "/forbidden", "/octets", "/typeless", "/gzip", "/large", "/empty"]
)
def test_download_that_will_never_do_is_an_invalid_asset(fetcher_for, url, path):
    """What a retry cannot mend ends the task."""
    with pytest.raises(InvalidAsset):
        fetcher_for().download(url(path), AssetKind.VIDEO, io.BytesIO())


@pytest.mark.parametrize("path", ["/broken", "/away", "/too-many", "/truncated", "/nonsense"])
def test_download_that_may_do_later_is_unavailable(fetcher_for, url, path):
    """What a retry may mend is told apart: the server's own trouble, and connections that break."""
    with pytest.raises(Unavailable):
        fetcher_for().download(url(path), AssetKind.VIDEO, io.BytesIO())


def test_download_without_a_length_is_counted(fetcher_for, url):
    """A chunked answer needs no length."""
    file = io.BytesIO()

    assert fetcher_for().download(url("/chunked"), AssetKind.VIDEO, file) == 5
    assert file.getvalue() == b"hello"


def test_endless_download_is_cut_at_the_limit(fetcher_for, url):
    """A server that sends more than it may is cut off, and not one byte beyond the limit is written."""
    file = io.BytesIO()

    with pytest.raises(InvalidAsset, match="1000000 bytes"):
        fetcher_for().download(url("/lying"), AssetKind.VIDEO, file)

    assert len(file.getvalue()) <= 1_000_000


def test_slow_drip_is_given_up(fetcher_for, url):
    """A server that sends a byte now and then, each in time, does not hold a worker."""
    with pytest.raises(Unavailable):
        fetcher_for(IMPATIENT).download(url("/drip"), AssetKind.VIDEO, io.BytesIO())


def test_silent_server_is_given_up(fetcher_for, url):
    """A server that takes the request and never answers costs the answer's time and no more."""
    fetcher = fetcher_for(IMPATIENT)

    with pytest.raises(Unavailable):
        fetcher.download(url("/silent"), AssetKind.VIDEO, io.BytesIO())
    assert "not fast enough" in refusal(fetcher, url("/silent"))


def test_download_stops_when_its_caller_says_so(fetcher_for, url, monkeypatch):
    """What `poll` raises ends the download, also while the server says nothing."""
    monkeypatch.setattr("refilm.assets.fetch.POLL_SECONDS", 0.05)
    asked = []

    def poll():
        asked.append(1)
        if len(asked) == 3:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        fetcher_for().download(url("/silent"), AssetKind.VIDEO, io.BytesIO(), poll=poll)

    assert len(asked) == 3


def test_full_disk_under_a_download_passes_as_it_is(fetcher_for, url):
    """An error of our own disk is not blamed on the server."""

    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        fetcher_for().download(url("/clip.mp4"), AssetKind.VIDEO, Full())


def test_private_host_is_not_reached_by_default(server, url):
    """Without the operator's setting, not one connection is made to this machine, on whatever port and by what name."""
    server.requests.clear()
    fetcher = Fetcher(Policy(), LIMITS)

    for host in ("localhost", HOST, "127.0.0.1", "[::1]", "127.1"):
        refusal(fetcher, url("/clip.mp4", host))
    with pytest.raises(Unavailable):
        fetcher.download(url("/clip.mp4", "localhost"), AssetKind.VIDEO, io.BytesIO())
    fetcher.close()

    assert server.requests == []


def test_setting_opens_localhost_through_the_systems_resolver(fetcher_for, url):
    """The one explicit setting makes tests and private networks possible, with the system's own lookups."""
    fetcher, file = fetcher_for(hosts=("localhost",), resolve=None), io.BytesIO()

    head(fetcher, url("/clip.mp4", "localhost"))

    assert fetcher.download(url("/clip.mp4", "localhost"), AssetKind.VIDEO, file) == len(CLIP)


def test_certificate_must_be_for_the_host(fetcher_for, url, server):
    """A server that cannot prove the name in the URL gets no request."""
    server.requests.clear()

    refusal(fetcher_for(hosts=("other.example.com",)), url("/clip.mp4", "other.example.com"))

    assert server.requests == []


def test_authority_of_an_exception_is_not_everybodys(fetcher_for, url, server):
    """Without its CA file, our private authority is not trusted."""
    server.requests.clear()

    refusal(fetcher_for(ca=None), url("/clip.mp4"))

    assert server.requests == []


async def unknown(host, port):
    """Nobody knows a name."""
    raise OSError("no such name")


async def private(host, port):
    """Every name is inside."""
    return ["10.0.0.1"]


@pytest.fixture
def unreachable(fetcher_for, url):
    """Every way of not being reached over HTTPS, as (fetcher, URL): by what the operator is told as its cause."""
    with socket.create_server(("127.0.0.1", 0)) as closing:
        closed_port = closing.getsockname()[1]
    closed = Fetcher(Policy((Allowed(HOST, ip_network("127.0.0.0/8"), closed_port),)), LIMITS, resolve=loopback)
    yield {
        "refused": (closed, f"https://{HOST}:{closed_port}/"),
        "port not allowed": (closed, url("/clip.mp4")),
        "internal name": (closed, "https://localhost/"),
        "unknown name": (fetcher_for(resolve=unknown), url("/clip.mp4")),
        "private address": (fetcher_for(resolve=private), url("/clip.mp4")),
        "certificate": (fetcher_for(ca=None), url("/clip.mp4")),
        "not HTTP": (fetcher_for(), url("/nonsense")),
        "silent": (fetcher_for(IMPATIENT), url("/silent")),
    }
    closed.close()


def test_all_ways_of_not_being_reached_sound_the_same(unreachable):
    """Answers do not tell a closed port from an open one, a blocked address from an unknown name: no port scan."""
    assert len({refusal(fetcher, uri) for fetcher, uri in unreachable.values()}) == 1


def test_all_ways_of_not_being_reached_are_tried_again(unreachable):
    """Nor does the number of tries tell them apart: each may pass, and ends in the same sentence."""
    told = set()
    for fetcher, uri in unreachable.values():
        with pytest.raises(Unavailable) as caught:
            fetcher.download(uri, AssetKind.VIDEO, io.BytesIO())
        told.add(str(caught.value))

    assert len(told) == 1


def test_operators_log_tells_what_the_client_is_not_told(unreachable):
    """The log names the host and what lay at the bottom of it, in words of its own for each, and no path or query."""
    told = {}
    for way, (fetcher, uri) in unreachable.items():
        with structlog.testing.capture_logs() as logs:
            refusal(fetcher, uri + "?token=sesame")
        (line,) = [entry for entry in logs if entry["event"] == "an input was not fetched"]
        assert "sesame" not in str(line)
        told[way] = f"{line['host']} {line['cause']} {line['reason']}"

    assert len(set(told.values())) == len(told)
    assert "10.0.0.1, where the operator does not allow it" in told["private address"]
    assert "127.0.0.1 did not connect" in told["refused"]
    assert "no such name" in told["unknown name"]
    assert "CERTIFICATE_VERIFY_FAILED" in told["certificate"]
    assert "localhost" in told["internal name"]
    assert "is not 443" in told["port not allowed"]


@given(st.floats(0, 30), st.sampled_from([0.5, 1.0, 3.0]), st.floats(1, 20))
def test_refusals_are_told_at_whole_steps(passed, step, answer_seconds):
    """What a client can measure is a whole number of steps or the limit of an answer, whatever took how long."""
    told = passed + replace(LIMITS, refusal_step=step, answer_seconds=answer_seconds).until_told(passed)

    steps = told / step
    assert abs(steps - round(steps)) < 1e-6 or abs(told - answer_seconds) < 1e-6 or told == passed >= answer_seconds
    assert passed <= told <= max(passed + step, answer_seconds)


def test_refusal_waits_for_its_moment(unreachable, monkeypatch):
    """That nobody answers over HTTPS is told at its moment, however it was found out; an answer is told at once."""
    asked = []
    monkeypatch.setattr(FetchLimits, "until_told", lambda limits, passed: asked.append(passed) or 0.0)

    for number, (fetcher, uri) in enumerate(unreachable.values(), start=1):
        refusal(fetcher, uri)
        assert len(asked) == number
    fetcher, uri = unreachable["not HTTP"]
    refusal(fetcher, uri.replace("/nonsense", "/missing"))

    assert len(asked) == len(unreachable)


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_many_heads_run_side_by_side(fetcher_for, url, loop_factory):
    """One fetcher serves many creates of one event loop at the same time, also on the loop that the server uses."""
    fetcher = fetcher_for()

    async def look():
        return await asyncio.gather(*(fetcher.head(url("/clip.mp4"), AssetKind.VIDEO) for _ in range(20)))

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(look()) == [None] * 20


def test_downloads_run_side_by_side_in_threads(fetcher_for, url):
    """One fetcher serves all workers of a process, each in a thread of its own."""
    fetcher, files = fetcher_for(), [io.BytesIO() for _ in range(4)]

    with ThreadPoolExecutor(4) as workers:
        sizes = list(workers.map(lambda file: fetcher.download(url("/clip.mp4"), AssetKind.VIDEO, file), files))

    assert sizes == [len(CLIP)] * 4
    assert all(file.getvalue() == CLIP for file in files)


SPELLINGS = """
http://media.example.com/ ftp://media.example.com/ file:///etc/passwd gopher://media.example.com/
https:media.example.com //media.example.com/ https:// https:/// https://:443/ https://@/ https://? javascript:alert(1) unix:///run/docker.sock
https://user@media.example.com/ https://user:pw@media.example.com/ https://media.example.com@127.0.0.1/
https://127.0.0.1\\@media.example.com/ https://media.example.com\\.internal/ https://media.example.com:0/
https://media.example.com:80/ https://media.example.com:22/ https://media.example.com:8443/ https://media.example.com:65536/
https://media.example.com:-1/ https://media.example.com:x/ https://127.0.0.1/ https://127.1/ https://127.0.1/ https://0/
https://0.0.0.0/ https://0x7f.0.0.1/ https://0x7f000001/ https://2130706433/ https://017700000001/ https://0177.0.0.1/
https://127.0.0.1./ https://127.000.000.001/ https://1.1.1.1/ https://8.8.8.8:443/ https://[::1]/ https://[::]/
https://[::ffff:127.0.0.1]/ https://[0:0:0:0:0:ffff:7f00:1]/ https://[fe80::1%25eth0]/ https://[2606:4700::1111]/
https://[64:ff9b::7f00:1]/ https://[v1.x]/ https://[::1/ https://①②⑦.⓪.⓪.①/ https://127。0。0。1/ https://１２７.0.0.1/
https://169.254.169.254/latest/meta-data/ https://metadata.google.internal/ https://metadata/ https://localhost/
https://LOCALHOST/ https://localhost./ https://localhost.localdomain.local/ https://app.localhost/ https://router.lan/
https://kubernetes.default.svc.cluster.local/ https://wiki.corp/ https://nas.home.arpa/ https://x.onion/ https://db.internal/
https://ex%61mple.com/ https://127.0.0.1%2f.example.com/ https://a..example.com/ https://.example.com/ https://-a.example.com/
https://media.example.com%00.internal/ https://host.test/ https://host.invalid/ https://intranet/ https://a_b/
""".split()  # noqa: SIM905 - a table to be read


@pytest.mark.parametrize(
    "spelling", [*SPELLINGS, "https://exa mple.com/", "https://a.com/\nb", "https://a.com\t.b.com/"]
)
def test_odd_spelling_reaches_nobody(spelling):
    """No spelling of a private, internal or malformed place is looked up or dialled, even if every name were public."""
    looked_up = []

    async def public(host, port):
        looked_up.append(host)
        return ["127.0.0.1"]  # were it dialled, the policy would still stop it here

    fetcher = Fetcher(Policy(), LIMITS, resolve=public)
    refusal(fetcher, spelling)
    with pytest.raises((InvalidAsset, Unavailable)):
        fetcher.download(spelling, AssetKind.VIDEO, io.BytesIO())
    fetcher.close()

    assert looked_up == []
