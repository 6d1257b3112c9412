"""Facts about a clip, as plain values. Knows nothing about how they are found; `refilm.media.probe` does."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self


@dataclass(frozen=True)
class ClipInfo:
    """What a clip is, as a viewer sees it.

    width, height: display size in square pixels, rotation and sample aspect ratio applied, before rounding to even.
    coded_width, coded_height: size of the decoded frames.
    frame_rate: average, or None where the container does not say.
    duration: seconds, of the video stream.
    frames: the container's claim, 0 where it makes none; never to be trusted for limits.
    rotation: degrees counter-clockwise that a player applies: 0, 90, 180 or 270.
    matrix: "709", "601" or "2020".  full_range: whether luma uses 0..255.
    """

    container: str
    video_codec: str
    pixel_format: str
    width: int
    height: int
    coded_width: int
    coded_height: int
    duration: Fraction
    frame_rate: Fraction | None = None
    frames: int = 0
    rotation: int = 0
    sample_aspect_ratio: Fraction = Fraction(1)
    matrix: str = "709"
    full_range: bool = False
    audio_codec: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The same facts as JSON values; fractions become "n/d"."""
        facts = dict(self.__dict__)
        for name in ("duration", "frame_rate", "sample_aspect_ratio"):
            if facts[name] is not None:
                facts[name] = str(facts[name])
        return facts

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        values = dict(facts)
        for name in ("duration", "frame_rate", "sample_aspect_ratio"):
            if values.get(name) is not None:
                values[name] = Fraction(values[name])
        return cls(**values)


@dataclass(frozen=True)
class PictureInfo:
    """What a reference picture is: its format ("PNG", "JPEG", "WEBP") and its size in pixels, orientation applied."""

    format: str
    width: int
    height: int
