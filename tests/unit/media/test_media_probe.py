"""What the probe says about ordinary and odd clips, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from refilm.domain.clip import ClipInfo
from refilm.errors import InvalidAsset
from refilm.media.probe import probe
from refilm.testing import make_clip

MakeClip = Callable[..., Path]


def facts(path: Path) -> ClipInfo:
    """The probe's answer for a file."""
    with path.open("rb") as file:
        return probe(file)


def test_the_real_clip_is_described(bunny: Path) -> None:
    """Big Buck Bunny: 1280x720, 25 fps, 132 frames, H.264 with AAC."""
    info = facts(bunny)

    assert (info.container, info.video_codec, info.audio_codec) == ("mp4", "h264", "aac")
    assert (info.width, info.height, info.frames) == (1280, 720, 132)
    assert (info.duration, info.frame_rate) == (Fraction(132, 25), Fraction(25))
    assert (info.matrix, info.full_range, info.rotation) == ("709", False, 0)


@pytest.mark.parametrize(
    ("name", "wishes", "container", "codec"),
    [
        ("a.mp4", {}, "mp4", "h264"),
        ("a.mov", {"codec": "prores_ks", "pixel_format": "yuv422p10le"}, "mov", "prores"),
        ("a.mp4", {"codec": "mpeg4"}, "mp4", "mpeg4"),
        ("a.mp4", {"codec": "libsvtav1"}, "mp4", "av1"),
        ("a.webm", {"codec": "libvpx-vp9", "options": {"cpu-used": "8"}, "audio": "libopus"}, "webm", "vp9"),
        ("a.webm", {"codec": "libvpx"}, "webm", "vp8"),
        ("a.mkv", {"codec": "mjpeg", "pixel_format": "yuvj420p"}, "matroska", "mjpeg"),
        ("a.ogv", {"codec": "libvpx"}, "ogg", "vp8"),
        ("a.h264", {}, "h264", "h264"),
    ],
)
def test_every_container_and_codec_of_the_contract_is_read(
    make_clip: MakeClip, name: str, wishes: dict[str, object], container: str, codec: str
) -> None:
    """Each accepted container and codec is named right, with its size and its length to within a frame."""
    info = facts(make_clip(name=name, seconds=1, **wishes))

    assert (info.container, info.video_codec) == (container, codec)
    assert (info.width, info.height) == (320, 180)
    assert abs(info.duration - 1) <= Fraction(1, 20)
    assert info.frame_rate == 25


def test_a_recorded_hevc_clip_is_read(hevc: Path) -> None:
    """H.265, whose encoder our tests keep away from, is named right too."""
    info = facts(hevc)

    assert (info.container, info.video_codec) == ("mp4", "hevc")
    assert (info.width, info.height) == (320, 180)
    assert abs(info.duration - 1) <= Fraction(1, 20)
    assert info.frame_rate == 25


@pytest.mark.parametrize(
    ("rotation", "size"), [(0, (320, 180)), (90, (180, 320)), (180, (320, 180)), (270, (180, 320))]
)
def test_the_display_size_follows_the_rotation(make_clip: MakeClip, rotation: int, size: tuple[int, int]) -> None:
    """A clip filmed upright says so, and its size is the one a viewer sees."""
    info = facts(make_clip(seconds=0.2, rotation=rotation))

    assert (info.rotation, (info.width, info.height)) == (rotation, size)
    assert (info.coded_width, info.coded_height) == (320, 180)


@pytest.mark.parametrize(("aspect", "size"), [(Fraction(16, 11), (465, 180)), (Fraction(8, 9), (320, 202))])
def test_the_display_size_has_square_pixels(make_clip: MakeClip, aspect: Fraction, size: tuple[int, int]) -> None:
    """Broad samples widen the picture, narrow ones make it taller: nothing is lost."""
    info = facts(make_clip(seconds=0.2, sample_aspect=aspect))

    assert (info.sample_aspect_ratio, (info.width, info.height)) == (aspect, size)


@pytest.mark.parametrize(("colour", "matrix"), [("709", "709"), ("601", "601"), ("2020", "2020"), (None, "601")])
def test_the_matrix_is_read_or_guessed_by_size(make_clip: MakeClip, colour: str | None, matrix: str) -> None:
    """The stated matrix counts; a small clip that states none is taken as 601, as players do."""
    assert facts(make_clip(seconds=0.2, colour=colour)).matrix == matrix


def test_full_range_is_seen(make_clip: MakeClip) -> None:
    """Luma of 0..255 is told apart from 16..235."""
    assert facts(make_clip(seconds=0.2, full_range=True)).full_range
    assert not facts(make_clip(seconds=0.2)).full_range


def test_rational_rates_stay_exact(make_clip: MakeClip) -> None:
    """29.97 is 30000/1001."""
    assert facts(make_clip(seconds=1, rate=Fraction(30000, 1001))).frame_rate == Fraction(30000, 1001)


def test_the_default_track_is_described_and_not_the_largest(make_clip: MakeClip) -> None:
    """Of two video tracks the one that a player would show counts."""
    info = facts(make_clip(seconds=0.2, second_video=(640, 360)))

    assert (info.width, info.height) == (320, 180)


def test_a_length_that_no_header_states_is_counted(tmp_path: Path) -> None:
    """A raw stream has no header: its packets are counted without being decoded."""
    info = facts(make_clip(tmp_path / "raw.h264", seconds=Fraction(31, 25)))

    assert info.duration == Fraction(31, 25)


def test_the_position_of_the_file_is_left_alone(make_clip: MakeClip) -> None:
    """Probing does not disturb whoever else reads the file."""
    with make_clip(seconds=0.2).open("rb") as file:
        file.seek(17)
        probe(file)

        assert file.tell() == 17


def test_a_file_without_video_is_refused(make_clip: MakeClip) -> None:
    """A song is not a clip, and the sentence says what is missing."""
    import av

    path = make_clip(seconds=0.5, audio="aac")
    song = path.with_name("song.mp4")
    with av.open(str(path)) as source, av.open(str(song), "w") as target:
        track = source.streams.audio[0]
        copy = target.add_stream_from_template(track)
        for packet in source.demux(track):
            if packet.size:
                packet.stream = copy
                target.mux(packet)

    with pytest.raises(InvalidAsset, match="no video"):
        facts(song)


def test_a_codec_outside_the_list_is_refused_by_name(make_clip: MakeClip) -> None:
    """FFmpeg could decode FFV1; we do not let it, and say what to do."""
    with pytest.raises(InvalidAsset, match=r"ffv1.*Convert"):
        facts(make_clip(name="a.mkv", seconds=0.2, codec="ffv1"))


def test_too_many_pixels_are_refused(make_clip: MakeClip) -> None:
    """A frame of more than 3840x2160 pixels is refused with its size."""
    with pytest.raises(InvalidAsset, match=r"smaller|cannot be read|damaged"):
        facts(make_clip(seconds=0.04, size=(4096, 2304), options={"preset": "ultrafast"}))


@pytest.mark.parametrize("length", [8, 2**63 - 1, 2**63, 2**64 - 1])
def test_boxes_longer_than_any_file_are_refused(tmp_path: Path, length: int) -> None:
    """A box may claim any length of 64 bits: what follows is a clip that cannot be used, and no other error."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"\x00\x00\x00\x01ftyp" + length.to_bytes(8, "big") + bytes(64))

    with pytest.raises(InvalidAsset):
        facts(path)


def test_a_clip_whose_index_is_missing_says_so(make_clip: MakeClip) -> None:
    """An MP4 cut off before its index asks for the whole file."""
    with pytest.raises(InvalidAsset, match="index is missing"):
        facts(make_clip(seconds=0.5, keep=0.5))
