"""Colour arithmetic for the grades: arrays of (..., 3) floats, R'G'B' gamma-coded, 0..1. Pure functions, no tables.

Oklab after Bjorn Ottosson, "A perceptual color space for image processing" (2020), here with a plain 2.2 power as
the transfer curve: video has no sRGB toe, and the same curve is used both ways.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Colours = NDArray[np.float64]

#: Luma weights of ITU-R BT.709.
LUMA = np.array([0.2126, 0.7152, 0.0722])

_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_LMS_INVERSE = np.linalg.inv(_LMS)
_LAB_INVERSE = np.linalg.inv(_LAB)


def luma(rgb: Colours) -> Colours:
    """The luma of each colour, (..., 1)."""
    return np.asarray(rgb @ LUMA)[..., None]


def clip(rgb: Colours) -> Colours:
    """`rgb` within 0..1."""
    return np.clip(rgb, 0.0, 1.0)


def blend(before: Colours, after: Colours, strength: float) -> Colours:
    """From `before` (0) to `after` (1), or beyond it."""
    return clip(before + strength * (after - before))


def saturate(rgb: Colours, factor: float | Colours) -> Colours:
    """Colours moved away from their own grey (factor > 1) or towards it (< 1); an array gives each colour its own."""
    grey = luma(rgb)
    return np.asarray(grey + factor * (rgb - grey))


def s_curve(values: Colours, power: float) -> Colours:
    """A curve through 0, 1/2 and 1 whose slope in the middle is `power`."""
    low = 0.5 * (2 * np.clip(values, 0, 0.5)) ** power
    high = 1 - 0.5 * (2 * (1 - np.clip(values, 0.5, 1))) ** power
    return np.where(values < 0.5, low, high)


def smoothstep(start: float, end: float, values: Colours) -> Colours:
    """0 up to `start`, 1 from `end`, an even slope between."""
    t = np.clip((values - start) / (end - start), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t))


def to_linear(rgb: Colours) -> Colours:
    """Gamma-coded to linear light."""
    return np.asarray(clip(rgb) ** 2.2)


def to_gamma(light: Colours) -> Colours:
    """Linear light to gamma-coded."""
    return np.asarray(clip(light) ** (1 / 2.2))


def to_oklab(rgb: Colours) -> Colours:
    """(L, a, b) of each colour; L is 0..1."""
    return np.asarray(np.cbrt(to_linear(rgb) @ _LMS.T) @ _LAB.T)


def from_oklab(lab: Colours) -> Colours:
    """The inverse of `to_oklab`, clipped to what a screen can show."""
    return to_gamma((lab @ _LAB_INVERSE.T) ** 3 @ _LMS_INVERSE.T)


def hue_weight(rgb: Colours, hue: float, width: float) -> Colours:
    """How much each colour belongs to a hue, (..., 1), 0..1.  hue, width: degrees; greys belong to none."""
    largest, smallest = rgb.max(-1), rgb.min(-1)
    spread = largest - smallest + 1e-6
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    sixth = np.where(
        largest == red,
        ((green - blue) / spread) % 6,
        np.where(largest == green, (blue - red) / spread + 2, (red - green) / spread + 4),
    )
    distance = np.abs((sixth * 60 - hue + 180) % 360 - 180)
    coloured = smoothstep(0.024, 0.128, spread / (largest + 1e-3))
    return np.asarray(np.clip(1 - distance / width, 0, 1) * coloured)[..., None]


def white_balance(rgb: Colours, gains: tuple[float, float, float]) -> Colours:
    """`rgb` under another light: gains on linear R, G, B, with the luma of a white kept."""
    balanced = np.asarray(gains) / (np.asarray(gains) @ LUMA)
    return to_gamma(to_linear(rgb) * balanced)
