"""Other courses of time: which frames are shown when, and the sound that goes with them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refilm.media.frame import Frame
from refilm.media.index import Rhythm
from refilm.media.retiming import Retiming, Ticks, retimed
from refilm.media.stream import edit_frames
from refilm.media.tempo import tempo_chain
from refilm.media.written import Written
from refilm.testing import decode_times
from refilm.testing.clips import Sound

MakeClip = Callable[..., Path]

BASE = Fraction(1, 1000)
TEMPOS = st.fractions(Fraction(1, 4), 8, max_denominator=100)


def frames(times: list[int], *, origin: int = 0) -> list[Frame]:
    """Empty frames at these milliseconds after `origin`."""
    ends = [*times[1:], times[-1] + 40]
    return [
        Frame(
            av.VideoFrame(16, 16, "yuv420p"),
            index=index,
            pts=origin + time,
            time_base=BASE,
            origin=origin,
            duration=end - time,
        )
        for index, (time, end) in enumerate(zip(times, ends, strict=True))
    ]


def halfway(before: Frame, after: Frame, share: float, made: Frame) -> None:
    """Marks a made picture with its share."""
    made.y[...] = round(100 * share)


def edited(source: Path, output: Path, retiming: Retiming) -> Written:
    with source.open("rb") as a, output.open("w+b") as b:
        return edit_frames(a, b, None, retiming=retiming)


@given(TEMPOS, st.lists(st.integers(1, 200), min_size=1, max_size=30))
def test_every_tick_shows_one_frame(tempo: Fraction, distances: list[int]) -> None:
    """However long frames are shown: their ticks follow each other without gap or overlap, from the first on."""
    early = Fraction(1, 200)
    ticks = Ticks(Fraction(1, 25), tempo, early)
    times = [Fraction(time, 1000) for time in itertools.accumulate(distances, initial=0)]

    shown = [list(ticks.within(begins, ends)) for begins, ends in itertools.pairwise(times)]

    assert list(itertools.chain(*shown)) == list(range(ticks.within(Fraction(0), times[-1]).stop))
    for (begins, ends), mine in zip(itertools.pairwise(times), shown, strict=True):
        assert all(begins - early <= ticks.moment(tick) < ends for tick in mine)


@given(TEMPOS, st.integers(1, 20), st.integers(0, 500))
def test_a_regular_clip_stays_regular(tempo: Fraction, count: int, origin: int) -> None:
    """Its step stays, its length is divided to within a frame, and frames tell moments that they show."""
    clip = frames([40 * n for n in range(count)], origin=origin)
    rhythm = Rhythm(Fraction(1, 25), Fraction(1, 25), True)

    made = list(retimed(clip, Retiming(tempo), rhythm))

    assert [frame.index for frame in made] == list(range(len(made)))
    if tempo != 1:
        assert [frame.shown_at for frame in made] == [n * Fraction(1, 25) for n in range(len(made))]
        assert made[0].pts == round(origin / tempo)
    assert abs(len(made) - count / tempo) < 1
    assert [frame.time for frame in made] == sorted(frame.time for frame in made)
    assert all(abs(frame.time - frame.shown_at * tempo) <= Fraction(1, 25) for frame in made)


@given(TEMPOS, st.lists(st.integers(5, 300), min_size=1, max_size=40))
def test_a_variable_rate_keeps_its_distances(tempo: Fraction, distances: list[int]) -> None:
    """Times are divided to the millisecond, rise, and come no closer than nine in ten of the source's do."""
    clip = frames(list(itertools.accumulate(distances, initial=0)))
    least = Fraction(sorted(distances)[len(distances) // 10], 1000)

    made = list(retimed(clip, Retiming(tempo), Rhythm(Fraction(1, 25), least, False)))

    assert all(abs(frame.shown_at - frame.time / tempo) <= BASE / 2 for frame in made)
    gaps = [two.shown_at - one.shown_at for one, two in itertools.pairwise(made)]
    assert all(gap > 0 for gap in gaps)
    assert all(gap >= least - BASE for gap in gaps) or tempo <= 1
    assert [frame.duration * BASE for frame in made][:-1] == gaps
    whole = clip[-1].shown_at + clip[-1].duration * BASE
    assert abs(made[-1].shown_at + made[-1].duration * BASE - whole / tempo) <= BASE or made[-1].duration == 1
    assert len(made) == len(clip) or tempo > 1


@given(st.fractions(Fraction(5, 4), 4, max_denominator=20), st.integers(2, 12))
def test_frames_between_are_made_at_their_share(factor: Fraction, count: int) -> None:
    """Each tick shows a frame of the clip, or one made at exactly the share of its moment."""
    clip = frames([40 * n for n in range(count)])
    rhythm = Rhythm(Fraction(1, 25), Fraction(1, 25), True)

    made = list(retimed(clip, Retiming(1 / factor, between=halfway), rhythm))

    assert 0 <= len(made) - count * factor < 1
    originals = [frame.picture for frame in clip]
    for tick, frame in enumerate(made):
        moment = min(tick / factor, Fraction(count - 1))
        share = moment - int(moment)
        if Fraction(1, 16) <= share <= Fraction(15, 16):
            assert frame.time == moment * Fraction(1, 25)
            assert frame.y[0, 0] == round(100 * float(share))
        else:
            assert frame.picture is originals[round(moment)]


def test_nothing_is_made_across_a_standstill() -> None:
    """Where a frame was shown for long, it goes on being shown: there is no movement to be followed."""
    clip = frames([0, 40, 1040, 1080])
    rhythm = Rhythm(Fraction(1, 25), Fraction(1, 25), False)

    made = list(retimed(clip, Retiming(Fraction(1, 2), between=halfway), rhythm))

    assert [any(frame.picture is each.picture for each in clip) for frame in made].count(False) == 2
    assert len(made) == 56


def test_courses_add_up() -> None:
    """Twice as fast and backwards is both; twice backwards is forwards; half of twice as fast is nothing."""
    both = Retiming(Fraction(2)).then(Retiming(backwards=True))

    assert (both.tempo, both.backwards, both.changes) == (2, True, True)
    assert not both.then(Retiming(Fraction(1, 2), backwards=True)).changes


@given(st.fractions(Fraction(1, 16), 16).filter(lambda tempo: tempo > 0))
def test_a_tempo_is_made_of_gentle_steps(tempo: Fraction) -> None:
    """Each from a half to two, together the tempo."""
    chain = tempo_chain(tempo)

    assert np.prod([Fraction(1), *chain]) == tempo
    assert all(Fraction(1, 2) <= each <= 2 for each in chain)


@pytest.mark.parametrize("rate", [25, Fraction(30000, 1001), 12])
@pytest.mark.parametrize("factor", [Fraction(2), Fraction(3, 2), Fraction(1, 2), Fraction(8)])
def test_speed_keeps_the_frame_rate(make_clip: MakeClip, tmp_path: Path, rate: Fraction, factor: Fraction) -> None:
    """In the file: the source's rate, its length divided to within a frame, times that only rise."""
    source = make_clip(seconds=2, size=(96, 64), rate=rate)

    written = edited(source, tmp_path / "out.mp4", Retiming(factor))

    times = decode_times(tmp_path / "out.mp4")
    assert len(times) == written.frames
    step = 1 / Fraction(rate)
    assert all(abs(two - one - step) < Fraction(1, 10_000) for one, two in itertools.pairwise(times))
    assert abs(len(times) * step - len(decode_times(source)) * step / factor) <= step


def test_a_variable_rate_is_divided_in_the_file(make_clip: MakeClip, tmp_path: Path) -> None:
    """At half the speed every frame stands twice as long."""
    source = make_clip(size=(96, 64), times=[Fraction(n * n, 100) for n in range(12)])

    edited(source, tmp_path / "out.mp4", Retiming(Fraction(1, 2)))

    assert decode_times(tmp_path / "out.mp4") == [2 * time for time in decode_times(source)]


def sound(path: Path) -> tuple[int, np.ndarray[Any, Any]]:
    """(sample rate, the first channel's samples from 0 on)."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        heard = [
            (round((frame.pts or 0) * frame.time_base * frame.sample_rate), _levels(frame.to_ndarray()[0]))
            for frame in container.decode(stream)
        ]
        rate = stream.codec_context.sample_rate
    samples = np.zeros(max(at + len(piece) for at, piece in heard))
    for at, piece in heard:
        samples[max(0, at) : at + len(piece)] = piece[max(0, -at) :]
    return rate, samples


def _levels(samples: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return samples / 32768 if samples.dtype == np.int16 else samples


def pitch(rate: int, samples: np.ndarray[Any, Any]) -> float:
    """The loudest frequency, hertz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * rate / len(samples)


def loudness(rate: int, samples: np.ndarray[Any, Any], seconds: float) -> np.ndarray[Any, Any]:
    """How loud each twentieth of a second is."""
    size = rate // 20
    cut = samples[: int(seconds * rate) // size * size].reshape(-1, size)
    return np.sqrt((cut**2).mean(1))


@pytest.mark.parametrize("factor", [Fraction(2), Fraction(5, 4), Fraction(8), Fraction(1, 2), Fraction(1, 4)])
@pytest.mark.parametrize("codec", ["aac", "flac"])
def test_the_tone_stays_while_its_time_changes(
    make_clip: MakeClip, tmp_path: Path, codec: str, factor: Fraction
) -> None:
    """440 Hz stay 440 Hz at every tempo, and last as long as the picture."""
    source = make_clip(seconds=4, size=(96, 64), audio=codec)

    written = edited(source, tmp_path / "out.mp4", Retiming(factor))

    rate, samples = sound(tmp_path / "out.mp4")
    assert written.audio == {
        "action": "transcoded", "codec": "aac", "from": codec, "tempo": float(factor), "backwards": False
    }  # fmt: skip
    assert abs(pitch(rate, samples) - 440) < 5
    assert abs(len(samples) / rate - 4 / factor) < 0.08


@pytest.mark.parametrize(("name", "codec"), [("clip.mp4", "aac"), ("clip.mkv", "pcm_s16le"), ("clip.mkv", "libopus")])
def test_sound_runs_backwards_with_the_picture(make_clip: MakeClip, tmp_path: Path, name: str, codec: str) -> None:
    """The swelling of the tone comes the other way round, over blocks that are searched one by one."""
    source = make_clip(name=name, seconds=12, rate=5, size=(96, 64), audio=Sound(codec))

    written = edited(source, tmp_path / "out.mp4", Retiming(backwards=True))

    (rate, before), (_, after) = sound(source), sound(tmp_path / "out.mp4")
    assert written.audio["backwards"]
    assert abs(pitch(rate, after) - 440) < 2
    swell, turned = loudness(rate, before, 12), loudness(rate, after, 12)[::-1]
    assert np.abs(swell - turned)[1:-1].max() < 0.04
    assert np.abs(swell - turned[::-1])[1:-1].max() > 0.07


def test_late_sound_is_early_backwards(make_clip: MakeClip, tmp_path: Path) -> None:
    """Sound that begins 1 s after the picture falls silent 1 s before its end when played backwards."""
    source = make_clip(seconds=4, rate=10, size=(96, 64), audio=Sound(start=Fraction(1), seconds=Fraction(3)))

    edited(source, tmp_path / "out.mp4", Retiming(backwards=True))

    rate, samples = sound(tmp_path / "out.mp4")
    heard = loudness(rate, samples, 4) > 0.01
    assert heard[1:58].all()
    assert not heard[62:].any()


def test_late_sound_stays_late_at_another_tempo(make_clip: MakeClip, tmp_path: Path) -> None:
    """Sound that begins 1 s after the picture begins half a second after it at twice the speed."""
    source = make_clip(seconds=4, rate=10, size=(96, 64), audio=Sound(start=Fraction(1), seconds=Fraction(3)))

    edited(source, tmp_path / "out.mp4", Retiming(Fraction(2)))

    rate, samples = sound(tmp_path / "out.mp4")
    heard = loudness(rate, samples, 2) > 0.01
    assert not heard[:9].any()
    assert heard[11:39].all()


def test_a_clip_without_sound_stays_without(make_clip: MakeClip, tmp_path: Path) -> None:
    """Nothing is made up."""
    written = edited(make_clip(seconds=1, size=(96, 64)), tmp_path / "out.mp4", Retiming(Fraction(2), backwards=True))

    assert written.audio == {"action": "none", "codec": None}
