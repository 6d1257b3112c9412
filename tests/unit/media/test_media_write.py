"""The file that comes out: what browsers need, exact times, the source's own sound."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from refilm.domain.clip import ClipInfo
from refilm.errors import BadOutput, InvalidAsset, StorageFull
from refilm.media.pictures import PictureWriter
from refilm.media.probe import probe
from refilm.media.read import FrameReader
from refilm.media.stream import edit_frames
from refilm.media.write import ClipWriter
from refilm.media.written import Written
from refilm.testing import audio_packets, decode_times, frame_hash, read_frames, ssim
from refilm.testing.clips import Sound

MakeClip = Callable[..., Path]


def copy(source: Path, **wishes: Any) -> tuple[Path, Written]:
    """The clip decoded and encoded again, and what the writer says about it."""
    output = source.with_name(f"{source.stem}-out.mp4")
    with source.open("rb") as before, output.open("w+b") as after:
        return output, edit_frames(before, after, None, **wishes)


def facts(path: Path) -> ClipInfo:
    """The probe's answer for a file."""
    with path.open("rb") as file:
        return probe(file)


def boxes(data: bytes) -> list[bytes]:
    """The names of an MP4's top-level boxes, in order."""
    names, at = [], 0
    while at < len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        names.append(name)
        at += length if length > 1 else struct.unpack(">Q", data[at + 8 : at + 16])[0]
    return names


@pytest.fixture(scope="module")
def bunny_again(bunny: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Written]:
    """Big Buck Bunny, decoded and encoded once for all the tests that look at it."""
    output = tmp_path_factory.mktemp("bunny") / "out.mp4"
    with bunny.open("rb") as before, output.open("w+b") as after:
        return output, edit_frames(before, after, None)


def test_the_real_clip_keeps_its_frames_times_and_sound(bunny: Path, bunny_again: tuple[Path, Written]) -> None:
    """132 frames at the source's times, the sound's packets bit for bit, the same length."""
    output, written = bunny_again

    assert (written.frames, written.read, written.bytes) == (132, 132, output.stat().st_size)
    assert written.audio == {"action": "copied", "codec": "aac"}
    assert written.encoder == {"codec": "h264", "preset": "veryfast", "crf": 20, "threads": 2}
    assert (written.seconds, written.notes) == (facts(bunny).duration, ())
    assert decode_times(output) == decode_times(bunny)
    assert audio_packets(output) == audio_packets(bunny)
    assert facts(output).duration == facts(bunny).duration


def test_the_real_clip_looks_the_same(bunny: Path, bunny_again: tuple[Path, Written]) -> None:
    """Every 20th frame is nearly the source's."""
    likeness = [
        ssim(a, b) for a, b in zip(read_frames(bunny, every=20), read_frames(bunny_again[0], every=20), strict=True)
    ]

    assert min(likeness) > 0.95


def test_a_browser_can_play_it(bunny_again: tuple[Path, Written]) -> None:
    """High profile, yuv420p, limited range, named colours, square pixels, and the index before the data."""
    with av.open(str(bunny_again[0])) as container:
        stream = container.streams.video[0]
        context = stream.codec_context

        assert (context.name, context.profile, context.pix_fmt) == ("h264", "High", "yuv420p")
        assert (context.color_range, context.colorspace, context.color_primaries, context.color_trc) == (1, 1, 1, 1)
        assert (stream.sample_aspect_ratio or 1) == 1
        assert [stream.type for stream in container.streams] == ["video", "audio"]
    names = boxes(bunny_again[0].read_bytes())
    assert names[0] == b"ftyp"
    assert names.index(b"moov") < names.index(b"mdat")


def test_a_picture_is_encoded_whole(bunny_again: tuple[Path, Written]) -> None:
    """The encoder's threads share the pictures out: cutting each into slices would take longer and cost bytes."""
    settings = bunny_again[0].read_bytes()

    assert b"threads=2 " in settings
    assert b"sliced_threads=0 " in settings


def test_the_index_moves_to_the_front_of_a_file_without_a_name(make_clip: MakeClip) -> None:
    """Output into a nameless file: no path can be opened, only the descriptor."""
    with make_clip(seconds=1, audio="aac").open("rb") as source, tempfile.TemporaryFile() as output:
        written = edit_frames(source, output, None)
        output.seek(0)
        data = output.read()

    assert len(data) == written.bytes
    assert boxes(data).index(b"moov") < boxes(data).index(b"mdat")


@pytest.mark.parametrize(
    "wishes",
    [
        {"rate": Fraction(30000, 1001), "seconds": 2},
        {"rate": Fraction(24000, 1001), "seconds": 2, "name": "a.mkv"},
        {"times": [Fraction(n, 1000) for n in (0, 40, 100, 101, 333, 1000, 1040, 1080, 2000)]},
        {"times": [Fraction(n * n, 7919) for n in range(60)], "time_base": Fraction(1, 7919)},
        {"seconds": 2, "rate": 120},
        {"seconds": 2, "options": {"bf": "4", "b_strategy": "0"}},
        {"seconds": 2, "name": "a.webm", "codec": "libvpx-vp9", "options": {"cpu-used": "8"}, "start": 3},
    ],
    ids=["29.97", "23.976 mkv", "variable", "odd time base", "120", "B-frames", "late start"],
)
def test_times_come_out_as_they_went_in(make_clip: MakeClip, wishes: dict[str, object]) -> None:
    """Decoded times of output and source differ by the source's start and by nothing else, and so does the length."""
    path = make_clip(**wishes)

    output, written = copy(path)

    told = decode_times(path)
    assert decode_times(output) == [time - told[0] for time in told]
    assert written.frames == len(told)
    rate = facts(path).frame_rate or 25
    assert abs(facts(output).duration - (told[-1] - told[0] + 1 / rate)) <= 2 / rate + Fraction(1, 25)


@pytest.mark.parametrize("picture_first", [True, False])
def test_sound_and_picture_stay_in_step(make_clip: MakeClip, picture_first: bool) -> None:
    """An offset between picture and sound is the same after the edit, whichever begins first."""
    late = Fraction(2, 5)
    sound = Sound("flac", start=late if picture_first else Fraction(0), seconds=Fraction(1))
    path = make_clip(name="a.mkv", seconds=1, start=0 if picture_first else late, audio=sound)

    output, _ = copy(path)

    offset = audio_packets(path)[0][0] - decode_times(path)[0]
    again = audio_packets(output)[0][0] - decode_times(output)[0]
    assert abs(offset) == late
    assert abs(again - offset) <= Fraction(1, 1000)


@pytest.mark.parametrize(
    ("name", "encoder", "codec"),
    [
        ("a.mp4", "aac", "aac"),
        ("a.mp4", "libmp3lame", "mp3"),
        ("a.mp4", "libopus", "opus"),
        ("a.mp4", "flac", "flac"),
        ("a.mkv", "aac", "aac"),
        ("a.mkv", "flac", "flac"),
        ("a.webm", "libopus", "opus"),
    ],
)
def test_sound_that_browsers_know_is_copied_bit_by_bit(
    make_clip: MakeClip, name: str, encoder: str, codec: str
) -> None:
    """The packets are the source's own bytes, at its times to within a millisecond."""
    picture = {"codec": "libvpx"} if name == "a.webm" else {}
    path = make_clip(name=name, seconds=2, audio=encoder, **picture)

    output, written = copy(path)

    before, after = audio_packets(path), audio_packets(output)
    assert written.audio == {"action": "copied", "codec": codec}
    assert [data for _, data in after] == [data for _, data in before]
    assert max(abs(a - b) for (a, _), (b, _) in zip(before, after, strict=True)) <= Fraction(1, 500)


@pytest.mark.parametrize(
    ("name", "sound"),
    [
        ("a.mov", Sound("pcm_s16le")),
        ("a.mov", Sound("pcm_f32le", rate=22050, layout="mono")),
        ("a.mkv", Sound("vorbis")),
        ("a.mkv", Sound("ac3", layout="5.1")),
        ("a.mov", Sound("alac", rate=44100)),
        ("a.mkv", Sound("pcm_s16le", rate=37800)),
    ],
    ids=["pcm", "pcm mono 22050", "vorbis", "ac3 5.1", "alac", "odd rate"],
)
def test_other_sound_becomes_aac_once(make_clip: MakeClip, name: str, sound: Sound) -> None:
    """What MP4 does not carry for browsers is transcoded, recorded, and lasts as long as before."""
    path = make_clip(name=name, seconds=2, audio=sound)

    output, written = copy(path)

    assert written.audio == {"action": "transcoded", "codec": "aac", "from": facts(path).audio_codec}
    assert loudness(output) == pytest.approx(loudness(path), abs=0.02)
    assert heard(output) == pytest.approx(2, abs=0.1)


def samples(path: Path) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The first channel as -1..1 at 48 kHz."""
    resampler = av.AudioResampler("fltp", "mono", 48_000)
    with av.open(str(path)) as container:
        frames = [*container.decode(audio=0), None]
        pieces = [piece.to_ndarray()[0] for frame in frames for piece in resampler.resample(frame)]
    return np.concatenate(pieces).astype(np.float32)


def loudness(path: Path) -> float:
    """Root mean square of the sound."""
    return float(np.sqrt(np.mean(samples(path) ** 2)))


def heard(path: Path) -> float:
    """Seconds of sound."""
    return len(samples(path)) / 48_000


def test_transcoded_sound_begins_when_the_source_does(make_clip: MakeClip) -> None:
    """The tone starts at the same moment after transcoding as before, to within a millisecond or two."""
    path = make_clip(name="a.mkv", seconds=2, audio=Sound("pcm_s16le", start=Fraction(1, 2), seconds=Fraction(1)))

    output, _ = copy(path)

    with av.open(str(output)) as container:
        first = next(frame for frame in container.decode(audio=0) if np.abs(frame.to_ndarray()).max() > 0.02)
        start = first.pts * first.time_base
    assert abs(start - Fraction(1, 2)) < Fraction(22, 1000)


def with_a_hole(path: Path, start: Fraction, end: Fraction) -> Path:
    """A copy of a clip whose sound packets between two moments are missing."""
    holey = path.with_name(f"holey-{path.name}")
    with av.open(str(path)) as source, av.open(str(holey), "w") as target:
        copies = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            time = (packet.pts or 0) * packet.time_base
            if packet.size and not (packet.stream.type == "audio" and start <= time < end):
                packet.stream = copies[packet.stream.index]
                target.mux(packet)
    return holey


def test_a_hole_in_transcoded_sound_stays_a_hole(make_clip: MakeClip) -> None:
    """Missing sound becomes silence of the same length, so that what follows stays in step with the picture."""
    path = with_a_hole(make_clip(name="a.mkv", seconds=3, audio="pcm_s16le"), Fraction(1), Fraction(2))

    output, _ = copy(path)

    sound = samples(output)
    assert heard(output) == pytest.approx(3, abs=0.06)
    assert np.abs(sound[int(1.1 * 48_000) : int(1.9 * 48_000)]).max() < 0.01
    assert np.abs(sound[int(2.1 * 48_000) : int(2.9 * 48_000)]).max() > 0.1


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_hole_in_copied_sound_stays_a_hole(make_clip: MakeClip, name: str) -> None:
    """Copied packets keep their times across missing ones."""
    path = with_a_hole(make_clip(name=name, seconds=3, audio="aac"), Fraction(1), Fraction(2))

    output, _ = copy(path)

    before, after = audio_packets(path), audio_packets(output)
    assert [data for _, data in after] == [data for _, data in before]
    assert max(abs(a - b) for (a, _), (b, _) in zip(before, after, strict=True)) <= Fraction(1, 500)


@pytest.mark.parametrize("seconds", [Fraction(1, 2), Fraction(5)])
def test_sound_shorter_or_longer_than_the_picture_is_kept(make_clip: MakeClip, seconds: Fraction) -> None:
    """All of the sound comes along, also what outlasts the picture."""
    path = make_clip(seconds=2, audio=Sound(seconds=seconds))

    output, _ = copy(path)

    assert [data for _, data in audio_packets(output)] == [data for _, data in audio_packets(path)]


def test_sound_can_be_left_out(make_clip: MakeClip) -> None:
    """Without sound to take along, the record says so."""
    silent, _ = copy(make_clip(name="mute.mp4", seconds=0.4))
    output, written = copy(make_clip(name="loud.mp4", seconds=0.4, audio="aac"), keep_audio=False)

    assert written.audio == {"action": "none", "codec": None}
    assert audio_packets(output) == audio_packets(silent) == []


@pytest.mark.parametrize(("colour", "numbers"), [("601", (6, 6, 6)), ("709", (1, 1, 1)), ("2020", (1, 1, 1))])
def test_the_output_names_its_colours(make_clip: MakeClip, colour: str, numbers: tuple[int, int, int]) -> None:
    """Matrix, primaries and transfer are flagged as what the frames are."""
    output, _ = copy(make_clip(seconds=0.2, colour=colour))

    with av.open(str(output)) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc) == numbers
        assert context.color_range == 1


def test_the_same_input_gives_the_same_bytes(make_clip: MakeClip) -> None:
    """Two runs agree in every pixel and in every byte of the file."""
    path = make_clip(seconds=1, audio="aac")
    first, _ = copy(path)
    pixels, data = frame_hash(first), first.read_bytes()

    second, _ = copy(path)

    assert frame_hash(second) == pixels
    assert second.read_bytes() == data


_COPY = """
import hashlib, sys, tempfile
from refilm.media.stream import edit_frames
with open(sys.argv[1], "rb") as source, tempfile.TemporaryFile() as output:
    edit_frames(source, output, None)
    output.seek(0)
    print(hashlib.sha256(output.read()).hexdigest())
"""


def test_the_bytes_do_not_depend_on_what_the_memory_held_before(make_clip: MakeClip) -> None:
    """Fresh memory filled with other values (glibc's MALLOC_PERTURB_) changes nothing, at a width that once did."""
    path = make_clip(seconds=0.6, size=(336, 180))

    hashes = {
        subprocess.run(
            [sys.executable, "-c", _COPY, str(path)],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "MALLOC_PERTURB_": fill},
        ).stdout
        for fill in ("0", "85", "170")
    }

    assert len(hashes) == 1


def test_rotated_clips_come_out_upright_and_unflagged(make_clip: MakeClip) -> None:
    """The turn is in the pixels afterwards; a player has nothing left to do."""
    output, _ = copy(make_clip(seconds=0.4, rotation=270))

    info = facts(output)
    assert (info.width, info.height, info.rotation) == (180, 320, 0)
    assert read_frames(output)[0][:20, -20:, 0].mean() > 180


def test_what_the_output_held_before_is_gone(make_clip: MakeClip) -> None:
    """A longer older file leaves no tail."""
    path = make_clip(seconds=0.4)
    output = path.with_name("out.mp4")
    output.write_bytes(bytes(3_000_000))

    with path.open("rb") as before, output.open("r+b") as after:
        written = edit_frames(before, after, None)

    assert output.stat().st_size == written.bytes < 1_000_000


def test_a_frame_of_another_size_is_a_mistake_of_ours(make_clip: MakeClip) -> None:
    """Frames must have the writer's size."""
    with make_clip(seconds=0.2).open("rb") as source, tempfile.TemporaryFile() as output, FrameReader(source) as reader:
        frame = next(iter(reader))
        with (
            ClipWriter(
                output, size=(160, 90), time_base=Fraction(1, 25), frame_rate=Fraction(25), matrix="709"
            ) as writer,
            pytest.raises(ValueError, match="cannot go among"),
        ):
            writer.write(frame)


@pytest.mark.parametrize("kind", [ClipWriter, PictureWriter])
def test_frames_that_do_not_rise_in_time_are_a_mistake_of_ours(
    kind: type[ClipWriter | PictureWriter], make_clip: MakeClip
) -> None:
    """No writer takes a frame that is shown no later than the one before it."""
    with make_clip(seconds=0.2).open("rb") as source, tempfile.TemporaryFile() as output, FrameReader(source) as reader:
        frame = next(iter(reader))
        with kind(output, size=frame.size, time_base=frame.time_base, frame_rate=Fraction(25), matrix="709") as writer:
            writer.write(frame)

            with pytest.raises(ValueError, match="cannot come after"):
                writer.write(frame)


def test_no_frames_are_a_bad_output() -> None:
    """A clip without a picture is never finished."""
    with (
        tempfile.TemporaryFile() as output,
        ClipWriter(output, size=(160, 90), time_base=Fraction(1, 25), frame_rate=Fraction(25), matrix="709") as writer,
        pytest.raises(BadOutput, match="no picture"),
    ):
        writer.finish()


def test_a_full_disk_is_said_as_such(make_clip: MakeClip) -> None:
    """Where there is no room, the error is about storage and not about the clip."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")

    class Full:
        """Writes of this file fail as on a full disk."""

        def __init__(self, real: Any, device: Any) -> None:
            self._real, self._full = real, device

        def fileno(self) -> int:
            """A real file until it has been emptied, the full device afterwards."""
            if self._real is not None:
                real, self._real = self._real, None
                return int(real.fileno())
            return int(self._full.fileno())

    with (
        make_clip(seconds=2).open("rb") as source,
        tempfile.TemporaryFile() as real,
        full.open("r+b", buffering=0) as device,
    ):
        output: Any = Full(real, device)
        with pytest.raises(StorageFull, match="no room"):
            edit_frames(source, output, None)
        output._full.close()


def test_sound_from_a_file_that_is_no_clip_is_refused(tmp_path: Path) -> None:
    """The sound's source is judged like any input."""
    junk = tmp_path / "junk.mp4"
    junk.write_bytes(b"junk" * 1000)

    with tempfile.TemporaryFile() as output, junk.open("rb") as source, pytest.raises(InvalidAsset):
        ClipWriter(
            output, size=(160, 90), time_base=Fraction(1, 25), frame_rate=Fraction(25), matrix="709", audio_from=source
        )
