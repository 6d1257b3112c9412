"""What a client asks for: an edit of one clip. Names are the official SDK's snake_case.

Plain values, validated by whoever builds them (`refilm.api.wire`, `refilm.cli`). No I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from refilm.domain.clip import ClipInfo


class Model(StrEnum):
    """The model names of the video_to_video endpoint that Refilm answers to."""

    GEN4_ALEPH = "gen4_aleph"
    ALEPH2 = "aleph2"


class OutputFormat(StrEnum):
    """The kinds of file that may come out, as aleph2's `outputFormat` names them."""

    MP4 = "mp4"
    PRORES = "prores"
    PNG_SEQUENCE = "png_sequence"
    SDR_REC709_10BIT = "sdr_rec709_10bit"

    @property
    def suffix(self) -> str:
        """Of the file's name, with its dot."""
        return {OutputFormat.PRORES: ".mov", OutputFormat.PNG_SEQUENCE: ".zip"}.get(self, ".mp4")


#: What a file is by its suffix, for those who fetch it.
MEDIA_TYPES = {".mp4": "video/mp4", ".mov": "video/quicktime", ".zip": "application/zip"}

#: The sizes that gen4_aleph's `ratio` may name, as "width:height" in pixels.
GEN4_ALEPH_RATIOS = ("1280:720", "720:1280", "1104:832", "960:960", "832:1104", "1584:672", "848:480", "640:480")

#: What aleph2's `targetAspectRatio` may name.
TARGET_ASPECT_RATIOS = ("16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "21:9")

#: What aleph2's `proresProfile` may name.
PRORES_PROFILES = ("422", "4444", "422 Proxy", "422 LT", "422 HQ", "4444 XQ")
DEFAULT_PRORES_PROFILE = "4444"

MAX_SEED = 4_294_967_295
MAX_PROMPT_UNITS = 1000


@dataclass(frozen=True)
class Reference:
    """A picture that steers the edit."""

    uri: str


@dataclass(frozen=True)
class TimeRange:
    """Whole seconds of the clip, end exclusive."""

    start_seconds: int
    end_seconds: int


@dataclass(frozen=True)
class Keyframe:
    """A guidance picture at one moment: absolute `seconds`, or `at` as a fraction 0..1 of the clip."""

    uri: str
    seconds: float | None = None
    at: float | None = None
    range: TimeRange | None = None


@dataclass(frozen=True)
class OutputSpec:
    """What shall come out.

    size: (width, height) in pixels, even, or None to keep the source's.  target_aspect_ratio: aleph2's "16:9".
    prores_profile: of PRORES_PROFILES, with the format PRORES alone; None is the default.
    """

    size: tuple[int, int] | None = None
    target_aspect_ratio: str | None = None
    format: OutputFormat = OutputFormat.MP4
    prores_profile: str | None = None


@dataclass(frozen=True)
class EditRequest:
    """One asked-for edit.

    video_uri: https URL, `data:` URI, `runway://` upload, or `asset:` key once its bytes are ours.
    seed: 0..4294967295; None until one is drawn.
    public_figure_threshold: "auto" or "low".
    ignored: request members that were accepted and have no effect, by wire name (recorded with the task).
    """

    model: Model
    video_uri: str
    prompt_text: str | None = None
    seed: int | None = None
    references: tuple[Reference, ...] = ()
    keyframes: tuple[Keyframe, ...] = ()
    output: OutputSpec = OutputSpec()
    public_figure_threshold: str = "auto"
    ignored: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The same request as JSON values, for the store and for the child process.

        Field by field: every create pays for this, and `dataclasses.asdict` copies what is immutable here.
        """
        return {
            **vars(self),
            "references": [vars(reference) for reference in self.references],
            "keyframes": [
                {**vars(keyframe), "range": vars(keyframe.range) if keyframe.range else None}
                for keyframe in self.keyframes
            ],
            "output": vars(self.output),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        known = dict(values)
        size = known["output"]["size"]
        known["model"] = Model(known["model"])
        known["references"] = tuple(Reference(**item) for item in known["references"])
        known["keyframes"] = tuple(
            Keyframe(**{**item, "range": TimeRange(**item["range"]) if item["range"] else None})
            for item in known["keyframes"]
        )
        known["output"] = OutputSpec(
            **{
                **known["output"],
                "size": tuple(size) if size else None,
                "format": OutputFormat(known["output"]["format"]),
            }
        )
        known["ignored"] = tuple(known["ignored"])
        return cls(**known)


@dataclass(frozen=True)
class ModelLimits:
    """What clips a model takes. Durations in seconds; sides in pixels, of the picture as a viewer sees it."""

    min_seconds: float
    max_seconds: float
    long_side: int
    short_side: int

    def problem(self, info: ClipInfo) -> str | None:
        """Why a clip is outside these limits, as a sentence, or None where it is inside."""
        seconds = float(info.duration)
        if seconds < self.min_seconds:
            return f"The clip lasts {seconds:.2f} s; this model takes clips of at least {self.min_seconds:g} s."
        if seconds > self.max_seconds:
            return f"The clip lasts {seconds:.2f} s; this model takes clips of at most {self.max_seconds:g} s."
        if max(info.width, info.height) > self.long_side or min(info.width, info.height) > self.short_side:
            return (
                f"The clip is {info.width}x{info.height}; "
                f"this model takes clips of at most {self.long_side}x{self.short_side}."
            )
        return None
