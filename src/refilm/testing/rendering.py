"""Pictures through one operator, in memory: for golden tests, benches and the pictures in the docs.

Knows neither prompts nor encoders; frames come from a clip, or from a photograph over which a camera pans slowly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.camera_path import find_path
from refilm.engines.effects.executor import Executor, sample_colours
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.operators import OPERATORS
from refilm.engines.effects.plan import Plan, Step, Value
from refilm.engines.effects.planes import Buffer, Planes
from refilm.engines.effects.yuv_table import rgb_from_yuv, yuv_from_rgb
from refilm.media.read import FrameReader

Rgb = NDArray[np.uint8]

#: How far the camera moves over a photograph from one frame to the next, pixels.
_PAN_STEP = 1.5


@dataclass(frozen=True)
class Picture:
    """A frame in memory, with the shape that the executor reads; BT.709 throughout this module."""

    y: NDArray[np.uint8]
    u: NDArray[np.uint8]
    v: NDArray[np.uint8]
    index: int
    time: Fraction

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.y.shape[1], self.y.shape[0]

    @property
    def shown_at(self) -> Fraction:
        """When it is shown: no clip in memory runs at another speed."""
        return self.time


def read_pictures(footage: Path, size: tuple[int, int], *, first: int, count: int) -> list[Picture]:
    """Neighbouring frames of a clip at `size` (width, height); their times count from the first of them, at 25 fps."""
    pictures: list[Picture] = []
    with footage.open("rb") as file, FrameReader(file, size=size) as reader:
        for frame in reader:
            if frame.index >= first + count:
                break
            if frame.index >= first:
                index = frame.index - first
                y, u, v = (np.array(plane) for plane in (frame.y, frame.u, frame.v))
                pictures.append(Picture(y, u, v, index, Fraction(index, 25)))
    return pictures


def pan_over(photograph: Rgb, size: tuple[int, int], *, count: int, down: float = 0.5) -> list[Picture]:
    """`count` frames of `size` for a camera that pans over a photograph, (h, w, 3) RGB, from left to right.

    The largest part of that aspect is shown but for the margin that the pan needs.  down: where that part lies in a
    photograph that is taller, 0 at its top and 1 at its bottom.
    """
    width, height = size
    margin = _PAN_STEP * (count - 1)
    tall, wide = photograph.shape[:2]
    scale = max((width + margin) / wide, height / tall)
    left, top = (wide * scale - width - margin) / 2, (tall * scale - height) * down
    pictures = []
    for index in range(count):
        place = np.array([[scale, 0, -left - _PAN_STEP * index], [0, scale, -top]])
        view = cv2.warpAffine(photograph, place, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        pictures.append(as_picture(np.asarray(view, np.uint8), index))
    return pictures


def shake_of(count: int, size: tuple[int, int]) -> NDArray[np.float64]:
    """(count, 4): how a trembling hand moves a camera at each frame: pixels of `size` across and down, radians of turn,
    logarithm of the scale."""
    noise = np.random.default_rng(3).normal(size=(count + 4, 4)) * [*np.array([4, 3]) / 480 * max(size), 0.006, 0.003]
    return np.stack([np.convolve(column, (0.1, 0.2, 0.4, 0.2, 0.1), "valid") for column in noise.T], -1)


def shaken(pictures: Sequence[Picture]) -> list[Picture]:
    """The pictures as a trembling hand would have filmed them; what it saw beyond their edges is mirrored."""
    results = []
    for each, place in zip(pictures, shake_of(len(pictures), pictures[0].size), strict=True):
        moved = shifted(each, place)
        results.append(replace(each, y=moved.y, u=moved.u, v=moved.v))
    return results


def shifted(picture: Planes, place: NDArray[np.float64]) -> Buffer:
    """The picture moved, turned and scaled.  place: a row of `shake_of`."""
    width = picture.y.shape[1]
    return Buffer(*(_displaced(plane, place, plane.shape[1] / width) for plane in (picture.y, picture.u, picture.v)))


def _displaced(plane: NDArray[np.uint8], place: NDArray[np.float64], share: float) -> NDArray[np.uint8]:
    """A plane moved, turned and scaled about its middle.  share: its size by that which the place is told in."""
    height, width = plane.shape
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -np.degrees(place[2]), np.exp(place[3]))
    turn[:, 2] += place[:2] * share
    moved = cv2.warpAffine(plane, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.uint8)


def as_picture(rgb: Rgb, index: int = 0) -> Picture:
    """(h, w, 3) RGB of even size as frame number `index` of a clip of 25 fps."""
    levels = yuv_from_rgb(rgb / 255.0, "709")
    height, width = rgb.shape[:2]
    chroma = levels[..., 1:].reshape(height // 2, 2, width // 2, 2, 2).mean((1, 3))
    y, u, v = (np.rint(plane).astype(np.uint8) for plane in (levels[..., 0], chroma[..., 0], chroma[..., 1]))
    return Picture(y, u, v, index, Fraction(index, 25))


def as_rgb(picture: Planes) -> Rgb:
    """(h, w, 3) uint8 RGB."""
    chroma = [np.repeat(np.repeat(plane, 2, 0), 2, 1) for plane in (picture.u, picture.v)]
    rgb = rgb_from_yuv(np.stack([picture.y, *chroma], -1).astype(float), "709")
    return np.asarray(np.rint(np.clip(rgb, 0, 1) * 255), np.uint8)


def render(
    pictures: Sequence[Picture], name: str, *, references: Sequence[Rgb] = (), **parameters: Value
) -> list[Buffer]:
    """The frames after the operator `name`, its colours sampled from every third of them, with seed 1."""
    samples = sample_colours([as_rgb(picture)[::4, ::4] for picture in pictures[::3]], 1)
    height, width = pictures[0].y.shape
    path = None
    if "path" in OPERATORS[name].spec.needs:
        path = find_path([float(each.time) for each in pictures], [each.y for each in pictures])
    setting = Setting((width, height), seed=1, references=tuple(references), samples=lambda: samples, path=path)
    executor = Executor(Plan((Step(name, dict(parameters)),)), setting)
    results = []
    for picture in pictures:
        results.append(Buffer.empty((width, height)))
        executor.process(picture, results[-1])
    return results


def sunset() -> Rgb:
    """A reference picture for colour transfer: red above, purple below."""
    down, across = np.mgrid[0:90, 0:160]
    return np.asarray(np.stack([235 - down, 60 + across // 2 - down // 3, 50 + down], -1).clip(0, 255), np.uint8)


def brushed() -> Rgb:
    """A reference picture for patch style: the sunset from dark to light, in strokes that turn across it."""
    down, across = np.mgrid[0:90, 0:160].astype(float)
    angle = across / 40 + down / 60
    strokes = np.sin(0.9 * (across * np.cos(angle) + down * np.sin(angle)))
    shaded = sunset() * (0.2 + across / 110)[..., None] + 30 * strokes[..., None]
    return np.asarray(shaded.clip(0, 255), np.uint8)


def references_for(name: str) -> tuple[Rgb, ...]:
    """The reference picture that an operator is measured with."""
    return (brushed() if name == "patch_style" else sunset(),)


def source_for(name: str, pictures: Sequence[Picture]) -> Sequence[Picture]:
    """The pictures as an operator is measured with them: one that steadies a camera needs a trembling one."""
    return shaken(pictures) if name == "stabilise" else pictures
