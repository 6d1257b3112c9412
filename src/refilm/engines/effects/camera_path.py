"""Where the camera went, and the steadier way that it might have gone.

The motion between neighbouring frames is a similarity (shift, turn, scale) that most tracked corners agree on: corners
after Shi and Tomasi (1994), followed by the pyramid of Lucas and Kanade (Bouguet 2000), agreed upon by RANSAC. The
steady path is the shaky one under a Gaussian, as in Matsushita et al. (2006). Holds two small pictures and four numbers
for each frame of the clip. Knows nothing of files, and never sees the frames that are shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.planes import Plane

Numbers = NDArray[np.float64]

#: The longer side of the pictures that are followed.
FOLLOWED_PIXELS = 640
_CORNERS, _QUALITY, _APART = 160, 0.01, 0.02
#: A corner counts where following it there and back ends this near to its start, pixels.
_RETURN = 0.6
#: Fewer corners than this, or a smaller share of them, tell nothing of the camera.
_FEWEST, _AGREEMENT = 10, 0.3
#: Mean difference of two neighbours, 8-bit levels, from which they are of different shots where no motion joins them.
_CUT_DIFFERENCE = 18.0
#: Standard deviation of the Gaussian at strength 1, seconds.
_SMOOTHING = 0.5
#: The most that is corrected: shares of the picture's width and height, radians, natural logarithm of the scale.
_LIMITS = np.array([0.075, 0.075, 0.06, 0.05])
#: Standard deviation of the Gaussian whose remainder is shake, seconds: a camera that merely starts to pan has little
#: of it. Below this share of the shorter side nobody sees it.
_SHAKE, VISIBLE = 0.12, 0.0008


@dataclass(frozen=True)
class CameraPath:
    """How the camera moved over a clip.

    times: (n,) seconds, rising.  places: (n, 4) across and down as shares of the picture's width and height, turn in
    radians, logarithm of the scale; counted from the start of each shot.  shots: (n,) the number of each frame's shot.
    """

    times: Numbers
    places: Numbers
    shots: NDArray[np.int64]

    def corrections(self, strength: float) -> Numbers:
        """(n, 4): what brings each frame to the steady path, within limits.  strength: 1 smooths over half a second."""
        return _limited(self._smoothed(_SMOOTHING * strength) - self.places)

    @property
    def shake(self) -> Numbers:
        """(n, 4): the quick part of what is unsteady, by which a shaken clip is told from a slow pan."""
        return self.places - self._smoothed(_SHAKE)

    def _smoothed(self, seconds: float) -> Numbers:
        """The places under a Gaussian, each shot by itself."""
        smooth = np.zeros_like(self.places)
        rate = 1 / max(1e-3, float(np.median(np.diff(self.times)))) if len(self.times) > 1 else 1.0
        for shot in np.unique(self.shots):
            within = self.shots == shot
            smooth[within] = _smooth(self.places[within], seconds * rate)
        return smooth


class PathFinder:
    """Follows the camera from picture to picture, in order."""

    def __init__(self) -> None:
        self._previous: Plane | None = None
        self._times: list[float] = []
        self._steps: list[Numbers] = []
        self._shots: list[int] = []

    def follow(self, time: float, luma: Plane) -> None:
        """Take the next frame.  time: seconds.  luma: (h, w), of one size for the whole clip; it is copied."""
        step, shot = np.zeros(4), self._shots[-1] if self._shots else 0
        if self._previous is not None:
            found = _motion(self._previous, luma)
            if found is not None:
                step = found
            elif cv2.absdiff(self._previous, luma).mean() > _CUT_DIFFERENCE:
                shot += 1
        self._times.append(time)
        self._steps.append(step)
        self._shots.append(shot)
        self._previous = np.array(luma)

    def path(self) -> CameraPath:
        """What was found so far."""
        steps, shots = np.array(self._steps).reshape(-1, 4), np.array(self._shots, np.int64)
        places = np.zeros_like(steps)
        for shot in np.unique(shots):
            places[shots == shot] = np.cumsum(steps[shots == shot], axis=0)
        return CameraPath(np.array(self._times), places, shots)


def _motion(before: Plane, after: Plane) -> Numbers | None:
    """How the picture moved from one frame to the next, as a row of `CameraPath.places`; None where it is not seen."""
    height, width = before.shape
    apart = max(4.0, _APART * min(width, height))
    corners = cv2.goodFeaturesToTrack(before, _CORNERS, _QUALITY, apart)
    if corners is None or len(corners) < _FEWEST:
        return None
    there, found, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, None)
    back, returned, _ = cv2.calcOpticalFlowPyrLK(after, before, there, None)
    certain = (found & returned).reshape(-1) > 0
    certain &= np.abs(back - corners).reshape(-1, 2).max(1) < _RETURN
    if certain.sum() < _FEWEST:
        return None
    middle = np.array([(width - 1) / 2, (height - 1) / 2], np.float32)
    old, new = (points.reshape(-1, 2)[certain] - middle for points in (corners, there))
    matrix, agreeing = cv2.estimateAffinePartial2D(old, new, method=cv2.RANSAC, ransacReprojThreshold=1.0)
    if matrix is None or agreeing.sum() < max(_FEWEST, _AGREEMENT * certain.sum()):
        return None
    (cosine, _, across), (sine, _, down) = matrix
    turn, scale = np.arctan2(sine, cosine), np.log(np.hypot(sine, cosine))
    return np.array([across / width, down / height, turn, scale])


def _smooth(places: Numbers, deviation: float) -> Numbers:
    """The places under a Gaussian of `deviation` frames. At its ends a path goes on as it came: a pan stays a pan."""
    if len(places) < 2:
        return places
    reach = int(np.ceil(3 * deviation))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(deviation, 1e-6)) ** 2)
    longer = np.pad(places, ((reach, reach), (0, 0)), mode="reflect", reflect_type="odd")
    return np.stack([np.convolve(column, weights / weights.sum(), mode="valid") for column in longer.T], -1)


def _limited(corrections: Numbers) -> Numbers:
    """The corrections, small ones whole and large ones more and more held back, none beyond its limit."""
    share = np.abs(corrections) / _LIMITS
    held = np.where(share < 0.5, share, 0.5 + 0.5 * np.tanh((share - 0.5) / 0.5))
    return np.asarray(np.sign(corrections) * held * _LIMITS)


def zooms(corrections: Numbers, shots: NDArray[np.int64], size: tuple[int, int]) -> Numbers:
    """(n,): how much each frame is enlarged so that no border shows: as much as its shot needs at its worst frame."""
    needed = np.array([_zoom(correction, size) for correction in corrections])
    return np.array([needed[shots == shot].max() for shot in shots])


def _zoom(correction: Numbers, size: tuple[int, int]) -> float:
    """The least zoom, 1 or more, at which every pixel shown after the correction lies within the frame."""
    half = np.array(size) / 2
    corners = half * np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    turned = np.abs(corners @ backwards(correction, 1.0).T).max(0)
    moved = np.abs(backwards(correction, 1.0) @ (correction[:2] * size))
    return float(max(1.0, (turned / (half - moved - 0.5)).max())) if np.any(correction) else 1.0


def backwards(correction: Numbers, zoom: float) -> Numbers:
    """(2, 2): from places in the corrected picture, counted from its middle, to places in the frame."""
    turn, scale = -correction[2], np.exp(-correction[3]) / zoom
    return np.asarray(scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]))


def shift(places: Numbers, size: tuple[int, int]) -> float:
    """How far (n, 4) places or corrections move a frame: the root of the mean square, pixels of `size`, with what turns
    and scales move half-way to the edge."""
    across, down = places[:, 0] * size[0], places[:, 1] * size[1]
    edge = (places[:, 2] ** 2 + places[:, 3] ** 2) * (min(size) / 2) ** 2
    return float(np.sqrt(np.mean(across**2 + down**2 + edge))) if len(places) else 0.0


def find_path(times: Sequence[float], lumas: Sequence[Plane]) -> CameraPath:
    """The path over pictures in memory, (h, w) each."""
    finder = PathFinder()
    for time, luma in zip(times, lumas, strict=True):
        finder.follow(time, luma)
    return finder.path()
