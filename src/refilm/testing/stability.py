"""How still an edit holds in time, and how much of the picture's detail it keeps.

The measure of stillness is the flow-warped error of Lai et al., "Learning Blind Video Temporal Consistency" (ECCV
2018): each frame against its predecessor moved along the optical flow of the source. Knows pictures only.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.planes import Planes, copy
from refilm.engines.effects.surfaces import settled

#: Share of a picture's pixels whose gradient makes them edges, and how far an edge may be off to be the same one.
_EDGE_SHARE, _EDGE_REACH = 0.08, 2
#: A source that is stiller than this many levels of mean luma per frame counts as this still.
_STILL = 0.05


@dataclass(frozen=True)
class Path:
    """From one frame to the next: where each pixel of the next was, and where that is certain; each (h, w)."""

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    certain: NDArray[np.bool_]


def find_paths(pictures: Sequence[Planes]) -> list[Path]:
    """For each pair of neighbours the path of its pixels: DIS optical flow, certain where there and back agree.

    Over even surfaces it is that of their surroundings: flow by itself follows the noise there, and would count paint
    that stands still on a clear sky as restless.
    """
    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    finder.setFinestScale(1)
    height, width = pictures[0].y.shape
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    found = []
    for before, after in itertools.pairwise(pictures):
        back = settled(finder.calc(after.y, before.y, None), after.y)
        forth = settled(finder.calc(before.y, after.y, None), before.y)
        x, y = columns + back[..., 0], rows + back[..., 1]
        there = np.dstack([cv2.remap(forth[..., k], x, y, cv2.INTER_LINEAR) for k in (0, 1)])
        inside = (x >= 0) & (y >= 0) & (x < width - 1) & (y < height - 1)
        found.append(Path(x, y, (np.abs(there + back).sum(-1) < 1.0) & inside))
    return found


def warped_error(frames: Sequence[Planes], paths: Sequence[Path]) -> float:
    """Mean absolute luma difference between each frame and its predecessor moved along the source's flow, levels."""
    errors = []
    for (before, after), path in zip(itertools.pairwise(frames), paths, strict=True):
        moved = cv2.remap(before.y.astype(np.float32), path.x, path.y, cv2.INTER_LINEAR)
        errors.append(np.abs(after.y - moved)[path.certain].mean())
    return float(np.mean(errors))


def gain(source: Sequence[Planes], result: Sequence[Planes]) -> float:
    """How much more the result's luma varies over the picture than the source's; at least 1.

    A grade that raises contrast raises the warped error with it, which is no flicker: divide by this.
    """
    return max(1.0, float(result[-1].y.std() / source[-1].y.std()))


def flicker(frames: Sequence[Planes]) -> float:
    """Mean absolute change of the mean luma from one frame to the next, levels."""
    means = [float(frame.y.mean()) for frame in frames]
    return float(np.mean([abs(after - before) for before, after in itertools.pairwise(means)]))


def flicker_ratio(source: Sequence[Planes], result: Sequence[Planes]) -> float:
    """The result's flicker over the source's own."""
    return flicker(result) / max(_STILL, flicker(source))


def sharpness(picture: Planes) -> float:
    """Variance of the luma's Laplacian, levels squared."""
    return float(cv2.Laplacian(picture.y, cv2.CV_32F).var())


def edges(picture: Planes) -> NDArray[np.uint8]:
    """The thin edges, (h, w), 1 or 0: Canny's, with thresholds that follow the picture's own gradients."""
    smooth = cv2.GaussianBlur(picture.y, (0, 0), 1.2)
    across, down = (cv2.Sobel(smooth, cv2.CV_16S, dx, 1 - dx) for dx in (1, 0))
    strong = float(np.quantile(np.hypot(across.astype(np.float32), down), 1 - _EDGE_SHARE))
    return np.asarray(cv2.Canny(across, down, 0.5 * strong, max(1.0, strong), L2gradient=True) > 0, np.uint8)


def edge_f1(source: Planes, result: Planes) -> float:
    """How well the result's edges are the source's: F1 of precision and recall, 0..1, two pixels of tolerance."""
    before, after = edges(source), edges(result)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * _EDGE_REACH + 1, 2 * _EDGE_REACH + 1))
    near_before, near_after = cv2.dilate(before, disc), cv2.dilate(after, disc)
    precision = (after * near_before).sum() / max(1, after.sum())
    recall = (before * near_after).sum() / max(1, before.sum())
    return float(2 * precision * recall / max(1e-9, precision + recall))


#: Operators whose layer is a fine texture of the paper or the paint. It travels with things, but a tenth of a pixel
#: between the engine's flow and the one of this measure is seen in it.
TEXTURED = frozenset({"pencil", "comic", "oil", "watercolour"})
#: Operators with particles or grain that move against the picture by their nature, or with such a texture;
#: `without_layer` takes those off, so that what lies under them can be measured. Film grain is nothing but its layer.
LAYERED = frozenset({"snow", "winter", "rain", "noir", "film_grain", "film_8mm", "vhs"}) | TEXTURED
#: Of those, the ones whose layer cannot be taken off: film weaves and tape trembles as a whole.
INSEPARABLE = frozenset({"film_grain", "film_8mm", "vhs"})


@contextmanager
def without_layer(name: str) -> Iterator[None]:
    """Within, the operator `name` is prepared and works without its particles, grain or texture."""
    from refilm.engines.effects import comic, finish, oil, painting, pencil, rainfall, snowfall

    plain = np.full(pencil.TILE * pencil.TILE, 0x808080, np.uint32)
    smooth = lambda texture, deviation: np.full(texture.shape, 128, np.uint8)  # noqa: E731
    even = lambda setting: np.zeros((setting.size[1], setting.size[0], 2), np.int8)  # noqa: E731
    with ExitStack() as patches:
        if name in {"snow", "winter"}:
            passing = lambda self, context, before, after: copy(before, after)  # noqa: E731
            patches.enter_context(patch.object(snowfall.Snowfall, "apply", passing))
        elif name == "rain":
            patches.enter_context(patch.object(rainfall.Rainfall, "apply", lambda self, context, after: None))
        elif name == "noir":
            clean = lambda self, index, before, after: copy(before, after)  # noqa: E731
            patches.enter_context(patch.object(finish.Grain, "apply", clean))
        elif name == "pencil":
            unhatched = lambda scale, strength: np.zeros(15, np.int32)  # noqa: E731
            patches.enter_context(patch.object(pencil, "_layer_table", unhatched))
            patches.enter_context(patch.object(pencil, "_tile", lambda seed: plain))
        elif name == "comic":
            patches.enter_context(patch.object(comic, "_dot_depth", lambda: np.zeros(256, np.uint8)))
        elif name == "oil":
            patches.enter_context(patch.object(oil, "_tile", smooth))
        elif name == "watercolour":
            patches.enter_context(patch.object(painting, "_paper", even))
        else:
            raise ValueError(f"{name} has no layer that could be taken off")
        yield
