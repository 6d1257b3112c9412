"""What an edit holds in memory, whatever the clip's length."""

from __future__ import annotations

import gc

import av

from refilm.media.read import FrameReader
from refilm.media.stream import edit_frames


def pictures_alive():
    return sum(issubclass(type(each), av.VideoFrame) for each in gc.get_objects())  # isinstance asks dead weak proxies


def test_a_read_frame_is_gone_when_nobody_holds_it(make_clip):
    """Frames do not wait for the garbage collector: with it switched off, no more are alive than are in use."""
    gc.collect()
    gc.disable()
    try:
        with make_clip(seconds=2).open("rb") as source, FrameReader(source) as reader:
            before = pictures_alive()
            most = max(pictures_alive() for _ in reader)
    finally:
        gc.enable()

    assert most <= before + 4


def test_an_edit_holds_a_few_frames_only(make_clip, tmp_path):
    """From decoder to encoder, the lanes between the stations and their hands hold all the frames there are."""
    alive = []

    def process(before, after):
        after.y[...], after.u[...], after.v[...] = before.y, before.u, before.v

    gc.collect()
    gc.disable()
    try:
        with make_clip(seconds=2).open("rb") as source, (tmp_path / "out.mp4").open("w+b") as output:
            edit_frames(source, output, process, on_frame=lambda done: alive.append(pictures_alive()))
    finally:
        gc.enable()

    assert len(alive) >= 40
    assert max(alive) <= 20
