"""R7: URLs that try to reach what is inside, in every spelling, at every door that takes a URL; and names that flip.

    python campaigns/r07_ssrf.py [--flips 1000] [--seed 1]

The spellings are in `r07_ssrf.toml`. The whole server runs in this process, with a name server and a dialler of the
campaign's: whatever the guard lets through to an address that is not one of the controls' is really connected, to
canaries on 127.0.0.1 and ::1. A pass: every spelling is refused with 400 at its own door, and nothing is dialled; a
name that was public when it was looked at and is private when it is fetched is not followed; the controls pass, over
real TLS on their names. Ends with one line of verdict and exit code 0 for a pass.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import itertools
import random
import socket
import sys
import tempfile
import threading
import tomllib
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpcore2
import httpx2
from https_source import HttpsSource

from refilm.assets.fetch import Fetcher, FetchLimits, FetchRefused
from refilm.bootstrap.process import build
from refilm.config import Settings
from refilm.domain.uri import AssetKind, parse_https_url
from refilm.errors import Unavailable
from refilm.net.policy import Policy
from refilm.telemetry import configure_logging

PLAN = Path(__file__).with_suffix(".toml")
#: Spellings whose hosts must be told from each other by nothing: neither by what they resolve to nor by whether.
LEAD_INSIDE = "public names that lead inside"
PUBLIC = "1.1.1.1"
#: Creates under way at once, and downloads.
CALLERS, FETCHERS = 32, 6
VIDEO = "data:video/mp4;base64," + base64.b64encode(b"no clip, and nobody looks").decode()
#: Where a URL may stand: its path in the body, and the file that it should name.
DOORS: dict[str, tuple[list[str | int], str]] = {
    "videoUri": (["videoUri"], "clip.mp4"),
    "references": (["references", 0, "uri"], "picture.png"),
    "keyframes": (["keyframes", 0, "uri"], "picture.png"),
}


def body_for(door: str, uri: str) -> dict[str, Any]:
    """A create with `uri` at that door, and nothing else to complain about."""
    if door == "videoUri":
        return {"model": "gen4_aleph", "videoUri": uri, "promptText": "make it warm"}
    if door == "references":
        return body_for("videoUri", VIDEO) | {"references": [{"type": "image", "uri": uri}]}
    return body_for("videoUri", VIDEO) | {"model": "aleph2", "keyframes": [{"uri": uri, "seconds": 0}]}


class Canaries:
    """Listeners on 127.0.0.1 and, where there is one, ::1. Whoever connects to one is counted."""

    def __init__(self) -> None:
        self.reached = 0
        self._listeners = [socket.create_server(("127.0.0.1", 0))]
        with suppress(OSError):
            self._listeners.append(socket.create_server(("::1", 0), family=socket.AF_INET6))
        self.ports = [listener.getsockname()[1] for listener in self._listeners]
        self._threads = [threading.Thread(target=self._count, args=(each,), daemon=True) for each in self._listeners]
        self._stopping = threading.Event()
        for thread in self._threads:
            thread.start()

    def _count(self, listener: socket.socket) -> None:
        listener.settimeout(0.1)
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                listener.accept()[0].close()
                self.reached += 1

    def close(self) -> None:
        """Stop listening."""
        self._stopping.set()
        for thread, listener in zip(self._threads, self._listeners, strict=True):
            thread.join()
            listener.close()


class Names:
    """A name server that answers as it was told, and counts how often each name was asked for."""

    def __init__(self, answers: dict[str, list[str]]) -> None:
        self.answers = answers
        #: Names whose answers change: what comes next.
        self.flips: dict[str, Iterator[list[str]]] = {}
        self.asked: Counter[str] = Counter()

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """As `refilm.net.guard.Resolve`."""
        self.asked[host] += 1
        return next(self.flips[host]) if host in self.flips else self.answers.get(host, ["127.0.0.1"])


class Doorway(httpcore2.AnyIOBackend):
    """Notes who is dialled. Public addresses of the controls lead to the source, all others to the canary."""

    def __init__(self, source: HttpsSource, canary: int, public: set[str]) -> None:
        self.dialled: list[tuple[str, int]] = []
        self._source, self._canary, self._public = source, canary, public

    async def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore2.AsyncNetworkStream:
        self.dialled.append((host, port))
        if host in self._public and port == 443:
            return Trusting(await super().connect_tcp("127.0.0.1", self._source.port), self._source.ca_file)
        return await super().connect_tcp("127.0.0.1", self._canary)


class Trusting(httpcore2.AsyncNetworkStream):
    """A connection whose TLS trusts one more authority. Certificates are checked against the name as always."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream, ca_file: Path) -> None:
        self._stream, self._ca_file = stream, ca_file
        self.read, self.write, self.aclose = stream.read, stream.write, stream.aclose  # type: ignore[method-assign]
        self.get_extra_info = stream.get_extra_info  # type: ignore[method-assign]

    async def start_tls(self, ssl_context: Any, *rest: Any, **more: Any) -> httpcore2.AsyncNetworkStream:
        ssl_context.load_verify_locations(self._ca_file)
        return await self._stream.start_tls(ssl_context, *rest, **more)


@dataclass
class Found:
    """What happened, and what should not have."""

    refused: int = 0
    passed: int = 0
    flipped: int = 0
    wrong: list[str] = field(default_factory=list)
    #: What the client was told about names that lead inside.
    sentences: set[str] = field(default_factory=set)


@dataclass
class Place:
    """Where the campaign takes place."""

    plan: dict[str, Any]
    names: Names
    door: Doorway
    canaries: Canaries
    step: float

    def fetcher(self, step: float) -> Fetcher:
        """A fetcher as every server has it, with the campaign's name server and dialler below."""
        limits = FetchLimits(answer_seconds=60, refusal_step=step)
        return Fetcher(Policy(), limits, resolve=self.names.resolve, dial=self.door)

    def spelled(self, uri: str) -> str:
        """A URL of the plan with the canaries' ports in it."""
        return uri.replace("{v4}", str(self.canaries.ports[0])).replace("{v6}", str(self.canaries.ports[-1]))


@contextmanager
def place(data: Path, step: float) -> Iterator[Place]:
    """Sources, canaries, names. step: see `FetchLimits.refusal_step`."""
    plan = tomllib.loads(PLAN.read_text(encoding="utf-8"))
    files = data / "files"
    files.mkdir(parents=True)
    for name in ("clip.mp4", "picture.png"):
        (files / name).write_bytes(b"five!")
    controls, flips = plan["controls"], plan["flips"]
    public = {PUBLIC, *flips["public"], *itertools.chain(*controls["answers"].values())}
    hosts = {parse_https_url(uri).host for uri in controls["urls"]}
    names = Names({host: [PUBLIC] for host in hosts} | controls["answers"] | plan["answers"])
    canaries = Canaries()
    try:
        with HttpsSource(files, data / "ca.pem", "media.example.com", controls["names"]) as source:
            yield Place(plan, names, Doorway(source, canaries.ports[0], public), canaries, step)
    finally:
        canaries.close()


@asynccontextmanager
async def client_of(where: Place, data: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a whole server in this process, with a key."""
    server = build(Settings(data=data / "server", workers=0), fetcher=where.fetcher(where.step))
    headers = {
        "authorization": f"Bearer {server.accounts.create_key('campaign')}",
        "x-runway-version": "2024-11-06",
    }
    transport = httpx2.ASGITransport(server.app, raise_app_exceptions=False)
    try:
        async with httpx2.AsyncClient(transport=transport, base_url="http://refilm", headers=headers) as client:
            yield client
    finally:
        server.close()


async def knock(where: Place, data: Path, found: Found) -> None:
    """Every spelling and every control at every door."""
    turn = asyncio.Semaphore(CALLERS)

    async def create(client: httpx2.AsyncClient, door: str, uri: str) -> httpx2.Response:
        async with turn:
            return await client.post("/v1/video_to_video", json=body_for(door, uri), timeout=120)

    async def attack(client: httpx2.AsyncClient, kind: str, door: str, uri: str) -> None:
        answer = await create(client, door, uri)
        issues = answer.json().get("issues", [])
        # A null character is refused for the whole body, wherever it stands.
        places = ([], DOORS[door][0]) if "\0" in uri else (DOORS[door][0],)
        if answer.status_code != 400 or not issues or any(issue["path"] not in places for issue in issues):
            found.wrong.append(f"{door} {uri!r} was answered {answer.status_code} {answer.text}")
        else:
            found.refused += 1
        if kind == LEAD_INSIDE:
            found.sentences |= {issue["message"] for issue in issues}

    async def control(client: httpx2.AsyncClient, door: str, uri: str) -> None:
        answer = await create(client, door, uri.format(file=DOORS[door][1]))
        if answer.status_code == 200:
            found.passed += 1
        else:
            found.wrong.append(f"the control {uri} was refused at {door}: {answer.text}")

    spellings = [(each["kind"], where.spelled(uri)) for each in where.plan["spellings"] for uri in each["urls"]]
    async with client_of(where, data) as client:
        await asyncio.gather(*(attack(client, kind, door, uri) for kind, uri in spellings for door in DOORS))
        found.wrong += [f"dialled {host} {port}" for host, port in where.door.dialled]
        await asyncio.gather(*(control(client, door, uri) for uri in where.plan["controls"]["urls"] for door in DOORS))


def flip(where: Place, fetcher: Fetcher, number: int, chance: random.Random) -> str | None:
    """One name that is public once, and private before or after. What went wrong, or None."""
    host, flips = f"n{number}.flip.example.com", where.plan["flips"]
    good, bad = [chance.choice(flips["public"])], [chance.choice(flips["private"])]
    if number % 3:
        bad = chance.sample([*good, *bad], 2)
    late = number % 4 != 0
    where.names.flips[host] = iter([good, bad] if late else [bad, good])
    uri, door = f"https://{host}/clip.mp4", AssetKind.VIDEO
    try:
        asyncio.run(fetcher.head(uri, door))
    except FetchRefused:
        return f"{host} {good} was refused" if late else None
    if not late:
        return f"{host} {bad} was asked"
    file = io.BytesIO()
    try:
        fetcher.download(uri, door, file)
    except Unavailable:
        return None if not file.getvalue() and where.names.asked[host] == 2 else f"{host} was asked for too often"
    return f"{host} {bad} was fetched"


def flip_all(where: Place, flips: int, seed: int, found: Found) -> None:
    """So many names. Each lookup is judged by itself, and each request looks up once."""
    before, fetcher = len(where.door.dialled), where.fetcher(0)
    chances = [random.Random(seed * 1_000_003 + number) for number in range(flips)]
    with ThreadPoolExecutor(FETCHERS) as threads:
        ends = list(threads.map(lambda number: flip(where, fetcher, number, chances[number]), range(flips)))
    fetcher.close()
    found.wrong += [end for end in ends if end is not None]
    found.flipped = ends.count(None)
    late = sum(number % 4 != 0 for number in range(flips))
    dialled = where.door.dialled[before:]
    if len(dialled) != late or not {host for host, _ in dialled} <= set(where.plan["flips"]["public"]):
        found.wrong.append(f"{len(dialled)} dials for {late} public answers: {Counter(dialled).most_common(9)}")


def run(data: Path, *, flips: int, seed: int, step: float = FetchLimits.refusal_step) -> tuple[list[str], str]:
    """The whole campaign: what went wrong, and what was done."""
    found = Found()
    with place(data, step) as where:
        asyncio.run(knock(where, data, found))
        flip_all(where, flips, seed, found)
        reached = where.canaries.reached
        spellings = sum(len(each["urls"]) for each in where.plan["spellings"])
        controls = len(where.plan["controls"]["urls"])
    if reached:
        found.wrong.append(f"canaries were reached {reached} times")
    if len(found.sentences) != 1:
        found.wrong.append(f"names that lead inside are told apart: {sorted(found.sentences)}")
    told = (
        f"{found.refused} refused of {spellings} spellings x {len(DOORS)} doors, canaries reached {reached} times; "
        f"{found.flipped} of {flips} flips not followed; {found.passed} passed of {controls} controls x {len(DOORS)} "
        f"doors; seed {seed}"
    )
    return found.wrong, told


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flips", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    configure_logging("text", "error")
    with tempfile.TemporaryDirectory(prefix="refilm-r07-") as folder:
        wrong, told = run(Path(folder), flips=options.flips, seed=options.seed)
    print(f"R7: {'FAIL' if wrong else 'PASS'}  {told}")
    for example in wrong[:40]:
        print(f"  wrong: {example}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
