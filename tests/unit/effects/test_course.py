"""The effects engine on the clip's time: what comes out, what is recorded, and what goes on working beside it."""

from __future__ import annotations

import itertools
import json
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from refilm.domain.edit import EditRequest, Keyframe, Model, TimeRange
from refilm.engines.base import Inputs
from refilm.engines.effects.course import check_length
from refilm.engines.effects.engine import EffectsEngine
from refilm.errors import Cancelled, UnsupportedEdit
from refilm.media.probe import probe
from refilm.media.retiming import Retiming
from refilm.testing import decode_times, frame_hash, read_frames

ENGINE = EffectsEngine()
SIZE = (160, 96)


def counted(size, index):
    """Frame number `index` in its brightness: 8 levels a frame."""
    return np.full((size[1], size[0], 3), 20 + 8 * index, np.uint8)


@pytest.fixture
def edit(tmp_path):
    """edit(clip, prompt, on_event, **members of the request) -> (outcome, path of the result)."""
    numbers = itertools.count()

    def run(clip, prompt, on_event=lambda progress: None, pictures=(), **members):
        output = tmp_path / f"edited{next(numbers)}.mp4"
        wanted = EditRequest(Model.ALEPH2, "https://example.com/clip.mp4", prompt, seed=3, **members)
        with clip.open("rb") as video, output.open("w+b") as file:
            files = tuple(path.open("rb") for path in pictures)
            outcome = ENGINE.edit(wanted, Inputs(video, probe(video), (), files), file, on_event, {})
            for each in files:
                each.close()
        return outcome, output

    return run


def brightness(path):
    """The mean level of each frame."""
    return [float(frame.mean()) for frame in read_frames(path)]


@pytest.mark.parametrize(
    ("prompt", "frames"),
    [
        ("2x faster", 13),
        ("150% speed", 17),
        ("slow motion", 50),
        ("25% slower", 34),
        ("reverse", 25),
        ("4x slower", 100),
    ],
)
def test_the_length_follows_the_words(prompt, frames, edit, make_clip):
    """Source's rate, length divided to within a frame, rising times; the record tells the same."""
    clip = make_clip(seconds=1, size=SIZE, audio="aac")

    outcome, output = edit(clip, prompt)

    times = decode_times(output)
    told = json.loads(json.dumps(outcome.applied))["time"]
    assert len(times) == frames == told["frames"]["written"] == outcome.frames
    assert told["frames"]["read"] == 25
    assert all(abs(two - one - Fraction(1, 25)) < Fraction(1, 1000) for one, two in itertools.pairwise(times))
    with output.open("rb") as file:
        info = probe(file)
    assert info.frame_rate == 25
    assert abs(info.duration - 1 / Fraction(told["tempo"])) <= Fraction(1, 25) + Fraction(1, 1000)
    assert told["seconds"] == {"before": 1.0, "after": float(round(info.duration, 3))}
    assert outcome.applied["audio"]["tempo"] == told["tempo"]
    assert outcome.applied["audio"]["backwards"] == told["backwards"] == (prompt == "reverse")
    assert told["interpolated"] == ("slow" in prompt)


def test_reversed_frames_come_the_other_way_round(edit, make_clip):
    """The clip that grows brighter grows darker."""
    clip = make_clip(seconds=1, size=SIZE, content=counted)

    _, output = edit(clip, "black and white, play it backwards")

    levels = brightness(output)
    assert len(levels) == 25
    assert all(before > after for before, after in itertools.pairwise(levels))


def test_slow_motion_fills_in(edit, make_clip):
    """The square that moves five pixels a frame moves less from one frame to the next, and always on."""
    clip = make_clip(seconds=1, size=SIZE)

    _, output = edit(clip, "slow motion")

    places = [float(np.argwhere(frame[48:64].min((0, 2)) > 225).mean()) for frame in read_frames(output)[:40]]
    steps = np.diff(places)
    assert np.median(steps) == pytest.approx(2.5, abs=0.6)
    assert (steps > 0.5).mean() > 0.9


def test_times_of_other_steps_are_the_sources(edit, make_clip):
    """What is asked for from 0.4 s to 0.6 s is found at the mirrored time of a reversed clip, and nowhere else."""
    clip = make_clip(seconds=1, size=SIZE)

    _, plain = edit(clip, "reverse")
    outcome, output = edit(clip, "Reverse it. Black and white from 0.4 s to 0.6 s.")

    colour = [float(np.ptp(frame.astype(int), axis=2).mean()) for frame in read_frames(output)]
    before = [float(np.ptp(frame.astype(int), axis=2).mean()) for frame in read_frames(plain)]
    grey = [place for place, (one, two) in enumerate(zip(colour, before, strict=True)) if one < two / 4]
    assert grey == [10, 11, 12, 13, 14]
    assert any("times that were named are the source's" in sentence for sentence in outcome.applied["explanation"])


def test_keyframes_keep_their_moments(edit, make_clip, tmp_path):
    """A range of a keyframe covers what the source shows then, at twice the speed half as long."""
    picture = tmp_path / "red.png"
    Image.fromarray(np.full((60, 80, 3), (200, 40, 30), np.uint8)).save(picture)
    keyframe = Keyframe("https://example.com/k.png", seconds=1.5, range=TimeRange(1, 2))
    clip = make_clip(seconds=3, size=SIZE, content=counted_slowly)

    _, output = edit(clip, "2x faster", keyframes=(keyframe,), pictures=(picture,))

    red = [float(frame[..., 0].mean() - frame[..., 2].mean()) > 30 for frame in read_frames(output)]
    assert red[14:24] == [True] * 10
    assert not any(red[:12] + red[26:])


def counted_slowly(size, index):
    return np.full((size[1], size[0], 3), 60 + 2 * index, np.uint8)


def test_weather_falls_at_its_own_speed(edit, make_clip):
    """Snow over a reversed clip that shows one picture throughout is the snow over that clip forwards."""
    clip = make_clip(seconds=0.4, size=SIZE, content=lambda size, index: counted(size, 3))

    _, forwards = edit(clip, "snow")
    _, backwards = edit(clip, "snow, reverse")

    # The encoder's rate control sees other frames before; the flakes are the same.
    for one, two in zip(read_frames(forwards), read_frames(backwards), strict=True):
        assert np.abs(one.astype(int) - two).mean() < 2


@pytest.mark.parametrize("prompt", ["slow motion", "3x faster", "reverse"])
def test_courses_repeat_themselves_and_can_be_cancelled(prompt, edit, make_clip):
    """The same pixels twice, also after an edit that was cancelled in its middle; progress rises to 1."""
    clip = make_clip(seconds=1, size=SIZE, audio="aac")
    heard = []

    def cancel(progress):
        if progress.frames == 4:
            raise Cancelled("enough")

    _, first = edit(clip, prompt, heard.append)
    with pytest.raises(Cancelled):
        edit(clip, prompt, cancel)
    _, second = edit(clip, prompt)

    fractions = [event.fraction for event in heard]
    assert frame_hash(first) == frame_hash(second)
    assert first.read_bytes() == second.read_bytes()
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert len(set(fractions)) > 5


def test_a_clip_is_not_stretched_without_end():
    """A result of more than ten minutes is refused with its length; a long clip may be played backwards."""
    with pytest.raises(UnsupportedEdit, match=r"1600\.00 s"):
        check_length(Fraction(400), Retiming(Fraction(1, 4)))

    check_length(Fraction(150), Retiming(Fraction(1, 4)))
    check_length(Fraction(4000), Retiming(backwards=True))


def test_a_speed_of_one_is_refused():
    """Nothing is returned unedited."""
    with pytest.raises(UnsupportedEdit, match="change nothing"):
        ENGINE.plan(EditRequest(Model.ALEPH2, "https://example.com/c.mp4", "100% speed"), {})
