"""The assembly line: order, errors, cancelling and memory."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from refilm.errors import Cancelled, InvalidAsset
from refilm.media.frame import Frame
from refilm.media.read import FrameReader
from refilm.media.stream import LANE_LENGTH, Lane, Stopped, edit_frames
from refilm.testing import decode_times, read_frames

MakeClip = Callable[..., Path]


def invert(before: Frame, after: Frame) -> None:
    """Negative luma, colours kept."""
    np.subtract(251, before.y, out=after.y, casting="unsafe")
    after.u[...] = before.u
    after.v[...] = before.v


def stations() -> list[str]:
    """The threads of any assembly line that are alive."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("refilm-line-")]


def test_process_sees_every_frame_in_order_and_its_work_is_written(make_clip: MakeClip, tmp_path: Path) -> None:
    """Each frame passes once, on one thread that is not the caller's, and the output shows what it did."""
    source, output = make_clip(seconds=1), tmp_path / "out.mp4"
    seen: list[tuple[int, int, str]] = []

    def process(before: Frame, after: Frame) -> None:
        seen.append((before.index, after.index, threading.current_thread().name))
        assert (before.pts, before.time) == (after.pts, after.time)
        invert(before, after)

    with source.open("rb") as a, output.open("w+b") as b:
        written = edit_frames(a, b, process)

    assert seen == [(n, n, "refilm-line-process_0") for n in range(25)]
    assert written.frames == 25
    assert decode_times(output) == decode_times(source)
    with source.open("rb") as a, output.open("rb") as b, FrameReader(a) as plain, FrameReader(b) as edited:
        for before, after in zip(plain, edited, strict=True):
            assert np.abs(251.0 - before.y - after.y).mean() < 2
            assert np.abs(before.v * 1.0 - after.v).mean() < 2


def test_progress_counts_on_the_callers_thread(make_clip: MakeClip, tmp_path: Path) -> None:
    """`on_frame` hears 1, 2, 3, ... on the thread that called."""
    heard: list[tuple[int, bool]] = []

    with make_clip(seconds=0.4).open("rb") as a, (tmp_path / "out.mp4").open("w+b") as b:
        edit_frames(
            a, b, invert, on_frame=lambda n: heard.append((n, threading.current_thread() is threading.main_thread()))
        )

    assert heard == [(n, True) for n in range(1, 11)]


def test_a_wanted_size_reaches_process_and_output(make_clip: MakeClip, tmp_path: Path) -> None:
    """Both frames have the wanted size."""
    shapes = set()

    def process(before: Frame, after: Frame) -> None:
        shapes.add((before.size, after.size))
        invert(before, after)

    with make_clip(seconds=0.4).open("rb") as a, (tmp_path / "out.mp4").open("w+b") as b:
        edit_frames(a, b, process, size=(90, 160))

    assert shapes == {((90, 160), (90, 160))}
    assert read_frames(tmp_path / "out.mp4")[0].shape == (160, 90, 3)


@pytest.mark.parametrize("at", [1, 7])
def test_cancelling_stops_the_line_and_ends_its_threads(make_clip: MakeClip, tmp_path: Path, at: int) -> None:
    """What `on_frame` raises comes out as it is, and no thread is left behind."""

    def cancel(done: int) -> None:
        if done == at:
            raise Cancelled("enough")

    with make_clip(seconds=4, audio="aac").open("rb") as a, (tmp_path / "out.mp4").open("w+b") as b:
        with pytest.raises(Cancelled, match="enough"):
            edit_frames(a, b, invert, on_frame=cancel)

        assert stations() == []


def test_an_error_in_process_comes_out_and_ends_the_threads(make_clip: MakeClip, tmp_path: Path) -> None:
    """The engine's own error is what the caller sees."""

    def process(before: Frame, after: Frame) -> None:
        if before.index == 5:
            raise RuntimeError("the brush broke")
        invert(before, after)

    with make_clip(seconds=2).open("rb") as a, (tmp_path / "out.mp4").open("w+b") as b:
        with pytest.raises(RuntimeError, match="the brush broke"):
            edit_frames(a, b, process)

        assert stations() == []


def test_a_given_up_output_is_not_touched_later(make_clip: MakeClip, tmp_path: Path) -> None:
    """After a cancel nothing writes into the file any more, not even when the garbage is collected."""

    def cancel(done: int) -> None:
        raise Cancelled("enough")

    output = tmp_path / "out.mp4"
    with make_clip(seconds=2).open("rb") as a, output.open("w+b") as b:
        with pytest.raises(Cancelled):
            edit_frames(a, b, None, on_frame=cancel)
        b.truncate(0)
        gc.collect()

        assert output.stat().st_size == 0


def test_a_clip_that_cannot_be_read_starts_no_thread(tmp_path: Path) -> None:
    """Refused input leaves nothing running."""
    junk = tmp_path / "junk.mp4"
    junk.write_bytes(b"\x00" * 1000)

    with junk.open("rb") as a, (tmp_path / "out.mp4").open("w+b") as b, pytest.raises(InvalidAsset):
        edit_frames(a, b, None)

    assert stations() == []


def test_few_frames_are_alive_at_a_time(make_clip: MakeClip, tmp_path: Path) -> None:
    """However long the clip: two lanes, one frame at each station, and no more."""
    most = 0

    def process(before: Frame, after: Frame) -> None:
        nonlocal most
        if before.index % 10 == 0:
            most = max(most, sum(type(thing) is Frame for thing in gc.get_objects()))
        invert(before, after)

    with make_clip(seconds=6).open("rb") as a, (tmp_path / "out.mp4").open("w+b") as b:
        edit_frames(a, b, process)

    assert 0 < most <= 2 * LANE_LENGTH + 5


_PEAK = """
import resource, sys
from refilm.media.read import FrameReader
from refilm.media.stream import edit_frames
def process(before, after):
    after.y[...], after.u[...], after.v[...] = before.y, before.u, before.v
with open(sys.argv[1], "rb") as a, open(sys.argv[2], "w+b") as b:
    edit_frames(a, b, process)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_a_clip_ten_times_as_long_takes_no_more_memory(make_clip: MakeClip, tmp_path: Path) -> None:
    """Peak memory of the process: the 540 frames more would be 46 MB if they stayed."""

    def peak(path: Path) -> int:
        command = [sys.executable, "-c", _PEAK, str(path), str(tmp_path / "out.mp4")]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    short = peak(make_clip(name="short.mp4", rate=30, seconds=2, audio="aac"))
    long = peak(make_clip(name="long.mp4", rate=30, seconds=20, audio="aac"))

    assert long - short < 15_000  # kilobytes


def test_a_lane_never_holds_more_than_its_places() -> None:
    """The faster side waits for the slower one."""
    lane: Lane[int] = Lane(3)

    def fill() -> None:
        for number in range(100):
            lane.put(number)
        lane.end()

    thread = threading.Thread(target=fill)
    thread.start()
    received = list(lane)
    thread.join()

    assert received == list(range(100))
    assert lane.longest <= 3


def test_a_stopped_lane_frees_a_waiting_sender() -> None:
    """A sender that waits for a place hears that nobody will take it."""
    lane: Lane[int] = Lane(1)
    lane.put(1)
    outcome: list[str] = []

    def send() -> None:
        try:
            lane.put(2)
        except Stopped:
            outcome.append("stopped")

    thread = threading.Thread(target=send)
    thread.start()
    lane.stop()
    thread.join()

    assert outcome == ["stopped"]
    assert list(lane) == []


def test_an_error_on_a_lane_comes_after_the_items_before_it() -> None:
    """What was finished before the trouble is still delivered."""
    lane: Lane[int] = Lane(3)
    lane.put(1)
    lane.put(2)
    lane.end(ValueError("trouble"))
    received: list[int] = []

    def receive() -> None:
        for item in lane:
            received.append(item)  # one by one: what came before the trouble counts

    with pytest.raises(ValueError, match="trouble"):
        receive()

    assert received == [1, 2]
