"""R10: clips, pictures and bodies that are small to send and would be large to take in.

    python campaigns/r10_bombs.py [--seconds 2] [--rounds 3]

A real server, its children locked as usual. Each bomb is sent to it: clips by upload, pictures as data URIs of a
keyframe, which is always read, bodies as they are. A pass: each is refused in time, clips and pictures as inputs that
cannot be used, bodies with a 4xx; or, where a bomb is a legal clip all the same, it is edited, in its own time; the
server's memory stays where the largest legal request leaves it, give or take 64 MiB; and somebody else's edits, one
after the other all the while, succeed. A bomb that took longer than --seconds is tried again, because the machine may
have had other things to do: the quickest of --rounds tries counts. Ends with one line of verdict and exit code 0 for a
pass.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from body_bombs import CREATE, BodyBomb, body_bombs, part
from clip_bombs import Bomb, clip_bombs
from doors import PATIENCE, Doors, End
from picture_bombs import picture_bombs
from PIL import Image
from place import leave_nothing_behind
from server_process import ServerProcess

from refilm.testing import make_clip, moving_picture

#: What the server's memory may grow by, in bytes.
MOST_GROWTH = 64 << 20
#: The largest clip that a request may carry within, in bytes.
LARGEST = 12_580_000
LOOK = 0.02


@dataclass
class Found:
    """What happened, and what should not have.

    slowest: seconds and name of the slowest refusal.  beside: how somebody else's edits ended.  grown: bytes that the
    server's memory grew by, at most.
    """

    ends: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, str] = (0.0, "")
    beside: Counter[str] = field(default_factory=Counter)
    grown: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Wishes:
    """How to go about it. seconds: what a refusal may take.  rounds: tries of one that took longer."""

    seconds: float = 2.0
    rounds: int = 3


class Memory:
    """The most memory that a server held, by looking often."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self.most = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def forget(self) -> int:
        """The most until now; from here on it is looked for anew."""
        most, self.most = self.most, 0
        return most

    def close(self) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(LOOK):
            with suppress(psutil.NoSuchProcess):  # it was stopped
                self.most = max(self.most, self._server.resident_bytes)


@contextmanager
def somebody_else(doors: Doors, found: Found) -> Iterator[None]:
    """Edits of a plain clip, one after the other, for as long as this lasts; at least one."""
    stop = threading.Event()

    def edit_on() -> None:
        while True:
            end = doors.create("clip", doors.clip_uri)
            found.beside[end.kind] += 1
            if end.kind != "edited":
                found.wrong.append(f"somebody else's edit: {end.kind} {end.told}")
            if stop.wait(1.0):
                return

    thread = threading.Thread(target=edit_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class Bombing:
    """Bombs on their way to one server."""

    def __init__(self, doors: Doors, wishes: Wishes, found: Found) -> None:
        self._doors, self._wishes, self._found = doors, wishes, found

    def send(self, bomb: Bomb) -> None:
        """A clip by upload, a picture inside the request."""
        if bomb.place == "clip":
            attempt = partial(self._doors.uploaded, "clip", "clip.mp4", bomb.content)
        else:
            attempt = partial(self._doors.inside, bomb.place, "image/png", bomb.content)
        self._end(bomb.name, attempt, may_pass=bomb.may_pass)

    def send_body(self, bomb: BodyBomb) -> None:
        """As it is."""
        self._end(bomb.name, partial(posted, self._doors, bomb), may_pass=False)

    def _end(self, name: str, attempt: Callable[[], End], *, may_pass: bool) -> None:
        """Try, and again while it takes too long."""
        ends = [attempt()]
        late = self._wishes.seconds
        while ends[-1].kind == "refused" and ends[-1].seconds > late and len(ends) < self._wishes.rounds:
            ends.append(attempt())
        end = min(ends, key=lambda each: each.seconds)
        self._found.ends[end.kind] += 1
        if end.kind == "refused":
            self._found.slowest = max(self._found.slowest, (end.seconds, name))
        elif end.kind == "odd" or not may_pass:
            self._found.wrong.append(f"{name}: {end.kind} {end.told[:300]}")
        if end.kind == "refused" and end.seconds > late:
            self._found.wrong.append(f"{name} took {end.seconds:.2f} s")


def posted(doors: Doors, bomb: BodyBomb) -> End:
    """Send a body, and say what the server answered; a server that hangs up on a sender refuses, too.

    Time counts from when the last byte was sent, or from when the server would take no more.
    """
    url, headers, content = CREATE, dict(bomb.headers), bomb.content
    if bomb.form:
        slot = doors.client.post("/v1/uploads", json={"filename": "clip.mp4", "type": "ephemeral"}).json()
        url = urlsplit(slot["uploadUrl"]).path
        content = b"".join(part(name, value.encode()) for name, value in slot["fields"].items()) + content
    else:
        headers |= dict(doors.client.headers.items()) | headers
    if not bomb.chunked:
        headers["Content-Length"] = str(len(content) + bomb.missing)
    connection = http.client.HTTPConnection(doors.client.base_url.host, doors.client.base_url.port, timeout=PATIENCE)
    began = time.monotonic()
    try:
        body = _pieces(content) if bomb.chunked else content
        with suppress(BrokenPipeError, ConnectionResetError):  # its answer may be there all the same
            connection.request("POST", url, body, headers, encode_chunked=bomb.chunked)
            if bomb.missing and connection.sock is not None:
                connection.sock.shutdown(1)
        began = time.monotonic()
        status = connection.getresponse().status
    except (http.client.HTTPException, OSError) as hung_up:
        return End("refused", f"hung up: {hung_up!r}", time.monotonic() - began)
    finally:
        connection.close()
    return End("refused" if 400 <= status < 500 else "odd", str(status), time.monotonic() - began)


def _pieces(content: bytes) -> Iterator[bytes]:
    for at in range(0, len(content), 1 << 20):
        yield content[at : at + (1 << 20)]


def largest_request(doors: Doors) -> None:
    """Send a body of the largest size that is legal, to see what memory that takes; it is no clip."""
    uri = "data:video/mp4;base64," + base64.b64encode(bytes(LARGEST)).decode()
    body = json.dumps(doors.body("clip", uri)).encode()
    answer = doors.client.post(CREATE, content=body, headers={"Content-Type": "application/json"})
    if answer.status_code == 200:
        doors.end_of(answer.json()["id"], time.monotonic())


def run(
    folder: Path,
    wishes: Wishes,
    clips: Sequence[Bomb],
    pictures: Sequence[Bomb],
    bodies: Sequence[BodyBomb],
    *,
    largest: bool = True,
) -> tuple[Found, str]:
    """The whole campaign with these bombs.  What happened, and that in words.

    largest: whether to send the largest legal request first; without it memory is not judged.
    """
    found, bombs = Found(), [*clips, *pictures]
    clip = make_clip(folder / "plain.mp4", seconds=2, size=(96, 64), rate=12)
    picture = folder / "plain.png"
    Image.fromarray(moving_picture((320, 180), 7)).save(picture)
    with ServerProcess(folder / "data", {"REFILM_SPARES": "1", "REFILM_WORKERS": "2"}) as server:
        doors = Doors(server.url, server.new_key("bombs"), clip, picture)
        other = Doors(server.url, server.new_key("other"), clip, picture)
        memory, bombing = Memory(server), Bombing(doors, wishes, found)
        with somebody_else(other, found):
            for _ in range(2 * largest):
                largest_request(doors)
        before = memory.forget()
        with somebody_else(other, found):
            for bomb in bombs:
                bombing.send(bomb)
            for body in bodies:
                bombing.send_body(body)
        memory.close()
        found.grown = max(0, memory.most - before)
        doors.close()
        other.close()
    if largest and found.grown > MOST_GROWTH:
        found.wrong.append(f"the server grew by {found.grown / 2**20:.0f} MiB")
    told = (
        f"{found.ends['refused']} refused and {found.ends['edited']} edited of {len(clips)} clips, {len(pictures)} "
        f"pictures and {len(bodies)} bodies; slowest refusal {found.slowest[0]:.2f} s ({found.slowest[1]}); the server "
        f"grew by {found.grown / 2**20:.0f} MiB beyond the {before / 2**20:.0f} of the largest legal request; "
        f"{found.beside['edited']} of {found.beside.total()} edits beside succeeded"
    )
    return found, told


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=Wishes.seconds)
    parser.add_argument("--rounds", type=int, default=Wishes.rounds)
    options = parser.parse_args()
    leave_nothing_behind()
    with tempfile.TemporaryDirectory(prefix="refilm-r10-") as folder:
        place = Path(folder)
        wishes = Wishes(options.seconds, options.rounds)
        found, told = run(place, wishes, clip_bombs(place), picture_bombs(), body_bombs())
    print(f"R10: {'FAIL' if found.wrong else 'PASS'}  {told}")
    for example in found.wrong[:40]:
        print(f"  wrong: {example}")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
