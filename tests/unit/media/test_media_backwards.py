"""Clips from their end: the same pictures, mirrored times, bounded memory, and clear words where it cannot be done."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refilm.errors import InvalidAsset
from refilm.media.backwards import BackwardsReader
from refilm.media.index import ClipIndex, read_index
from refilm.media.read import FrameReader

MakeClip = Callable[..., Path]

#: Two frames a window at the size of these clips, and as many as there are.
FEW, MANY = 1, 10**9
SIZE = (96, 64)


def forwards(path: Path) -> list[Any]:
    """(luma, time, duration until the next) of every frame."""
    with path.open("rb") as file, FrameReader(file) as reader:
        return [(np.array(frame.y), frame.time) for frame in reader]


@pytest.mark.parametrize("held", [FEW, 20 * 96 * 64 * 3 // 2, MANY])
@pytest.mark.parametrize(
    "wishes",
    [
        {"seconds": 2},
        {"seconds": 2, "name": "clip.mkv"},
        {"seconds": 1, "name": "clip.webm", "codec": "libvpx-vp9", "options": {"deadline": "realtime"}},
        {
            "seconds": 2,
            "name": "open.mp4",
            "codec": "libx265",
            "options": {"x265-params": "open-gop=1:keyint=12:log-level=error"},
        },
        {"seconds": 1, "name": "intra.mov", "codec": "mjpeg", "pixel_format": "yuvj420p"},
        {"times": [Fraction(n * n, 100) for n in range(20)]},
        {"seconds": 1, "start": 2, "audio": "aac"},
    ],
    ids=["h264", "mkv", "vp9", "open gop", "intra", "variable", "late"],
)
def test_a_clip_backwards_is_the_clip_mirrored(make_clip: MakeClip, wishes: dict[str, Any], held: int) -> None:
    """Every picture comes once, the last first, as long as it was shown, the first at 0, and tells its own moment."""
    path = make_clip(size=SIZE, **wishes)
    before = forwards(path)

    with path.open("rb") as file, BackwardsReader(file, held_bytes=held) as reader:
        after = [(np.array(frame.y), frame.time, frame.shown_at, frame.duration * frame.time_base) for frame in reader]
        end = reader.end

    assert len(after) == len(before)
    assert all(np.array_equal(one[0], two[0]) for one, two in zip(reversed(before), after, strict=True))
    assert [time for _, time, _, _ in after] == [time for _, time in reversed(before)]
    assert after[0][2] == 0
    shown = [time + duration for _, _, time, duration in after]
    assert [time for _, _, time, _ in after][1:] == shown[:-1]
    lasts = [two[1] - one[1] for one, two in itertools.pairwise(before)]
    assert [duration for *_, duration in after][1:] == lasts[::-1]
    assert shown[-1] <= end


def test_only_a_window_is_held(make_clip: MakeClip) -> None:
    """Between two frames handed out no more pictures are alive than may be held, and the few of the decoder."""
    path = make_clip(seconds=4, size=SIZE, options={"g": "1000"})

    with path.open("rb") as file, BackwardsReader(file, held_bytes=10 * 96 * 64 * 3 // 2) as reader:
        assert reader._held == 10
        runs = [len(list(reader._run(window))) for window in reader._index.windows(10)]

    assert runs == [10] * 10


def test_too_few_key_frames_are_refused_before_any_work(make_clip: MakeClip) -> None:
    """A clip that would have to be decoded again and again is refused with what to do about it."""
    path = make_clip(seconds=4, size=SIZE, options={"g": "1000", "sc_threshold": "0"})

    with path.open("rb") as file, pytest.raises(InvalidAsset, match="key frames"):
        BackwardsReader(file, held_bytes=FEW)


def test_a_clip_without_times_is_refused(make_clip: MakeClip) -> None:
    """A bare stream tells no times; the sentence names a container that does."""
    with make_clip(name="bare.h264", seconds=1, size=SIZE).open("rb") as file:
        assert read_index(file) is None
        with pytest.raises(InvalidAsset, match="Send it as MP4"):
            BackwardsReader(file)


def test_too_long_a_clip_is_refused(make_clip: MakeClip) -> None:
    """The limit on seconds holds in this direction too."""
    with make_clip(seconds=2, size=SIZE).open("rb") as file, pytest.raises(InvalidAsset, match="longer than 1 seconds"):
        BackwardsReader(file, max_seconds=Fraction(1))


@given(st.integers(1, 200), st.sets(st.integers(0, 199)), st.integers(1, 50))
def test_windows_cover_every_frame_once(count: int, keys: set[int], most: int) -> None:
    """From the end to the beginning, none too long, each decoded from the last key frame before it."""
    places = sorted(key for key in keys | {0} if key < count)
    windows = list(ClipIndex(range(count), places).windows(most))

    assert [n for window in windows for n in reversed(range(window.first, window.end))] == list(reversed(range(count)))
    assert all(0 < window.end - window.first <= most for window in windows)
    assert all(window.start == max(key for key in places if key <= window.first) for window in windows)


def test_the_index_tells_times_and_key_frames(make_clip: MakeClip) -> None:
    """Rising times of all frames, also where they are stored in another order, and the key frames among them."""
    with make_clip(seconds=1, size=SIZE).open("rb") as file:
        index = read_index(file)

    assert index is not None
    assert len(index.times) == 25
    assert list(index.times) == sorted(index.times)
    assert list(index.keys) == [0, 12, 24]
    assert index.last == index.times[1] - index.times[0]


def test_rhythm_tells_regular_from_variable_rates() -> None:
    """Rounded times and a dropped frame are regular; distances that vary are not. Steps are exact."""
    tick = Fraction(1, 1000)
    rounded = ClipIndex([round(n * 1000 / 30) for n in range(91)], [0]).rhythm(tick, tick)
    dropped = ClipIndex([40 * n for n in range(60) if n != 30], [0]).rhythm(tick, tick)
    variable = ClipIndex([n * n for n in range(20)], [0]).rhythm(tick, tick)

    assert rounded.regular
    assert abs(rounded.step - Fraction(1, 30)) < Fraction(1, 80_000)
    assert (dropped.regular, dropped.step, dropped.least) == (True, Fraction(1, 25), Fraction(1, 25))
    assert not variable.regular
    assert ClipIndex([5], [0]).rhythm(tick, Fraction(1, 25)).step == Fraction(1, 25)
