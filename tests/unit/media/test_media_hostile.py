"""Files that want to make FFmpeg read something else, or are not what they say."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from refilm.errors import EditFailure, InvalidAsset
from refilm.media import transcode
from refilm.media.probe import probe
from refilm.media.read import FrameReader
from refilm.media.stream import edit_frames

MakeClip = Callable[..., Path]

SDP = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"


def refused(path: Path) -> str:
    """The sentence with which the file is refused, by the probe and by the reader alike."""
    with path.open("rb") as file, pytest.raises(InvalidAsset) as probed:
        probe(file)
    with path.open("rb") as file, pytest.raises(InvalidAsset):
        FrameReader(file)
    return str(probed.value)


@pytest.mark.parametrize(
    "playlist",
    [
        "ffconcat version 1.0\nfile {name}\n",
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://{path}\n#EXT-X-ENDLIST\n",
        "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'><BaseURL>{path}</BaseURL></MPD>",
        SDP,
        "RTSPtext\nrtsp://127.0.0.1/{name}\n",
    ],
    ids=["concat", "hls", "dash", "sdp", "rtsp"],
)
def test_playlists_named_mp4_are_refused(make_clip: MakeClip, tmp_path: Path, playlist: str) -> None:
    """A text that refers to a neighbouring clip opens nothing, whatever it is called."""
    secret = make_clip(name="secret.mp4", seconds=0.2)
    path = tmp_path / "innocent.mp4"
    path.write_text(playlist.format(name=secret.name, path=secret))

    assert "cannot be read as a video" in refused(path)


@pytest.mark.parametrize("kind", ["y4m", "avi", "nut", "gif", "mpegts", "flv"])
def test_containers_outside_the_list_are_refused(tmp_path: Path, kind: str) -> None:
    """FFmpeg knows hundreds of containers; ours are a handful, by content and not by name."""
    path = tmp_path / "clip.mp4"
    codec, muxer = {
        "y4m": ("rawvideo", "yuv4mpegpipe"),
        "gif": ("gif", "gif"),
        "avi": ("mpeg4", "avi"),
        "nut": ("mpeg4", "nut"),
        "flv": ("flv", "flv"),
    }.get(kind, ("libx264", kind))
    with av.open(str(path), "w", format=muxer) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = 64, 64
        stream.pix_fmt = "rgb8" if kind == "gif" else "yuv420p"
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame(64, 64, stream.pix_fmt)))
        container.mux(stream.encode(None))

    assert "cannot be read as a video" in refused(path)


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_refused(tmp_path: Path, seed: int) -> None:
    """Random bytes are no clip."""
    path = tmp_path / "noise.mp4"
    path.write_bytes(np.random.default_rng(seed).bytes(50_000))

    refused(path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    """Nothing is no clip."""
    path = tmp_path / "empty.mp4"
    path.touch()

    refused(path)


def test_a_clip_without_pictures_is_refused(make_clip: MakeClip) -> None:
    """A whole index with nothing but zeros for data decodes to nothing and is refused."""
    path = make_clip(seconds=1)
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[start:end] = bytes(end - start)
    path.write_bytes(data)

    assert "No picture" in refused(path)


def spoil_setup(path: Path, kind: str) -> None:
    """Overwrite the end of the decoder's setup bytes of the first stream of that kind, where they lie in the file."""
    with av.open(str(path)) as container:
        setup = bytes(container.streams.get({kind: 0})[0].codec_context.extradata)
    path.write_bytes(path.read_bytes().replace(setup, setup[:23] + b"\xff" * (len(setup) - 23)))


def test_a_clip_whose_decoder_does_not_open_is_refused(hevc: Path, tmp_path: Path) -> None:
    """Damaged setup bytes, without which no packet means anything, are told like any other damage."""
    path = tmp_path / "spoilt.m4v"
    path.write_bytes(hevc.read_bytes())
    spoil_setup(path, "video")

    assert "No picture" in refused(path)


def test_sound_whose_decoder_does_not_open_is_left_out(make_clip: MakeClip, tmp_path: Path) -> None:
    """The picture is edited all the same, and the record says what became of the sound."""
    path = make_clip(name="a.mkv", seconds=0.4, size=(64, 64), audio="vorbis")
    spoil_setup(path, "audio")

    with path.open("rb") as source, (tmp_path / "out.mp4").open("w+b") as output:
        written = edit_frames(source, output, None)

    assert written.frames == 10
    assert written.audio == {"action": "none", "codec": None, "from": "vorbis", "reason": "the sound is damaged"}


def test_sound_of_impossibly_many_channels_is_left_out(make_clip: MakeClip, tmp_path: Path) -> None:
    """A track that claims 34 channels costs the clip its sound and nothing else."""
    path = make_clip(name="a.mkv", seconds=0.4, size=(64, 64), audio="pcm_s16le")
    stereo = b"\x9f\x81\x02"  # Matroska's element "Channels"
    assert path.read_bytes().count(stereo) == 1
    path.write_bytes(path.read_bytes().replace(stereo, b"\x9f\x81\x22"))

    with path.open("rb") as source, (tmp_path / "out.mp4").open("w+b") as output:
        written = edit_frames(source, output, None)

    assert written.frames == 10
    assert written.audio["action"] == "none"
    assert written.audio["reason"] == "the sound has too many channels"


def test_sound_that_changes_into_what_cannot_be_mixed_is_skipped() -> None:
    """Frames of a form that nothing can be made of are left out, before, between and after sound ones."""

    def frame(layout: str) -> av.AudioFrame:
        made = av.AudioFrame(format="s16", layout=layout, samples=64)
        made.sample_rate, made.pts = 48_000, 0
        return made

    frames = [frame(layout) for layout in ("34 channels", "stereo", "34 channels", "stereo", "34 channels")]
    with av.open(io.BytesIO(), "w", format="mp4") as container:
        context = container.add_stream("aac", rate=48_000, layout="stereo").codec_context
        heard = list(transcode._resampled(frames, context))

    assert sum(each.samples for each in heard) == 128


@pytest.mark.parametrize("seed", range(24))
def test_mutants_are_decoded_or_refused_but_never_crash(make_clip: MakeClip, seed: int) -> None:
    """Flipped bytes anywhere end as frames or as an invalid asset, and as no other error."""
    path = make_clip(seconds=0.4, size=(64, 64), audio="aac")
    data = bytearray(path.read_bytes())
    random = np.random.default_rng(seed)
    for at in random.integers(0, len(data), 1 + seed):
        data[at] = random.integers(256)
    path.write_bytes(data)

    with path.open("rb") as file:
        try:
            with FrameReader(file) as reader:
                frames = sum(1 for _ in reader)
        except InvalidAsset:
            frames = None

    assert frames is None or frames >= 1


@pytest.mark.parametrize("seed", range(20))
def test_mutants_are_edited_or_refused(make_clip: MakeClip, tmp_path: Path, seed: int) -> None:
    """A whole edit of a damaged clip, its sound copied or transcoded, ends in a file or in one of our own errors."""
    sound = ("aac", "pcm_s16le", "vorbis", "libopus")[seed % 4]
    path = make_clip(name="a.mkv", seconds=0.4, size=(64, 64), audio=sound)
    data = bytearray(path.read_bytes())
    random = np.random.default_rng(seed)
    for at in random.integers(0, len(data), 1 + seed):
        data[at] = random.integers(256)
    path.write_bytes(data)

    with path.open("rb") as source, (tmp_path / "out.mp4").open("w+b") as output:
        try:
            written = edit_frames(source, output, None)
        except EditFailure:
            written = None

    assert written is None or written.frames >= 1
