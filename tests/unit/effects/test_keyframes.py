"""Guidance pictures on a clip: their colours, their times, and what they leave alone."""

from __future__ import annotations

import itertools
import json
from contextlib import ExitStack
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from refilm.domain.edit import EditRequest, Keyframe, Model, OutputSpec, TimeRange
from refilm.engines.base import Inputs
from refilm.engines.effects.engine import EffectsEngine
from refilm.engines.effects.keyframes import RangedExecutor
from refilm.engines.effects.planes import Buffer, copy
from refilm.engines.effects.timeline import Timeline
from refilm.errors import UnsupportedEdit
from refilm.media.moment import frame_at
from refilm.media.probe import probe
from refilm.testing import decode_times, frame_hash, read_frames, ssim

ENGINE = EffectsEngine()


def request(*keyframes, prompt=None, aspect=None):
    return EditRequest(
        Model.ALEPH2, "asset:v", prompt, 7, keyframes=keyframes, output=OutputSpec(target_aspect_ratio=aspect)
    )


def keyframe(seconds=None, *, at=None, span=None):
    return Keyframe("asset:k", seconds=seconds, at=at, range=TimeRange(*span) if span else None)


@pytest.fixture
def edit(tmp_path):
    """edit(request, clip, pictures): the outcome, and the path of the edited clip."""

    def run(wanted, clip, pictures=(), *, name="edited.mp4", options=None):
        output = tmp_path / name
        with ExitStack() as stack:
            video, *files = [stack.enter_context(path.open("rb")) for path in (clip, *pictures)]
            file = stack.enter_context(output.open("w+b"))
            inputs = Inputs(video, probe(video), keyframes=tuple(files))
            outcome = ENGINE.edit(wanted, inputs, file, lambda progress: None, options or {})
        return outcome, output

    return run


@pytest.fixture
def blue_and_red(tmp_path):
    """Two pictures, one of blues and one of reds."""
    down, across = np.mgrid[0:90, 0:160]
    reds = np.stack([110 + down, 40 + across // 3, 30 + down // 3], -1).astype(np.uint8)
    paths = [tmp_path / "blue.png", tmp_path / "red.png"]
    for path, pixels in zip(paths, (reds[..., ::-1], reds), strict=True):
        Image.fromarray(np.ascontiguousarray(pixels)).save(path)
    return paths


def redness(frame):
    return float(frame[..., 0].mean() - frame[..., 2].mean())


def test_looks_follow_their_times(bunny, edit, blue_and_red):
    """Big Buck Bunny goes from blue to red, steadily, and keeps its shapes; every keyframe is told with its time."""
    wanted = request(keyframe(1), keyframe(at=0.75))

    outcome, output = edit(wanted, bunny, blue_and_red)

    hues = [redness(frame) for frame in read_frames(output, every=12)]
    assert hues[0] < -25
    assert hues[-1] > 25
    assert all(after > before - 3 for before, after in itertools.pairwise(hues))
    assert decode_times(output) == decode_times(bunny)
    told = json.loads(json.dumps(outcome.applied))["explanation"]
    assert [line.split(":")[0] for line in told] == ["keyframes[0], at 1 s", "keyframes[1], at 3.96 s"]


def test_a_keyframe_that_is_the_clips_own_frame_changes_next_to_nothing(bunny, edit, tmp_path):
    """The map is from the frame at that moment to the picture: the frame itself asks for nothing."""
    with bunny.open("rb") as file:
        Image.fromarray(frame_at(file, Fraction(2), 640)).save(tmp_path / "same.png")

    _, output = edit(request(keyframe(2)), bunny, [tmp_path / "same.png"])

    before, after = read_frames(bunny)[50], read_frames(output)[50]
    assert np.abs(before.astype(int) - after).mean() < 4


def test_outside_the_ranges_the_clip_stays(bunny, edit, blue_and_red):
    """Frames in no range are the source's to the eye, also beside noisy operators; those inside are not."""
    wanted = request(
        keyframe(1.5, span=(1, 2)), keyframe(4, span=(3, 5)), prompt="make it a watercolour painting and let it snow"
    )

    outcome, output = edit(wanted, bunny, blue_and_red)

    before, after = read_frames(bunny, every=4), read_frames(output, every=4)
    alike = [ssim(one, two) for one, two in zip(before, after, strict=True)]
    inside = [25 <= 4 * place < 50 or 75 <= 4 * place < 125 for place in range(len(alike))]
    assert min(value for value, within in zip(alike, inside, strict=True) if not within) >= 0.98
    assert max(value for value, within in zip(alike, inside, strict=True) if within) < 0.9
    assert len(outcome.applied["explanation"]) == 4


def test_the_encoder_gets_the_decoders_frames_outside_the_ranges(real_frames):
    """At the seam to the encoder: bit for bit outside, edited inside, and each stretch with a fresh editor."""
    made = []

    class Inverted:
        def __init__(self):
            made.append(self)

        def process(self, before, after):
            copy(before, after)
            after.y[...] = 251 - before.y

    frames = real_frames((128, 72), 76)
    timeline = Timeline([keyframe(0, span=(0, 1)), keyframe(2, span=(2, 3))], Fraction(4))
    executor = RangedExecutor(timeline, Inverted)
    for frame in frames:
        after = Buffer.empty((128, 72))

        executor.process(frame, after)

        same = all((getattr(frame, plane) == getattr(after, plane)).all() for plane in "yuv")
        assert same == (25 <= frame.index < 50 or frame.index >= 75)
    assert len(made) == 2


def test_words_beside_keyframes_apply_too(make_clip, edit, blue_and_red):
    """The prompt works on the coloured clip: black and white wins over the keyframe's red."""
    clip = make_clip(seconds=1, size=(160, 90))

    _, output = edit(request(keyframe(0), prompt="black and white"), clip, blue_and_red[1:])

    assert abs(redness(read_frames(output)[10])) < 3


@pytest.mark.parametrize("span", [None, (0, 2)])
def test_words_about_colours_see_the_keyframes_colours(span, make_clip, blue_and_red, edit):
    """Pixel art draws its palette from the clip as the keyframe colours it: as if the two edits came one by one."""
    clip = make_clip(seconds=2, size=(160, 90))

    _, together = edit(request(keyframe(0, span=span), prompt="pixel art"), clip, blue_and_red[1:])
    _, coloured = edit(request(keyframe(0, span=span)), clip, blue_and_red[1:], name="coloured.mp4")
    _, apart = edit(request(prompt="pixel art"), coloured, name="apart.mp4")

    found, expected = (read_frames(path)[10].mean((0, 1)) for path in (together, apart))
    assert np.abs(found - expected).max() < 12


def test_the_same_request_gives_the_same_pixels(make_clip, edit, blue_and_red):
    """Colours, blends and the stretches' state repeat bit for bit."""
    clip = make_clip(seconds=3, size=(160, 90))
    wanted = request(keyframe(0.2, span=(0, 1)), keyframe(1.4, span=(1, 2)), prompt="watercolour", aspect="1:1")

    hashes = {frame_hash(edit(wanted, clip, blue_and_red, name=name)[1]) for name in ("one.mp4", "two.mp4")}

    assert len(hashes) == 1


def test_ranges_after_the_clip_are_refused(make_clip, edit, blue_and_red):
    """Nothing is returned unedited."""
    with pytest.raises(UnsupportedEdit, match="begins after"):
        edit(request(keyframe(8, span=(7, 9))), make_clip(seconds=1, size=(96, 64)), blue_and_red[:1])


def test_partial_edits_leave_the_keyframes(make_clip, edit, blue_and_red):
    """Words that cannot be followed fail the request, or leave the keyframes where partial edits are allowed."""
    clip, wanted = make_clip(seconds=1, size=(96, 64)), request(keyframe(0), prompt="add a dragon")

    with pytest.raises(UnsupportedEdit, match="dragon"):
        edit(wanted, clip, blue_and_red[1:])
    _, output = edit(wanted, clip, blue_and_red[1:], options={"partial_edits": True})

    assert redness(read_frames(output)[5]) > redness(read_frames(clip)[5]) + 20


@pytest.mark.parametrize(("aspect", "size"), [("9:16", (320, 568)), ("1:1", (320, 320)), ("21:9", (420, 180))])
def test_the_clip_keeps_its_picture_in_another_shape(aspect, size, make_clip, edit):
    """The whole picture lies in the middle of a frame of the named shape, and the record says what was added."""
    clip = make_clip(seconds=1, size=(320, 180))

    outcome, output = edit(request(aspect=aspect), clip)

    frame = read_frames(output)[10]
    left, top = (size[0] - 320) // 4 * 2, (size[1] - 180) // 4 * 2
    assert frame.shape == (size[1], size[0], 3)
    assert ssim(frame[top : top + 180, left : left + 320], read_frames(clip)[10]) > 0.95
    assert outcome.applied["size"] == list(size)
    assert "mirrored and strongly blurred" in outcome.applied["explanation"][0]
    assert outcome.applied["notes"][-1].endswith(f"a frame of {size[0]}x{size[1]}.")


def test_a_shape_that_the_clip_has_is_refused_without_words(make_clip, edit):
    """Nothing is returned unedited; beside an edit the shape simply stays."""
    clip = make_clip(seconds=1, size=(320, 180))

    with pytest.raises(UnsupportedEdit, match="already has the shape"):
        edit(request(aspect="16:9"), clip)
    outcome, _ = edit(request(aspect="16:9", prompt="sepia"), clip)

    assert outcome.applied["size"] == [320, 180]


@pytest.mark.parametrize(("time", "index"), [(0, 0), (1, 25), ("1.99", 49), (99, 49)])
def test_frame_at_finds_the_frame_shown_then(time, index, make_clip):
    """By time, by seeking; past the end the last one."""
    clip = make_clip(seconds=2, size=(160, 90))

    with clip.open("rb") as file:
        found = frame_at(file, Fraction(time))

    differences = [np.abs(found.astype(int) - frame).mean() for frame in read_frames(clip)]
    assert int(np.argmin(differences)) == index
