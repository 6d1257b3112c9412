"""Known holes of FFmpeg by release, and which control of ours keeps each away: a dated list, `holes.toml`.

Pure but for reading that list. Knows nothing of which FFmpeg is installed (`versions`) and which controls hold.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

Release = tuple[int, ...]

#: The one control that a setting or a machine can lack.
SANDBOX = "sandbox"


@dataclass(frozen=True)
class Range:
    """Releases from `first` up to `last`, which is itself affected where `inclusive`."""

    first: Release
    last: Release
    inclusive: bool

    def holds(self, release: Release) -> bool:
        """Whether a release is one of them."""
        return self.first <= release and (release < self.last or (self.inclusive and release == self.last))


@dataclass(frozen=True)
class Hole:
    """One known hole. control: which of `Holes.controls` keeps it away.  needs: a build option, without it no hole."""

    cve: str
    part: str
    control: str
    affected: tuple[Range, ...]
    needs: str | None = None


@dataclass(frozen=True)
class Finding:
    """A hole that the FFmpeg at hand has. covered: whether the control that keeps it away holds."""

    hole: Hole
    covered: bool


@dataclass(frozen=True)
class Holes:
    """The list. checked: when.  controls: in words, by name."""

    checked: date
    controls: Mapping[str, str]
    holes: tuple[Hole, ...]

    def of(
        self, version: str, configuration: str, *, sandbox: bool, fixed: Collection[str] = ()
    ) -> list[Finding] | None:
        """What an FFmpeg of this version has; None where the version cannot be read, as that of a snapshot.

        configuration: its build options.  sandbox: whether decoding processes are locked in full.  fixed: CVEs that
        the operator knows to be mended all the same.
        """
        release = release_of(version)
        if release is None:
            return None
        return [
            Finding(hole, hole.control != SANDBOX or sandbox)
            for hole in self.holes
            if hole.cve not in fixed
            and any(affected.holds(release) for affected in hole.affected)
            and (hole.needs is None or hole.needs in configuration)
        ]


@cache
def known_holes() -> Holes:
    """The list of this Refilm."""
    told = tomllib.loads(files("refilm.media").joinpath("holes.toml").read_text(encoding="utf-8"))
    holes = tuple(
        Hole(each["cve"], each["part"], each["control"], tuple(map(_range, each["affected"])), each.get("needs"))
        for each in told["hole"]
    )
    return Holes(told["checked"], told["controls"], holes)


def _range(told: Mapping[str, str]) -> Range:
    inclusive = "through" in told
    first, last = release_of(told["from"]), release_of(told["through" if inclusive else "before"])
    if first is None or last is None:
        raise ValueError(f"{told} is no range of releases")
    return Range(first, last, inclusive)


_VERSION = re.compile(r"n?(\d+(?:\.\d+){0,3})(?:[-+~ ].*)?", re.ASCII)


def release_of(version: str) -> Release | None:
    """The release in a version such as "8.1.2", "n8.1" or "7.1.3-0+deb13u1"; None where there is none."""
    match = _VERSION.fullmatch(version)
    if match is None:
        return None
    numbers = tuple(map(int, match[1].split(".")))
    return numbers + (0,) * (3 - len(numbers))
