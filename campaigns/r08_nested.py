"""R8: files that name other files, sent through every door, with a canary behind each name.

    python campaigns/r08_nested.py [--seconds 1] [--rounds 3]

A real server, its children locked as usual, and another one with no lock at all, so that it is shown that clips are
opened without following anything even where nothing would forbid it. A pass: each file is refused as an input that
cannot be used, by upload and as a data URI, as the clip, the reference and the keyframe, and by the command; nobody
opens a secret file or asks the listener; no secret is in any answer, output, row, log or file; plain clips and pictures
of every kind are edited. A file that took longer than --seconds is tried again, because the machine may have had other
things to do: the quickest of --rounds tries counts. Ends with one line of verdict and exit code 0 for a pass.
"""

from __future__ import annotations

import argparse
import itertools
import secrets
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from canary import Canary
from doors import Doors, End, commanded
from nested_media import Nested, nested_media
from PIL import Image
from place import leave_nothing_behind
from r09_mutants import HEVC, KINDS
from server_process import ServerProcess

from refilm.testing import make_clip, moving_picture

#: The lock of the children: as every server has it, and none, where what opens clips has to do alone.
LOCKS = ("require", "off")
#: What a client may say that a file is.
CLIP_TYPES = ("video/mp4", "video/quicktime", "video/webm", "video/ogg")
PICTURE_TYPES = ("image/png", "image/jpeg", "image/webp")


@dataclass
class Found:
    """What happened, and what should not have.  slowest: seconds and the name of the slowest refusal by a server."""

    ends: Counter[str] = field(default_factory=Counter)
    passed: int = 0
    slowest: tuple[float, str] = (0.0, "")
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Wishes:
    """How to go about it. seconds: what a refusal may take.  rounds: tries of one that took longer."""

    locks: Sequence[str] = LOCKS
    seconds: float = 1.0
    rounds: int = 3


class Sending:
    """Files on their way through the doors of one server."""

    def __init__(self, doors: Doors, canary: Canary, wishes: Wishes, found: Found) -> None:
        self._doors, self._canary, self._wishes, self._found = doors, canary, wishes, found

    def send(self, number: int, file: Nested) -> None:
        """Through every door of the server. Its number decides what the client says that it is."""
        self._refused(f"{file.name}, uploaded", partial(self._doors.uploaded, "clip", file.filename, file.content))
        uri, _ = self._doors.upload(file.filename, file.content)
        for place in ("reference", "keyframe"):
            self._refused(f"{file.name}, uploaded, {place}", partial(self._doors.create, place, uri))
        for place, types in {"clip": CLIP_TYPES, "reference": PICTURE_TYPES, "keyframe": PICTURE_TYPES}.items():
            inside = partial(self._doors.inside, place, types[number % len(types)], file.content)
            self._refused(f"{file.name}, as a data URI, {place}", inside)

    def _refused(self, name: str, attempt: Callable[[], End]) -> None:
        """Try, and again while it takes too long."""
        ends = [attempt()]
        while (
            ends[-1].kind == "refused" and ends[-1].seconds > self._wishes.seconds and len(ends) < self._wishes.rounds
        ):
            ends.append(attempt())
        end = min(ends, key=lambda each: each.seconds)
        note(self._found, self._canary, name, end)
        self._found.slowest = max(self._found.slowest, (end.seconds, name))


def note(found: Found, canary: Canary, name: str, end: End) -> None:
    """One file at one door."""
    found.ends[end.kind] += 1
    if end.kind != "refused":
        found.wrong.append(f"{name}: {end.kind} {end.told}")
    if opened := canary.opened():
        found.wrong.append(f"{name}: opened {dict(opened)}")
    if canary.reached:
        found.wrong.append(f"{name}: asked for {canary.reached}")
        found.ends["reached"] += len(canary.reached)
        canary.reached.clear()


def command_all(files: Sequence[Nested], folder: Path, clip: Path, canary: Canary, found: Found) -> None:
    """Give every file to the command, in turn as the clip and as a reference, with a lock and without."""
    for number, file in enumerate(files):
        path, output = folder / f"{number} {file.filename.replace('*', '_')}", folder / f"out {number}.mp4"
        path.write_bytes(file.content)
        settings = {"REFILM_SANDBOX": LOCKS[number // 2 % 2]}
        inputs = (path,) if number % 2 else (clip, "--reference", path)
        note(found, canary, f"{file.name}, the command", commanded(*inputs, output=output, settings=settings))


def controls(folder: Path) -> list[tuple[str, Path]]:
    """(place, file) of plain clips of every container and codec, and of pictures of every kind."""
    clips = [
        make_clip(folder / name, seconds=0.4, size=(64, 64), codec=codec, audio=audio, **more)
        for name, codec, audio, more in KINDS
    ]
    pictures = []
    for suffix, place in itertools.product(("png", "jpg", "webp"), ("reference", "keyframe")):
        path = folder / f"{place}.{suffix}"
        Image.fromarray(moving_picture((320, 180), 7)).save(path)
        pictures.append((place, path))
    return [*(("clip", clip) for clip in (*clips, HEVC)), *pictures]


def control_all(doors: Doors, plain: Sequence[tuple[str, Path]], found: Found) -> None:
    """Every one of them is edited."""
    for place, path in plain:
        end = doors.uploaded(place, path.name, path.read_bytes())
        found.passed += end.kind == "edited"
        if end.kind != "edited":
            found.wrong.append(f"the control {path.name} as {place}: {end.kind} {end.told}")


def search(secret: bytes, folder: Path, heard: Sequence[bytes], found: Found) -> None:
    """Look for the secret in every file that servers and commands left, and in every answer."""
    for path in folder.rglob("*"):
        if path.is_file() and secret in path.read_bytes():
            found.wrong.append(f"the secret is in {path.name}")
    if any(secret in answer for answer in heard):
        found.wrong.append("the secret is in an answer")


def run(folder: Path, wishes: Wishes, *, only: Callable[[Nested], bool] = lambda _: True) -> tuple[Found, str]:
    """The whole campaign, or with some of the files.  What happened, and that in words."""
    found = Found()
    secret, left = f"canary-{secrets.token_hex(12)}", folder / "left"
    left.mkdir()
    clip = make_clip(folder / "clip.mp4", seconds=2, size=(96, 64), rate=12)
    picture = folder / "picture.png"
    Image.fromarray(moving_picture((320, 180), 7)).save(picture)
    with Canary(folder / "secrets", secret) as canary:
        files = [file for file in nested_media(canary) if only(file)]
        canary.opened()
        for lock in wishes.locks:
            settings = {"REFILM_SPARES": "1", "REFILM_SANDBOX": lock, "REFILM_LOG_LEVEL": "debug"}
            with ServerProcess(left / lock, settings) as server:
                doors = Doors(server.url, server.new_key("nested"), clip, picture)
                (folder / lock).mkdir()
                plain = controls(folder / lock)
                control_all(doors, plain, found)
                sending = Sending(doors, canary, wishes, found)
                for number, file in enumerate(files):
                    sending.send(number, file)
                doors.close()
            search(secret.encode(), left, doors.heard, found)
        (folder / "commands").mkdir()
        command_all(files, folder / "commands", clip, canary, found)
    search(secret.encode(), folder / "commands", [], found)
    if found.slowest[0] > wishes.seconds:
        found.wrong.append(f"{found.slowest[1]} took {found.slowest[0]:.2f} s")
    told = (
        f"{found.ends['refused']} of {found.ends.total() - found.ends['reached']} tries refused: {len(files)} files "
        f"that name others, at 6 doors of a server with locked children and of one without locks, and at the command; "
        f"listener reached {found.ends['reached']} times, slowest {found.slowest[0]:.2f} s ({found.slowest[1]}); "
        f"{found.passed} of {len(plain) * len(wishes.locks)} controls edited"
    )
    return found, told


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=Wishes.seconds)
    parser.add_argument("--rounds", type=int, default=Wishes.rounds)
    options = parser.parse_args()
    leave_nothing_behind()
    with tempfile.TemporaryDirectory(prefix="refilm-r08-") as folder:
        found, told = run(Path(folder), Wishes(LOCKS, options.seconds, options.rounds))
    print(f"R8: {'FAIL' if found.wrong else 'PASS'}  {told}")
    for example in found.wrong[:40]:
        print(f"  wrong: {example}")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
