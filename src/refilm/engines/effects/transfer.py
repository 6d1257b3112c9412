"""A colour mapping that gives one set of colours the distribution of another.

Sliced optimal transport in Oklab (Pitie et al. 2007; Rabin et al. 2011): both sets are projected on random axes and
their quantiles matched, again and again. The displacements are gathered on a coarse grid, smoothed, and completed
where the clip has no colours by the linear Monge-Kantorovich map, which is safe everywhere but blunt. The result is a
smooth function of colour that goes into the same table as any grade. About 0.1 s.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.colour import Colours, from_oklab, to_oklab
from refilm.engines.effects.opencv import cv2

_NODES = 17
#: The box of Oklab that the grid covers: L, a, b.
_LOW, _HIGH = np.array([0.0, -0.35, -0.35]), np.array([1.0, 0.35, 0.35])
#: How much of the lightness is left as it was: a palette may change more than the light.
_KEPT_LIGHTNESS = 0.35
_ROUNDS, _QUANTILES, _STEP = 24, 1024, 0.9

Mapping = Callable[[Colours], Colours]


def sample_picture(picture: NDArray[np.uint8], seed: int, count: int = 8_000) -> Colours:
    """(n, 3) colours, 0..1, of a (h, w, 3) uint8 RGB picture made small."""
    height, width = picture.shape[:2]
    factor = min(1.0, 240 / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).reshape(-1, 3)
    drawn = np.random.default_rng((seed, 11)).choice(len(small), min(count, len(small)), replace=False)
    return np.asarray(small[drawn] / 255.0)


class ColourTransfer:
    """A colour function, (..., 3) RGB to RGB, from the colours of a clip to those of a picture."""

    def __init__(
        self,
        source: Colours,
        wanted: Colours,
        strength: float,
        seed: int,
        kept_lightness: float = _KEPT_LIGHTNESS,
    ) -> None:
        """source, wanted: (n, 3) and (m, 3) RGB, 0..1.  strength: 0 changes nothing, 1 goes all the way.

        kept_lightness: 0..1, how much of the lightness is left as it was.
        """
        self._strength, self._kept_lightness = strength, kept_lightness
        self._displacement = _displacement_grid(to_oklab(source), to_oklab(wanted), seed)

    def __call__(self, rgb: Colours) -> Colours:
        lab = to_oklab(rgb)
        moved = _interpolate(self._displacement, lab.reshape(-1, 3)).reshape(lab.shape) * self._strength
        moved[..., 0] *= 1 - self._kept_lightness
        result = lab + moved
        result[..., 0] = np.clip(result[..., 0], 0, 1)
        return from_oklab(result)


def _displacement_grid(source: Colours, wanted: Colours, seed: int) -> Colours:
    """(17, 17, 17, 3): by how much each colour of the grid moves."""
    from scipy.ndimage import gaussian_filter

    gathered = _scatter(source, _sliced_transport(source, wanted, seed) - source)
    smooth = np.stack([gaussian_filter(gathered[..., k], 1.1) for k in range(4)], -1)
    axes = [np.linspace(low, high, _NODES) for low, high in zip(_LOW, _HIGH, strict=True)]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    fallback = _linear_map(source, wanted)(nodes) - nodes
    doubt = len(source) * 2e-4
    mixed = (smooth[..., :3] + doubt * fallback) / (smooth[..., 3:] + doubt)
    return np.stack([gaussian_filter(mixed[..., k], 0.8) for k in range(3)], -1)


def _sliced_transport(source: Colours, wanted: Colours, seed: int) -> Colours:
    """Where each colour of `source` goes so that together they are distributed like `wanted`."""
    random = np.random.default_rng((seed, 12))
    moved = source.copy()
    for _ in range(_ROUNDS):
        axes, _ = np.linalg.qr(random.standard_normal((3, 3)))
        here, there = np.ascontiguousarray((moved @ axes).T), np.ascontiguousarray((wanted @ axes).T)
        shift = [
            np.interp(row, have, want) - row
            for row, have, want in zip(here, _quantiles(here), _quantiles(there), strict=True)
        ]
        moved = moved + _STEP * np.stack(shift, 1) @ axes.T
    return np.asarray(moved)


def _quantiles(rows: Colours) -> Colours:
    """(3, _QUANTILES): evenly spread quantiles of each of the rows, (3, n). Numpy's own take ten times as long."""
    ordered = np.sort(rows, axis=1)
    place = np.linspace(0, rows.shape[1] - 1, _QUANTILES)
    below = np.minimum(place.astype(np.intp), max(0, rows.shape[1] - 2))
    above = np.minimum(below + 1, rows.shape[1] - 1)
    return np.asarray(ordered[:, below] + (place - below) * (ordered[:, above] - ordered[:, below]))


def _linear_map(source: Colours, wanted: Colours) -> Mapping:
    """The linear map between the two sets' means and covariances (Monge-Kantorovich)."""

    def power(matrix: Colours, exponent: float) -> Colours:
        values, vectors = np.linalg.eigh(matrix)
        return np.asarray((vectors * np.maximum(values, 1e-9) ** exponent) @ vectors.T)

    here, there = (np.cov(colours.T) + np.eye(3) * 1e-5 for colours in (source, wanted))
    root, inverse = power(here, 0.5), power(here, -0.5)
    matrix = inverse @ power(root @ there @ root, 0.5) @ inverse
    return lambda colours: (colours - source.mean(0)) @ matrix + wanted.mean(0)


def _places(colours: Colours) -> Colours:
    """Where each colour lies on the grid, (n, 3), 0.._NODES - 1."""
    return np.asarray(np.clip((colours - _LOW) / (_HIGH - _LOW), 0, 1) * (_NODES - 1))


def _scatter(colours: Colours, values: Colours) -> Colours:
    """(17, 17, 17, 4): values summed on the nodes around their colours, and the sum of the weights."""
    places = _places(colours)
    cell = np.minimum(places.astype(np.intp), _NODES - 2)
    within = places - cell
    nodes = _NODES**3
    total = np.zeros((4, nodes))
    weighted = np.concatenate([values, np.ones((len(values), 1))], 1).T
    for corner in itertools.product((0, 1), repeat=3):
        weight = np.prod(np.where(corner, within, 1 - within), axis=1)
        node = np.ravel_multi_index(tuple((cell + corner).T), (_NODES, _NODES, _NODES))
        total += [np.bincount(node, each * weight, nodes) for each in weighted]
    return np.asarray(total.T.reshape(_NODES, _NODES, _NODES, 4), np.float64)


def _interpolate(grid: Colours, colours: Colours) -> Colours:
    """The grid's values at `colours`, trilinear."""
    from scipy.ndimage import map_coordinates

    places = np.ascontiguousarray(_places(colours).T)
    layers = [map_coordinates(grid[..., k], places, order=1, mode="nearest") for k in range(grid.shape[-1])]
    return np.stack(layers, -1)
