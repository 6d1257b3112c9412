"""Frames as they are handed to the effects: upright, even, 8 bit, limited range, at the right time."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from refilm.errors import InvalidAsset
from refilm.media.frame import Frame
from refilm.media.moment import sample_frames
from refilm.media.read import FrameReader
from refilm.testing import decode_times, make_clip, ssim

MakeClip = Callable[..., Path]
Rgb = NDArray[np.uint8]


def read(path: Path, **wishes: object) -> tuple[FrameReader, list[Frame]]:
    """The reader and all frames of a small clip."""
    with path.open("rb") as file, FrameReader(file, **wishes) as reader:  # type: ignore[arg-type]
        return reader, list(reader)


def flat(colour: tuple[int, ...]) -> Callable[[tuple[int, int], int], Rgb]:
    """A clip of one colour."""
    return lambda size, index: np.broadcast_to(np.uint8(colour), (size[1], size[0], len(colour))).copy()


def corner(frame: Frame) -> str:
    """Where the red block of the synthetic clip is: red means much of V."""
    height, width = frame.v.shape
    means = {
        f"{row} {column}": float(frame.v[top : top + height // 5, left : left + width // 5].mean())
        for row, top in (("top", 2), ("bottom", height - height // 5 - 2))
        for column, left in (("left", 2), ("right", width - width // 5 - 2))
    }
    return max(means, key=lambda name: means[name])


def test_the_real_clip_comes_whole(bunny: Path) -> None:
    """132 frames of 1280x720 at their times, as views without copies."""
    with bunny.open("rb") as file, FrameReader(file) as reader:
        frames = [(f.index, f.time, f.y.shape, f.u.shape, f.y.strides[1], f.y.base is not None) for f in reader]

    assert len(frames) == 132
    assert [time for _, time, *_ in frames] == [Fraction(n, 25) for n in range(132)]
    assert {tuple(rest) for _, _, *rest in frames} == {((720, 1280), (360, 640), 1, True)}


@pytest.mark.parametrize(
    ("rotation", "mirror", "where"),
    [
        (0, False, "top left"),
        (90, False, "bottom left"),
        (180, False, "bottom right"),
        (270, False, "top right"),
        (0, True, "top right"),
        (180, True, "bottom left"),
        (90, True, "bottom right"),
        (270, True, "top left"),
    ],
)
def test_frames_stand_as_a_player_shows_them(make_clip: MakeClip, rotation: int, mirror: bool, where: str) -> None:
    """Counter-clockwise turns and then the mirror move the block from the top left corner to where it belongs."""
    reader, frames = read(make_clip(seconds=0.2, rotation=rotation, mirror=mirror))

    assert reader.size == ((180, 320) if rotation in {90, 270} else (320, 180))
    assert {corner(frame) for frame in frames} == {where}


def test_a_quarter_turn_loses_nothing(make_clip: MakeClip) -> None:
    """A turned frame holds exactly the samples of the unturned one."""
    _, plain = read(make_clip(seconds=0.2))
    _, turned = read(make_clip(seconds=0.2, rotation=90))

    assert all(np.array_equal(np.rot90(a.y), b.y) for a, b in zip(plain, turned, strict=True))
    assert all(np.array_equal(np.rot90(a.v), b.v) for a, b in zip(plain, turned, strict=True))


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le"])
@pytest.mark.parametrize("full_range", [False, True])
def test_white_and_black_end_in_the_limited_range(make_clip: MakeClip, pixel_format: str, full_range: bool) -> None:
    """Whatever the depth, subsampling and range were: white is 235, black is 16, grey chroma is 128."""
    white = make_clip(
        name="w.mp4", seconds=0.12, pixel_format=pixel_format, full_range=full_range, content=flat((255, 255, 255))
    )
    black = make_clip(
        name="b.mp4", seconds=0.12, pixel_format=pixel_format, full_range=full_range, content=flat((0, 0, 0))
    )

    for path, luma in ((white, 235), (black, 16)):
        _, frames = read(path)
        assert abs(float(frames[0].y.mean()) - luma) <= 1
        assert abs(float(frames[0].u.mean()) - 128) <= 1
        assert abs(float(frames[0].v.mean()) - 128) <= 1


@pytest.mark.parametrize(("colour", "matrix"), [("709", "709"), ("601", "601"), ("2020", "709"), (None, "601")])
def test_colours_survive_whatever_the_matrix(make_clip: MakeClip, colour: str | None, matrix: str) -> None:
    """A green clip is the same green after reading; BT.2020 coefficients become 709, 601 stays."""
    green = (40, 180, 60)
    reader, frames = read(make_clip(seconds=0.12, colour=colour, content=flat(green)))
    kr, kb = {"709": (0.2126, 0.0722), "601": (0.299, 0.114)}[matrix]
    red, _, blue = (value / 255 for value in green)
    luma = kr * red + (1 - kr - kb) * green[1] / 255 + kb * blue

    assert reader.matrix == matrix
    assert abs(float(frames[0].y.mean()) - (16 + 219 * luma)) <= 2
    assert abs(float(frames[0].v.mean()) - (128 + 112 * (red - luma) / (1 - kr))) <= 2
    assert abs(float(frames[0].u.mean()) - (128 + 112 * (blue - luma) / (1 - kb))) <= 2


@pytest.mark.parametrize(("colour", "name", "white"), [("pq", "PQ", 0.58), ("hlg", "HLG", 0.75)])
def test_hdr_is_tone_mapped(make_clip: MakeClip, colour: str, name: str, white: float) -> None:
    """Reference white of an HDR clip (203 cd/m2) becomes a bright SDR grey, black stays black, and a note says so."""

    def halves(size: tuple[int, int], index: int) -> Rgb:
        picture = np.full((size[1], size[0], 3), round(white * 255), np.uint8)
        picture[:, : size[0] // 2] = 0
        return picture

    reader, frames = read(make_clip(colour=colour, pixel_format="yuv420p10le", content=halves, seconds=0.12))

    assert frames[0].y[:, 200:].mean() > 16 + 219 * 0.8
    assert frames[0].y[:, :120].mean() < 24
    assert abs(float(frames[0].u.mean()) - 128) < 2
    assert f"HDR ({name})" in reader.notes[0]


def test_rgb_video_becomes_yuv(make_clip: MakeClip) -> None:
    """H.264 that stores red, green and blue is converted, white to 235."""
    _, frames = read(make_clip(seconds=0.12, codec="libx264rgb", pixel_format="rgb24", content=flat((255, 255, 255))))

    assert abs(float(frames[0].y.mean()) - 235) <= 1


def test_see_through_video_lies_on_black(make_clip: MakeClip) -> None:
    """ProRes 4444 with an alpha channel: opaque stays, see-through becomes black."""

    def half(size: tuple[int, int], index: int) -> Rgb:
        picture = np.full((size[1], size[0], 4), 255, np.uint8)
        picture[: size[1] // 2, :, 3] = 0
        return picture

    wishes = {"codec": "prores_ks", "pixel_format": "yuva444p10le", "options": {"profile": "4444"}}
    reader, frames = read(make_clip(name="a.mov", seconds=0.12, content=half, **wishes))

    assert "yuva" in reader.info.pixel_format
    assert abs(float(frames[0].y[:80].mean()) - 16) <= 2
    assert abs(float(frames[0].y[100:].mean()) - 235) <= 2


@pytest.mark.parametrize("size", [(321, 181), (320, 181), (321, 180)])
def test_an_odd_size_loses_its_last_row_or_column(make_clip: MakeClip, size: tuple[int, int]) -> None:
    """Odd sizes are cut to even ones; what is left is not blurred."""
    reader, frames = read(make_clip(size=size, seconds=0.2, pixel_format="yuv444p"))

    assert reader.size == (320, 180)
    assert frames[0].y.shape == (180, 320)
    assert frames[0].u.shape == (90, 160)
    assert corner(frames[0]) == "top left"


def test_pixels_come_out_square(make_clip: MakeClip) -> None:
    """A picture of narrow samples is stretched to the shape a player shows."""
    square = make_clip(name="square.mp4", size=(256, 144), seconds=0.12)
    reader, frames = read(make_clip(name="broad.mp4", size=(192, 144), sample_aspect=Fraction(4, 3), seconds=0.12))
    _, expected = read(square)

    assert reader.size == (256, 144)
    assert ssim(np.ascontiguousarray(frames[0].y), np.ascontiguousarray(expected[0].y)) > 0.97


@pytest.mark.parametrize("size", [(160, 90), (180, 180), (90, 160), (640, 360), (128, 128)])
def test_a_wanted_size_is_a_centre_crop_scaled(make_clip: MakeClip, size: tuple[int, int]) -> None:
    """The middle of the picture fills the wanted shape: a disc stays in the middle and stays round."""

    def disc(shape: tuple[int, int], index: int) -> Rgb:
        y, x = np.mgrid[: shape[1], : shape[0]]
        inside = np.hypot(x - (shape[0] - 1) / 2, y - (shape[1] - 1) / 2) < 40
        return np.repeat((inside * np.uint8(255))[..., None], 3, axis=2)

    reader, frames = read(make_clip(seconds=0.12, content=disc), size=size)
    ys, xs = np.nonzero(frames[0].y > 125)

    assert reader.size == size
    assert frames[0].y.shape == (size[1], size[0])
    assert abs(xs.mean() - (size[0] - 1) / 2) < 2
    assert abs(ys.mean() - (size[1] - 1) / 2) < 2
    if min(size) > 80 * max(size[0] / 320, size[1] / 180):
        assert abs(np.ptp(xs) / np.ptp(ys) - 1) < 0.06


def test_a_wanted_size_that_is_odd_is_a_mistake_of_ours(make_clip: MakeClip) -> None:
    """Odd sizes are refused before anything is decoded into them."""
    with pytest.raises(ValueError, match="not even"):
        read(make_clip(seconds=0.12), size=(161, 90))


def test_a_size_that_changes_in_the_middle_is_scaled_to_the_first(tmp_path: Path) -> None:
    """Streams glued together keep one output size, and every frame comes."""
    first = make_clip(tmp_path / "a.h264", seconds=0.4)
    second = make_clip(tmp_path / "b.h264", seconds=0.4, size=(640, 360))
    both = tmp_path / "both.h264"
    both.write_bytes(first.read_bytes() + second.read_bytes())

    reader, frames = read(both)

    assert reader.size == (320, 180)
    assert {frame.size for frame in frames} == {(320, 180)}
    assert len(frames) == 20
    assert {corner(frame) for frame in frames} == {"top left"}


def test_a_frame_that_grows_too_large_in_the_middle_is_refused(tmp_path: Path) -> None:
    """The limit holds for every frame, not only for the first."""
    small = make_clip(tmp_path / "a.h264", seconds=0.2)
    large = make_clip(tmp_path / "b.h264", seconds=0.08, size=(3856, 2176), options={"preset": "ultrafast"})
    both = tmp_path / "both.h264"
    both.write_bytes(small.read_bytes() + large.read_bytes())

    with pytest.raises(InvalidAsset, match="3856x2176"):
        read(both)


@pytest.mark.parametrize(
    "wishes",
    [
        {"rate": Fraction(30000, 1001), "seconds": 1},
        {"rate": Fraction(24000, 1001), "seconds": 1, "name": "a.mkv"},
        {"times": [Fraction(n, 1000) for n in (0, 40, 100, 101, 333, 1000, 1040)]},
        {"times": [Fraction(n * n, 7919) for n in range(20)], "time_base": Fraction(1, 7919)},
        {"start": Fraction(8, 5), "seconds": 1},
        {"seconds": 1, "name": "a.webm", "codec": "libvpx", "start": 2},
        {"seconds": 1, "options": {"bf": "4", "b_strategy": "0"}},
    ],
    ids=["29.97", "23.976 mkv", "variable", "odd time base", "late start", "late start webm", "B-frames"],
)
def test_times_are_those_of_the_source(make_clip: MakeClip, wishes: dict[str, object]) -> None:
    """Every frame's time is the decoded source's, counted from its first frame, to the tick."""
    path = make_clip(**wishes)
    told = decode_times(path)

    _, frames = read(path)

    assert [frame.time for frame in frames] == [time - told[0] for time in told]
    assert [frame.index for frame in frames] == list(range(len(told)))


def test_picture_and_sound_keep_their_offset(make_clip: MakeClip) -> None:
    """Where sound begins 0.6 seconds before the picture, the first frame's pts is 0.6 seconds."""
    path = make_clip(name="a.mkv", seconds=1, start=Fraction(3, 5), audio="flac")

    _, frames = read(path)

    assert frames[0].pts * frames[0].time_base == Fraction(3, 5)
    assert frames[0].time == 0


def test_a_damaged_middle_is_skipped(make_clip: MakeClip) -> None:
    """Frames that cannot be decoded are left out, as players do; the others come at their times."""
    path = make_clip(seconds=2, name="a.mkv", codec="libvpx-vp9", options={"cpu-used": "8"})
    told = decode_times(path)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 40] = bytes(40)
    path.write_bytes(data)

    _, frames = read(path)

    assert len(told) // 2 < len(frames) <= len(told)
    assert {frame.time for frame in frames} <= set(told)


@pytest.mark.parametrize("name", ["a.mkv", "a.h264"])
def test_a_broken_tail_ends_the_clip_there(make_clip: MakeClip, name: str) -> None:
    """A file cut off in the middle gives the frames it still holds."""
    _, frames = read(make_clip(name=name, seconds=2, keep=0.6))

    assert 15 <= len(frames) < 50


def test_a_clip_longer_than_allowed_is_refused_while_it_is_read(make_clip: MakeClip) -> None:
    """The limit counts decoded frames' times and not the header's word."""
    path = make_clip(seconds=2)

    with path.open("rb") as file, FrameReader(file, max_seconds=Fraction(1)) as reader:
        frames = iter(reader)
        seen = [next(frames).time for _ in range(25)]
        with pytest.raises(InvalidAsset, match="longer than 1 seconds"):
            next(frames)

    assert seen[-1] == Fraction(24, 25)


@pytest.mark.parametrize("count", [1, 4, 8])
def test_samples_are_spread_over_the_clip(bunny: Path, count: int) -> None:
    """RGB samples come small, in order, and from all over the clip."""
    with bunny.open("rb") as file:
        samples = sample_frames(file, count, longest=160)

    assert {sample.shape for sample in samples} == {(90, 160, 3)}
    assert len(samples) == count
    assert all(not np.array_equal(a, b) for a, b in itertools.pairwise(samples))


def counting(size: tuple[int, int], index: int) -> np.ndarray:
    """A flat picture, brighter by 5 levels with every frame."""
    return np.full((size[1], size[0], 3), 5 * index, np.uint8)


def levels(path: Path, count: int, *, exact: bool) -> list[float]:
    """The frame numbers of the samples of a `counting` clip."""
    with path.open("rb") as file:
        return [float(sample.mean()) / 5 for sample in sample_frames(file, count, exact=exact)]


@pytest.mark.parametrize(
    ("apart", "found"), [("1", [6, 18, 31, 43]), ("10", [0, 10, 30, 40]), ("20", [0, 20, 40]), ("250", None)]
)
def test_samples_are_key_frames_where_there_are_enough(
    make_clip: MakeClip, apart: str, found: list[int] | None
) -> None:
    """Half as many key frames as samples will do; between fewer of them, frames near the wanted times are decoded."""
    path = make_clip(seconds=2, content=counting, options={"g": apart, "sc_threshold": "0"})

    near = levels(path, 4, exact=False)

    assert near == pytest.approx(found or [6, 18, 31, 43], abs=0.5 if found else 3)


@pytest.mark.parametrize("apart", ["1", "20", "250"])
def test_exact_samples_are_the_middles_of_equal_parts(make_clip: MakeClip, apart: str) -> None:
    """Wherever the key frames are, exact samples are the frames shown at those times."""
    path = make_clip(seconds=2, content=counting, options={"g": apart, "sc_threshold": "0"})

    assert levels(path, 4, exact=True) == pytest.approx([6, 18, 31, 43], abs=0.5)


def test_samples_have_true_colours(make_clip: MakeClip) -> None:
    """An orange clip gives orange samples, whatever its range and matrix."""
    for wishes in ({}, {"full_range": True}, {"colour": "709"}, {"pixel_format": "yuv444p10le"}):
        path = make_clip(seconds=1, content=flat((230, 140, 30)), **wishes)
        with path.open("rb") as file:
            for sample in sample_frames(file, 3):
                assert np.abs(sample.mean((0, 1)) - (230, 140, 30)).max() < 4


def test_samples_stand_upright(make_clip: MakeClip) -> None:
    """A clip filmed upright gives upright samples."""
    with make_clip(seconds=1, rotation=90).open("rb") as file:
        samples = sample_frames(file, 2)

    assert {sample.shape for sample in samples} == {(320, 180, 3)}
    assert all(sample[-20:, :20, 0].mean() > 180 > 80 > sample[-20:, :20, 1].mean() for sample in samples)


def test_samples_of_a_raw_stream_are_better_than_none(make_clip: MakeClip) -> None:
    """A stream that cannot be searched still gives at least one sample."""
    with make_clip(name="a.h264", seconds=1).open("rb") as file:
        assert len(sample_frames(file, 4)) >= 1
