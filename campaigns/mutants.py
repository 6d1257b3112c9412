"""Damage done to a file on purpose, the same for the same seed and number. Pure; knows no formats but a few numbers."""

from __future__ import annotations

import random
from collections.abc import Callable

#: Numbers that sizes and counts are often compared with, of four bytes.
_EXTREMES = tuple(value.to_bytes(4, "big") for value in (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFF, 0x10000))
#: How many harms one mutant suffers at most.
_MOST = 4


def mutant(content: bytes, seed: int, number: int) -> bytes:
    """The content after a few harms; never the content itself where it has more than a few bytes."""
    drawn = random.Random(f"{seed} {number}")
    harmed = bytearray(content)
    for _ in range(drawn.randint(1, _MOST)):
        if harmed:
            drawn.choice(_HARMS)(harmed, drawn)
    if harmed == content and harmed:
        harmed[drawn.randrange(len(harmed))] ^= 0xFF
    return bytes(harmed)


def _place(harmed: bytearray, drawn: random.Random) -> int:
    """Somewhere; half the time among the first and last bytes, where containers keep what matters most."""
    if drawn.random() < 0.5:
        return drawn.randrange(len(harmed))
    near = min(len(harmed), 1024)
    return drawn.randrange(near) if drawn.random() < 0.5 else len(harmed) - 1 - drawn.randrange(near)


def _flip(harmed: bytearray, drawn: random.Random) -> None:
    for _ in range(drawn.randint(1, 16)):
        harmed[_place(harmed, drawn)] ^= 1 << drawn.randrange(8)


def _overwrite(harmed: bytearray, drawn: random.Random) -> None:
    start = _place(harmed, drawn)
    harmed[start : start + 4] = drawn.choice(_EXTREMES)


def _noise(harmed: bytearray, drawn: random.Random) -> None:
    start, length = _place(harmed, drawn), drawn.randint(1, 256)
    harmed[start : start + length] = drawn.randbytes(min(length, len(harmed) - start))


def _remove(harmed: bytearray, drawn: random.Random) -> None:
    start = _place(harmed, drawn)
    del harmed[start : start + drawn.choice((1, 4, 64, 4096))]


def _repeat(harmed: bytearray, drawn: random.Random) -> None:
    start, length = _place(harmed, drawn), drawn.choice((1, 8, 256, 4096))
    harmed[start:start] = harmed[start : start + length]


def _move(harmed: bytearray, drawn: random.Random) -> None:
    start, length = _place(harmed, drawn), drawn.choice((8, 256, 4096))
    part = harmed[start : start + length]
    goal = _place(harmed, drawn)
    harmed[goal : goal + len(part)] = part


def _cut(harmed: bytearray, drawn: random.Random) -> None:
    del harmed[max(1, _place(harmed, drawn)) :]


_HARMS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _flip,
    _flip,
    _overwrite,
    _overwrite,
    _noise,
    _remove,
    _repeat,
    _move,
    _cut,
)
