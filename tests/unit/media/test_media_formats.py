"""Files for those who work on a clip: ProRes, ten bits, single pictures. Times, colours and sound are the source's."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from refilm.domain.edit import PRORES_PROFILES, OutputFormat
from refilm.errors import BadOutput, StorageFull
from refilm.media.coding import coding_for
from refilm.media.pictures import PictureWriter
from refilm.media.read import FrameReader
from refilm.media.stream import edit_frames
from refilm.media.written import Written
from refilm.testing import audio_packets, decode_times, ssim
from refilm.testing.clips import Sound

MakeClip = Callable[..., Path]
PNG, PRORES, TEN_BITS = OutputFormat.PNG_SEQUENCE, OutputFormat.PRORES, OutputFormat.SDR_REC709_10BIT
#: Times as no constant rate gives them.
UNEVEN = [Fraction(n, 1000) for n in (0, 40, 100, 101, 333, 1000, 1040, 1080)]
FOURCC = {"422 Proxy": "apco", "422 LT": "apcs", "422": "apcn", "422 HQ": "apch", "4444": "ap4h", "4444 XQ": "ap4x"}


def copy(source: Path, output_format: OutputFormat, profile: str | None = None) -> tuple[Path, Written]:
    """The clip in another format, and what the writer says about it."""
    output = source.with_name(f"{source.stem}-out{output_format.suffix}")
    with source.open("rb") as before, output.open("w+b") as after:
        return output, edit_frames(before, after, None, output_format=output_format, prores_profile=profile)


def pictures(path: Path) -> Iterator[NDArray[np.uint8]]:
    """The PNGs of a zip in order, as (height, width, 3) RGB."""
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".png"):
                with Image.open(io.BytesIO(archive.read(name))) as image:
                    assert image.mode == "RGB"
                    yield np.asarray(image)


def shown(path: Path) -> list[NDArray[np.uint8]]:
    """The pictures of a clip or a zip as RGB, by the matrix that the clip names."""
    if path.suffix == ".zip":
        return list(pictures(path))
    with av.open(str(path)) as container:
        frames = container.decode(container.streams.video[0])
        return [frame.to_ndarray(format="rgb24", src_colorspace=frame.colorspace) for frame in frames]


def timing(path: Path) -> dict[str, Any]:
    """What a zip says of its times."""
    with zipfile.ZipFile(path) as archive:
        told: dict[str, Any] = json.loads(archive.read("timing.json"))
    return told


@pytest.mark.parametrize("profile", [None, *PRORES_PROFILES])
def test_every_profile_is_what_its_name_says(make_clip: MakeClip, profile: str | None) -> None:
    """The tag that editors read, 4:2:2 or 4:4:4 (which FFmpeg decodes to 12 bits); without a name it is 4444."""
    output, written = copy(make_clip(seconds=0.2), PRORES, profile)

    told = profile or "4444"
    with av.open(str(output)) as container:
        assert "qt" in container.metadata["major_brand"]
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.codec_tag) == ("prores", FOURCC[told])
        frame = next(container.decode(stream))
        assert frame.format.name == ("yuv444p12le" if told.startswith("4444") else "yuv422p10le")
    assert (written.encoder["codec"], written.encoder["profile"]) == ("prores", told)
    assert any("computed with 8 bits" in note for note in written.notes)


def test_ten_bits_are_ten_bits_of_bt709(make_clip: MakeClip) -> None:
    """High 10, flagged BT.709, index in front; a clip of BT.601 is converted, and its colours stay."""
    source = make_clip(seconds=0.4, colour="601")
    output, written = copy(source, TEN_BITS)

    with av.open(str(output)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.profile, context.pix_fmt) == ("h264", "High 10", "yuv420p10le")
        assert (context.color_range, context.colorspace, context.color_primaries, context.color_trc) == (1, 1, 1, 1)
    data = output.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert written.notes == (
        "The clip's BT.601 colours were written as BT.709.",
        "The file holds 10 bits a sample (H.264, High 10); the edit was computed with 8.",
    )
    for before, after in zip(shown(source), shown(output), strict=True):
        assert np.abs(before.astype(int) - after).mean() < 3


@pytest.mark.parametrize("colour", ["601", "709"])
def test_pictures_have_the_colours_of_the_clip(make_clip: MakeClip, colour: str) -> None:
    """RGB by the clip's own matrix, black 0, white 255 and grey neutral; nothing is compressed away."""

    def bars(size: tuple[int, int], index: int) -> NDArray[np.uint8]:
        """Eight bars: black, grey, white, and five colours."""
        row = [(0, 0, 0), (128, 128, 128), (255, 255, 255), (200, 30, 30), (30, 200, 30), (30, 30, 200), (220, 200, 20)]
        colours = np.array([*row, (20, 180, 190)], np.uint8)
        return np.broadcast_to(np.repeat(colours, size[0] // 8, axis=0), (size[1], size[0], 3)).copy()

    source = make_clip(seconds=0.12, size=(256, 64), colour=colour, content=bars, options={"crf": "1"})
    output, written = copy(source, PNG)

    middles = next(pictures(output))[32, 16::32].astype(int)
    expected = bars((256, 64), 0)[32, 16::32].astype(int)
    assert np.abs(middles - expected).max() <= 3
    assert middles[:3].tolist() == [[0, 0, 0], [128, 128, 128], [255, 255, 255]]
    assert timing(output)["colour"].endswith(f"BT.{colour} YUV")
    assert written.encoder == {"codec": "png", "bits": 8, "container": "zip"}


@pytest.mark.parametrize("output_format", OutputFormat)
def test_every_format_shows_the_same_at_the_same_times(make_clip: MakeClip, output_format: OutputFormat) -> None:
    """Uneven times, a turned clip: each frame is there, upright, when it was, and looks as in the MP4."""
    source = make_clip(name="a.mov", times=UNEVEN, size=(192, 128), rotation=90)
    playable, _ = copy(source, OutputFormat.MP4)

    output, written = copy(source, output_format)

    told = timing(output)["frames"] if output_format is PNG else []
    times = [Fraction(str(frame["seconds"])) for frame in told] if told else decode_times(output)
    assert times == UNEVEN
    assert (written.frames, written.bytes) == (len(UNEVEN), output.stat().st_size)
    assert written.seconds == copy(source, OutputFormat.MP4)[1].seconds
    for expected, after in zip(shown(playable), shown(output), strict=True):
        assert after.shape == (192, 128, 3)
        assert ssim(expected, after) > 0.97


@pytest.mark.parametrize("output_format", OutputFormat)
def test_every_format_is_the_same_file_twice(make_clip: MakeClip, output_format: OutputFormat) -> None:
    """Byte for byte, with its sound, at a width that is no multiple of anything."""
    source = make_clip(seconds=0.4, size=(178, 98), audio="aac")

    first = copy(source, output_format)[0].read_bytes()

    assert copy(source, output_format)[0].read_bytes() == first


def test_the_zip_is_one_that_anybody_opens(make_clip: MakeClip) -> None:
    """Stored entries of numbered frames, the sound, the times; whole, without a clock, readable by its owner."""
    output, _ = copy(make_clip(seconds=0.2, rate=25, audio="aac"), PNG)

    with zipfile.ZipFile(output) as archive:
        assert archive.testzip() is None
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == [
        *(f"frame_{number:06d}.png" for number in range(1, 6)),
        "audio.wav",
        "timing.json",
    ]
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}
    told = timing(output)
    assert (told["frame_rate"], told["size"], told["sound"]) == ("25", [320, 180], "audio.wav")
    assert told["end"] == 0.2


def samples(path: Path) -> tuple[int, NDArray[np.float64]]:
    """(rate, (channels, samples)) of a clip's sound, -1..1, without what it says of its place in time."""
    with av.open(str(path)) as container:
        frames = list(container.decode(container.streams.audio[0]))
        resampler = av.AudioResampler("fltp", frames[0].layout, frames[0].sample_rate)
        pieces = [piece.to_ndarray() for frame in frames for piece in resampler.resample(frame)]
        return frames[0].sample_rate, np.concatenate(pieces, axis=1).astype(np.float64)


@pytest.mark.parametrize(("codec", "late"), [("aac", 0), ("pcm_s24le", 0), ("flac", Fraction(3, 10))])
def test_the_sound_lies_beside_the_pictures(make_clip: MakeClip, tmp_path: Path, codec: str, late: Fraction) -> None:
    """audio.wav is the decoded sound, sample for sample, after silence where it begins later than the clip."""
    source = make_clip(name="a.mkv", seconds=1, audio=Sound(codec, start=Fraction(late), seconds=Fraction(1, 2)))
    output, written = copy(source, PNG)

    with zipfile.ZipFile(output) as archive:
        archive.extract("audio.wav", tmp_path)
    rate, found = samples(tmp_path / "audio.wav")
    told, expected = samples(source)
    begin = round(late * rate)
    assert rate == told
    assert not found[:, :begin].any()
    assert np.abs(found[:, begin : begin + expected.shape[1]] - expected).max() < 2**-15
    assert found.shape[1] == begin + expected.shape[1]
    assert written.audio == {"action": "transcoded", "codec": "pcm_s24le", "from": codec}


def test_a_silent_clip_gets_no_sound(make_clip: MakeClip) -> None:
    """No empty WAV, and the record says that there was nothing."""
    output, written = copy(make_clip(seconds=0.2), PNG)

    assert timing(output)["sound"] is None
    with zipfile.ZipFile(output) as archive:
        assert "audio.wav" not in archive.namelist()
    assert written.audio == {"action": "none", "codec": None}


@pytest.mark.parametrize("codec", ["pcm_s16le", "aac", "alac"])
def test_an_editors_sound_is_copied_as_it_is(make_clip: MakeClip, codec: str) -> None:
    """What MOV carries goes along bit for bit."""
    source = make_clip(name="a.mov", seconds=0.5, audio=codec)
    output, written = copy(source, PRORES, "422 Proxy")

    assert written.audio == {"action": "copied", "codec": codec}
    assert b"".join(data for _, data in audio_packets(output)) == b"".join(data for _, data in audio_packets(source))


def test_other_sound_becomes_plain_samples_in_a_mov(make_clip: MakeClip) -> None:
    """Opus is no guest of MOV: it is decoded once, and nothing is lost again."""
    source = make_clip(name="a.webm", seconds=0.5, codec="libvpx-vp9", options={"cpu-used": "8"}, audio="libopus")
    output, written = copy(source, PRORES, "422 Proxy")

    _, found = samples(output)
    _, expected = samples(source)
    length = min(found.shape[1], expected.shape[1])
    assert written.audio == {"action": "transcoded", "codec": "pcm_s24le", "from": "opus"}
    assert abs(found.shape[1] - expected.shape[1]) <= 48_000 // 25
    assert np.corrcoef(found[0, :length], expected[0, :length])[0, 1] > 0.99


def test_single_pictures_are_no_coding_of_a_clip() -> None:
    """There is no container for them."""
    with pytest.raises(ValueError, match="not a clip"):
        coding_for(PNG)


def test_a_zip_that_was_given_up_is_no_zip(make_clip: MakeClip) -> None:
    """Frames of another size are a mistake; no frame is a bad output; neither leaves a directory."""
    with make_clip(seconds=0.2).open("rb") as source, tempfile.TemporaryFile() as output, FrameReader(source) as reader:
        frame = next(iter(reader))
        with PictureWriter(
            output, size=(160, 90), time_base=Fraction(1, 25), frame_rate=Fraction(25), matrix="709"
        ) as writer:
            with pytest.raises(ValueError, match="cannot go among"):
                writer.write(frame)
            with pytest.raises(BadOutput, match="no picture"):
                writer.finish()
        assert not zipfile.is_zipfile(output)


def test_a_full_disk_is_said_as_such_of_pictures_too(make_clip: MakeClip) -> None:
    """The error is about storage, whichever writer met it."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")

    class Full:
        """A file that can be emptied and then takes nothing."""

        def __init__(self, real: Any, device: Any) -> None:
            self._files = [real, device]

        def fileno(self) -> int:
            """The real file's first, then the full device's."""
            return int(self._files.pop(0).fileno() if len(self._files) > 1 else self._files[0].fileno())

    with (
        make_clip(seconds=0.4).open("rb") as source,
        tempfile.TemporaryFile() as real,
        full.open("r+b", buffering=0) as device,
    ):
        output: Any = Full(real, device)
        with pytest.raises(StorageFull, match="no room"):
            edit_frames(source, output, None, output_format=PNG)
