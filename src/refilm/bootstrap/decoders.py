"""Whether the FFmpeg at hand may meet clips of strangers: the list of known holes against the settings and the machine.

Knows nothing of clips; the holes and what covers them are `refilm.media.holes`.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence

from refilm.config import Settings
from refilm.errors import Unavailable
from refilm.media.holes import Finding, known_holes
from refilm.media.versions import ffmpeg_build
from refilm.runner.lockdown import Sandbox, available

logger = logging.getLogger(__name__)


def findings_of(settings: Settings) -> list[Finding] | None:
    """The known holes of the installed FFmpeg; None where its version is no release."""
    build, level = ffmpeg_build(), settings.sandbox_level()
    locked = level is not Sandbox.OFF and not available().missing()
    return known_holes().of(build.version, build.configuration, sandbox=locked, fixed=settings.ffmpeg_fixed)


def judge_ffmpeg(settings: Settings) -> None:
    """Log what is known of the installed FFmpeg. Raises Unavailable for a hole that nothing covers."""
    version, found, known = ffmpeg_build().version, findings_of(settings), known_holes()
    if found is None:
        logger.warning("FFmpeg %r is no release: the list of known holes cannot judge it", version)
        return
    if uncovered := [each for each in found if not each.covered]:
        raise Unavailable(told_uncovered(version, uncovered))
    by_control: defaultdict[str, list[str]] = defaultdict(list)
    for each in found:
        by_control[each.hole.control].append(each.hole.cve)
    for control, cves in by_control.items():
        logger.info(
            "FFmpeg %s has %s, as of %s; covered: %s", version, ", ".join(cves), known.checked, known.controls[control]
        )


def told_uncovered(version: str, uncovered: Sequence[Finding]) -> str:
    """What is open, and what to do."""
    holes = "; ".join(f"{each.hole.cve}, {each.hole.part}" for each in uncovered)
    return (
        f"FFmpeg {version} has a hole that nothing covers ({holes}). Install a newer PyAV (pip install -U av), or let "
        "decoding processes be locked (REFILM_SANDBOX=require); or, where it has the fix all the same, say so: "
        f"REFILM_FFMPEG_FIXED={','.join(each.hole.cve for each in uncovered)}"
    )
