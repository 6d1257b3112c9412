"""Text over a picture: white letters with a dark edge and a soft shadow, so that they read on anything.

Lines are broken and drawn once; a frame costs one multiplication and one addition for each pixel of the text's box.
Drawn with FreeType, through Pillow, from the packaged fonts (`typeface`). Knows one picture at a time.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from refilm.engines.effects import typeface
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.planes import Plane, Planes, copy

Alpha = NDArray[np.float32]

#: Height of a line's em as a share of the frame's shorter side.
SIZES = {"small": 0.052, "medium": 0.078, "large": 0.125}
#: Nothing is written nearer to the frame's edges than this share of each side, and never over more of its height.
MARGIN, TALLEST = 0.07, 0.62
_LINE_HEIGHT = 1.28
#: Marks that no line begins with.
_CLOSING = frozenset(" ,.!?;:)，。！？；：、）》」』”’")
#: Where there is no room, letters shrink by this factor at a time, down to so many pixels.
_SHRINK, _SMALLEST = 0.92, 7
#: A word is broken only where even letters of this share of the asked size would not fit.
_BREAKING = 0.5
#: Of the em: width of the dark edge, blur of the shadow and how far below the letters it lies.
_EDGE, _BLUR, _DROP = 0.065, 0.11, 0.03
#: The second font is lighter than the first: its strokes grow by this much of the em on either side.
_THICKER = {"OpenSans-Bold": 0.0, "DroidSansFallback": 0.016}
_EDGE_DEPTH, _SHADOW_DEPTH = 0.85, 0.62
_WHITE, _BLACK, _GREY = 235, 16, 128


class Lettering:
    """Words laid over pictures of one size."""

    def __init__(self, setting: Setting, words: str, size: str, position: str) -> None:
        """words: up to some hundred characters that the fonts have.  size: of SIZES.  position: one of `place_of`."""
        lines, em = _set_lines(words, setting.size, SIZES[size] * min(setting.size))
        letters, shade, (left, top) = _drawn(lines, em, setting.size, position)
        # White letters over what the shade leaves of the picture, as one share of the picture and one sum.
        keep = (1 - shade) * (1 - letters)
        luma = _WHITE * letters + _BLACK * shade * (1 - letters)
        self._luma = _Blend.of(keep, luma, left, top)
        half = keep.reshape(keep.shape[0] // 2, 2, keep.shape[1] // 2, 2).mean((1, 3))
        self._chroma = _Blend.of(half, _GREY * (1 - half), left // 2, top // 2)

    def apply(self, before: Planes, after: Planes) -> None:
        """Fill `after` with `before` and the words over it; they may be the same planes."""
        copy(before, after)
        self._luma.lay_over(after.y)
        self._chroma.lay_over(after.u)
        self._chroma.lay_over(after.v)


@dataclass(frozen=True)
class _Blend:
    """What becomes of the levels in a box of a plane: (level * share + added) / 256.

    share: (h, w) 0..256.  added: (h, w), 256 times the level that is added.  No sum exceeds 16 bits.
    """

    share: NDArray[np.uint16]
    added: NDArray[np.uint16]
    left: int
    top: int

    @classmethod
    def of(cls, share: Alpha, added: Alpha, left: int, top: int) -> _Blend:
        return cls(
            np.rint(256 * share).astype(np.uint16), np.rint(256 * added).clip(0, 65_279).astype(np.uint16), left, top
        )

    def lay_over(self, plane: Plane) -> None:
        height, width = self.share.shape
        box = plane[self.top : self.top + height, self.left : self.left + width]
        mixed = box * self.share
        # The share and the sum were rounded apart: together they may miss a full white by half a level.
        mixed = np.minimum(mixed, 65_407 - self.added) + self.added + 128
        np.copyto(box, mixed >> 8, casting="unsafe")


def place_of(position: str) -> tuple[float, float]:
    """(across, down) of a position such as "top" or "bottom left": 0 at the left or top, 0.5 in the middle, 1."""
    words = position.split()
    across = 0.0 if "left" in words else 1.0 if "right" in words else 0.5
    return across, 0.0 if "top" in words else 1.0 if "bottom" in words else 0.5


@cache
def _font(name: str, em: int) -> ImageFont.FreeTypeFont:
    file = io.BytesIO(typeface.font_file(name))
    return ImageFont.truetype(file, em, layout_engine=ImageFont.Layout.BASIC)


def warm() -> None:
    """Read the fonts, so that words can be drawn where files can no longer be opened."""
    for name in typeface.NAMES:
        _font(name, 16)


def _runs(line: str, em: int) -> Iterator[tuple[str, ImageFont.FreeTypeFont, float]]:
    """The line's stretches of one font each, and how much thicker that is drawn, pixels.

    What no font has is left out: nobody is shown boxes.
    """
    named = [(char, next((name for name in typeface.NAMES if char in typeface.characters(name)), "")) for char in line]
    for name, group in itertools.groupby(named, key=lambda pair: pair[1]):
        if name:
            yield "".join(char for char, _ in group), _font(name, em), _THICKER[name] * em


def _width(line: str, em: int) -> float:
    return sum(font.getlength(run) for run, font, _ in _runs(line, em))


def _set_lines(words: str, frame: tuple[int, int], em: float) -> tuple[list[str], int]:
    """The words in lines that fit into the frame's margins, and the em that they fit with, pixels."""
    room, asked = (1 - 2 * MARGIN) * frame[0], em
    while True:
        size = max(_SMALLEST, round(em))
        lines = _wrap(words if em > _BREAKING * asked else _broken(words, size, room), size, room)
        fits = len(lines) * _LINE_HEIGHT * size <= TALLEST * frame[1] and all(
            _width(line, size) <= room for line in lines
        )
        if fits or size == _SMALLEST:
            return _balanced(lines, size, room), size
        em *= _SHRINK


def _broken(words: str, em: int, room: float) -> str:
    """The words, those that are wider than the room cut in pieces."""
    pieces = []
    for word in words.split(" "):
        while len(word) > 1 and _width(word, em) > room:
            count = max(1, next(n for n in range(len(word), -1, -1) if _width(word[:n], em) <= room))
            pieces.append(word[:count])
            word = word[count:]
        pieces.append(word)
    return " ".join(pieces)


def _balanced(lines: list[str], em: int, room: float) -> list[str]:
    """As many lines as `lines`, of widths as equal as can be: no single word is left on the last."""
    words = _joined(lines)
    narrow, wide = room / max(1, len(lines)), room
    for _ in range(8):
        middle = (narrow + wide) / 2
        tried = _wrap(words, em, middle)
        if len(tried) <= len(lines) and all(_width(line, em) <= middle for line in tried):
            wide, lines = middle, tried
        else:
            narrow = middle
    return lines


def _joined(lines: list[str]) -> str:
    """The lines as one again: with a space between them where they were parted at one."""
    words = lines[0] if lines else ""
    for line in lines[1:]:
        words += line if _is_wide(words[-1]) or _is_wide(line[0]) else f" {line}"
    return words


def _is_wide(char: str) -> bool:
    """Whether a line may end before and after the character: it is Chinese or kana."""
    return ord(char) >= 0x2E80


def _wrap(words: str, em: int, room: float) -> list[str]:
    """The words in lines of at most `room` pixels, as far as single words are not wider."""
    lines: list[str] = []
    line = ""
    for part in _parts(words):
        if line and _width((line + part).strip(), em) > room:
            lines.append(line.strip())
            line = ""
        line += part
    lines.append(line.strip())
    return [line for line in lines if line]


def _parts(paragraph: str) -> Iterator[str]:
    """The pieces between which a line may end: words with the space after them, and each Chinese character.

    No line begins with a mark that ends a phrase.
    """
    part = ""
    for before, char in itertools.pairwise("\0" + paragraph):
        if part and (before == " " or _is_wide(char) or _is_wide(before)) and char not in _CLOSING:
            yield part
            part = ""
        part += char
    if part:
        yield part


def _drawn(lines: list[str], em: int, frame: tuple[int, int], position: str) -> tuple[Alpha, Alpha, tuple[int, int]]:
    """(letters, shade, where their box begins): the box even and within the frame, alphas 0..1 of its size."""
    pad = round(em * (_EDGE + 3 * _BLUR)) + 2
    widths = [_width(line, em) for line in lines]
    pitch = round(_LINE_HEIGHT * em)
    block = max(1, round(max(widths, default=1))), pitch * len(lines)
    across, down = place_of(position)
    left, top = (_start(frame[axis], block[axis], share) - pad for axis, share in ((0, across), (1, down)))
    canvas = Image.new("L", frame), Image.new("L", frame)
    pens = [ImageDraw.Draw(each) for each in canvas]
    for number, (line, width) in enumerate(zip(lines, widths, strict=True)):
        x = left + pad + across * (block[0] - width)
        # An em's letters stand on a line at about 0.98 of the pitch's upper part.
        y = top + pad + number * pitch + round(1.0 * em)
        for run, font, thicker in _runs(line, em):
            for pen, stroke in zip(pens, (thicker, thicker + max(1.0, _EDGE * em)), strict=True):
                pen.text((x, y), run, fill=255, font=font, anchor="ls", stroke_width=stroke)
            x += font.getlength(run)
    box = _even_box(left, top, block[0] + 2 * pad, block[1] + 2 * pad, frame)
    letters, edge = (np.asarray(each.crop(box), np.float32) / np.float32(255) for each in canvas)
    return letters, _shade(edge, em), (box[0], box[1])


def _start(length: int, block: int, share: float) -> int:
    """Where a block begins along one side of the frame, within the margins where it fits."""
    margin = round(MARGIN * length)
    return round(margin + share * (length - 2 * margin - block))


def _even_box(left: int, top: int, width: int, height: int, frame: tuple[int, int]) -> tuple[int, int, int, int]:
    """The box, grown to even places and cut to the frame: left, top, right, bottom."""
    right, bottom = left + width + 1, top + height + 1
    return max(0, left) & ~1, max(0, top) & ~1, min(frame[0], right + right % 2), min(frame[1], bottom + bottom % 2)


def _shade(edge: Alpha, em: int) -> Alpha:
    """How dark the picture becomes around the letters: a firm edge, and a shadow that fades away below it."""
    soft = cv2.GaussianBlur(edge, (0, 0), max(0.6, _BLUR * em))
    fall = np.array([[1, 0, 0], [0, 1, _DROP * em]], np.float32)
    shadow = cv2.warpAffine(soft, fall, (edge.shape[1], edge.shape[0]), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(np.maximum(_EDGE_DEPTH * edge, _SHADOW_DEPTH * shadow), np.float32)
