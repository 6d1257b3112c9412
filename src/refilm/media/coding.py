"""How the pictures of a clip are encoded, and into which container: one answer for each format that may be asked for.

Knows nothing of files and frames. Single pictures are encoded elsewhere (`pictures`); what concerns every format, such
as the matrix that its name promises, stands here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from refilm.domain.edit import DEFAULT_PRORES_PROFILE, OutputFormat

#: aleph2's names of the profiles -> those of FFmpeg's `prores_ks`.
_PRORES = {
    "422 Proxy": "proxy",
    "422 LT": "lt",
    "422": "standard",
    "422 HQ": "hq",
    "4444": "4444",
    "4444 XQ": "4444xq",
}

#: x264's quality for a clip that will be graded further, however few bits a clip to look at may have.
_FOR_GRADING = 14

#: NumPy's names, old and new, for the AVX-512 extensions that x264 asks for.
_AVX512_NAMES = frozenset({"AVX512_SKX", "X86_V4"})


@dataclass(frozen=True)
class Coding:
    """How pictures become a clip.

    container: FFmpeg's muxer.  front: whether the index moves to the front, which writes the file twice.
    encoder, options: FFmpeg's names.  pixel_format: of the encoder's input.
    told: for the task's record, JSON values.  notes: sentences on what the file does not hold though it could.
    """

    container: Literal["mp4", "mov"]
    front: bool
    encoder: str
    options: dict[str, str]
    pixel_format: str
    told: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def coding_for(
    output_format: OutputFormat, profile: str | None = None, *, preset: str = "veryfast", crf: int = 20
) -> Coding:
    """The coding of a format that is a clip.  profile: of domain.edit.PRORES_PROFILES.  preset, crf: for x264."""
    if output_format is OutputFormat.PRORES:
        return _prores(profile or DEFAULT_PRORES_PROFILE)
    if output_format is OutputFormat.SDR_REC709_10BIT:
        return _ten_bits(preset, min(crf, _FOR_GRADING))
    if output_format is OutputFormat.MP4:
        return _playable(preset, crf)
    raise ValueError(f"{output_format} is not a clip")


def required_matrix(output_format: OutputFormat) -> str | None:
    """The matrix that a format's name promises, "709"; None where the clip's own goes along."""
    return "709" if output_format is OutputFormat.SDR_REC709_10BIT else None


def _playable(preset: str, crf: int) -> Coding:
    """What every browser plays."""
    return Coding(
        container="mp4",
        front=True,
        encoder="libx264",
        options={"preset": preset, "crf": str(crf), "profile": "high", **steady_kernels()},
        pixel_format="yuv420p",
        told={"codec": "h264", "preset": preset, "crf": crf},
    )


def _ten_bits(preset: str, crf: int) -> Coding:
    """H.264 in 10 bits.

    Not HEVC: the only encoder of it that is at hand (x265) reads memory that it never wrote, so the same request would
    not give the same bytes.
    """
    return Coding(
        container="mp4",
        front=True,
        encoder="libx264",
        options={"preset": preset, "crf": str(crf), "profile": "high10", **steady_kernels()},
        pixel_format="yuv420p10le",
        told={"codec": "h264", "profile": "high10", "bits": 10, "preset": preset, "crf": crf},
        notes=("The file holds 10 bits a sample (H.264, High 10); the edit was computed with 8.",),
    )


def _prores(profile: str) -> Coding:
    """ProRes at the bit rates of its profile. Written once, with its index at the end: such files are large."""
    full = profile.startswith("4444")
    chroma = "4:4:4" if full else "4:2:2"
    return Coding(
        container="mov",
        front=False,
        encoder="prores_ks",
        options={"profile": _PRORES[profile]},
        pixel_format="yuv444p10le" if full else "yuv422p10le",
        told={"codec": "prores", "profile": profile, "bits": 10, "chroma": chroma},
        notes=(
            f"ProRes {profile} was given 10 bits a sample and {chroma} colour, without transparency; the edit was "
            "computed with 8 bits and 4:2:0 colour.",
        ),
    )


def steady_kernels() -> dict[str, str]:
    """Options that keep x264 from its AVX-512 kernels, where the processor has them.

    Its macroblock-tree kernel for AVX-512 reads uninitialised memory past the end of a row unless the width is a
    multiple of 128, so the same pictures gave different files (seen with x264 165; superfast has no such tree). The
    AVX2 kernels are exact and, measured at 720p, as fast. Naming them elsewhere would force them on processors
    without AVX2, hence the question.
    """
    features = np.show_config(mode="dicts").get("SIMD Extensions", {})
    found = {*features.get("baseline", ()), *features.get("found", ())}
    return {"x264-params": "asm=avx2"} if _AVX512_NAMES & found else {}
