"""The list of FFmpeg's known holes: what it says of a release, what covers it, and that it stays well-formed."""

from __future__ import annotations

import re
from datetime import date
from importlib.metadata import version
from itertools import pairwise

import pytest

from refilm.media.container import AUDIO_CODECS, FORMATS, VIDEO_CODECS
from refilm.media.holes import Hole, Holes, Range, known_holes, release_of
from refilm.media.versions import ffmpeg_build

LIST = Holes(
    date(2026, 1, 1),
    {"codecs": "c", "sandbox": "s"},
    (
        Hole("CVE-1", "a codec", "codecs", (Range((0,), (8, 1, 3), False), Range((9, 0, 0), (9, 0, 2), False))),
        Hole("CVE-2", "a demuxer", "sandbox", (Range((8, 0, 0), (8, 1, 2), True),)),
        Hole("CVE-3", "an option", "sandbox", (Range((0,), (9, 0, 2), True),), needs="--enable-odd"),
    ),
)


@pytest.mark.parametrize(
    ("release", "has"),
    [
        ("7.1", ["CVE-1"]),
        ("8.0", ["CVE-1", "CVE-2"]),
        ("8.1.2", ["CVE-1", "CVE-2"]),
        ("8.1.2-3ubuntu1", ["CVE-1", "CVE-2"]),
        ("8.1.3", []),
        ("9.0", ["CVE-1"]),
        ("9.0.2", []),
        ("n10.0", []),
    ],
)
def test_a_release_has_the_holes_of_its_ranges(release: str, has: list[str]) -> None:
    """Branches have their own first fixed release; what lies behind them all is fixed."""
    found = LIST.of(release, "", sandbox=True)

    assert found is not None
    assert [each.hole.cve for each in found] == has


def test_only_what_the_sandbox_covers_can_be_uncovered() -> None:
    """The other controls hold always; without the lock a hole that needs it is open, unless known to be mended."""
    found = LIST.of("8.1.2", "--enable-odd", sandbox=False)
    mended = LIST.of("8.1.2", "--enable-odd", sandbox=False, fixed=["CVE-2"])

    assert found is not None
    assert mended is not None
    assert [(each.hole.cve, each.covered) for each in found] == [("CVE-1", True), ("CVE-2", False), ("CVE-3", False)]
    assert [each.hole.cve for each in mended] == ["CVE-1", "CVE-3"]


@pytest.mark.parametrize("odd", ["", "N-118000-gabcdef", "git-2026", "eight", "8.x"])
def test_a_snapshot_cannot_be_judged(odd: str) -> None:
    """What is no release is neither cleared nor condemned."""
    assert LIST.of(odd, "", sandbox=True) is None


def test_releases_are_compared_by_number() -> None:
    """10 comes after 9, and 8.1 is 8.1.0."""
    order = ["0", "7.1.10", "8.0", "8.0.1", "8.1", "8.1.2", "8.1.10", "9.0", "10.0"]
    releases = [release_of(each) for each in order]

    assert all(a is not None and b is not None and a < b for a, b in pairwise(releases))
    assert release_of("8.1") == release_of("n8.1.0")


def test_the_list_is_well_formed() -> None:
    """Each row has a number of its own, a part in words, a control that is explained, and ranges that hold some."""
    known = known_holes()

    assert len({hole.cve for hole in known.holes}) == len(known.holes) >= 20
    assert {hole.control for hole in known.holes} == set(known.controls)
    for hole in known.holes:
        assert re.fullmatch(r"CVE-20\d\d-\d{4,6}", hole.cve)
        assert len(hole.part.split()) > 2
        assert hole.affected
        assert all(each.first < each.last for each in hole.affected), hole


def test_the_allow_lists_leave_out_what_they_are_said_to_cover() -> None:
    """A codec or container that is let in later is no cover any more: its rows must then be judged anew."""
    let_in = {*VIDEO_CODECS, *AUDIO_CODECS, *FORMATS.split(",")}

    assert not let_in & {"magicyuv", "adpcm_adx", "adx", "vvc", "flic", "apac", "hap", "shorten", "ty"}
    assert not let_in & {"hls", "dash", "rtsp", "rtp", "sdp", "vobsub", "mpeg", "asf", "concat"}


def test_the_ffmpeg_at_hand_is_told_without_loading_it() -> None:
    """Its release and its build options, from a process of its own; they are those of the installed PyAV."""
    build = ffmpeg_build()

    assert release_of(build.version) is not None
    assert "--enable-" in build.configuration
    assert (release_of(build.version) or (0,))[0] == {"18": 8, "19": 9}[version("av").split(".")[0]]
