"""Every operator gives the same pixels again: in another run, with other threads, after a cancel, after a cut."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from refilm.cli.effects import words_for
from refilm.domain.edit import EditRequest, Model, Reference
from refilm.engines.base import Inputs
from refilm.engines.effects.engine import EffectsEngine
from refilm.engines.effects.executor import Executor, sample_colours
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.operators import OPERATORS
from refilm.engines.effects.plan import Plan, Step
from refilm.engines.effects.planes import Buffer
from refilm.errors import Cancelled
from refilm.media.probe import probe
from refilm.testing import frame_hash
from refilm.testing.rendering import as_rgb, references_for

#: Those that work on frames, and not on the time at which they are shown.
ON_FRAMES = sorted(name for name, each in OPERATORS.items() if each.spec.stage != "time")
#: What to say for an operator that needs more than its name.
PROMPTS = {
    "tint": "a red tint",
    "color_transfer": "match the colours of the reference image",
    "patch_style": "paint it in the style of the reference image",
    "text": 'add the text "Once"',
}
SIZE = (192, 108)


def handheld(size, index):
    """A textured picture seen by a camera that shakes: something for every operator to do."""
    grain = np.random.default_rng(4).integers(0, 256, (size[1] // 6 + 8, size[0] // 6 + 8, 3), np.uint8)
    whole = cv2.resize(grain, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC)
    across, down = (round(20 + 8 * np.sin(index * step)) for step in (2.1, 2.9))
    return np.ascontiguousarray(whole[down : down + size[1], across : across + size[0]])


def pixels_of(name, frames, threads):
    """A hash of the planes of all frames after the operator, with so many threads for OpenCV."""
    colours = sample_colours([as_rgb(frame) for frame in frames[::2]], 1)
    setting = Setting(frames[0].size, seed=1, references=references_for(name), samples=lambda: colours)
    executor, digest = Executor(Plan((Step(name),)), setting), hashlib.sha256()
    cv2.setNumThreads(threads)  # the executor's own choice is one
    try:
        for frame in frames:
            after = Buffer.empty(frame.size)
            executor.process(frame, after)
            digest.update(b"".join(np.ascontiguousarray(plane).tobytes() for plane in (after.y, after.u, after.v)))
    finally:
        cv2.setNumThreads(1)
    return digest.hexdigest()


@pytest.mark.parametrize("name", ON_FRAMES)
def test_opencv_threads_change_no_pixel(name, real_frames):
    """One thread, two or three, in pictures large enough to be shared out among them."""
    frames = real_frames((640, 360), 3)

    assert len({pixels_of(name, frames, threads) for threads in (1, 2, 3)}) == 1


@pytest.fixture(scope="module")
def edit(tmp_path_factory):
    """edit(name, clip, on_event): the hash of the pixels of the clip after this operator, asked for in words."""
    folder = tmp_path_factory.mktemp("repeated")
    rows, columns = np.mgrid[0:48, 0:64].astype(np.uint8)
    Image.fromarray(np.dstack([160 + rows, 60 + columns, 200 - 2 * rows])).save(folder / "reference.png")

    def run(name, clip, on_event=lambda progress: None):
        pictures = [folder / "reference.png"] if "reference" in OPERATORS[name].spec.needs else []
        prompt = PROMPTS.get(name) or words_for(name)["en"][0]
        wanted = EditRequest(Model.GEN4_ALEPH, "asset:v", prompt, 3, tuple(Reference("asset:r") for _ in pictures))
        with ExitStack() as opened:
            video, *files = [opened.enter_context(path.open("rb")) for path in (clip, *pictures)]
            output = opened.enter_context((folder / "edited.mp4").open("w+b"))
            outcome = EffectsEngine().edit(wanted, Inputs(video, probe(video), tuple(files)), output, on_event, {})
        assert [step["operator"] for step in outcome.applied["plan"]["steps"]] == [name]
        return frame_hash(folder / "edited.mp4")

    return run


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_a_cancelled_edit_leaves_nothing_behind(name, make_clip, edit):
    """An edit, one that is cancelled half-way, and a third: the first and the last decode to the same pixels."""
    clip = make_clip(seconds=0.5, size=(192, 108), content=handheld)

    def cancel(progress):
        if progress.frames >= 5:
            raise Cancelled("that will do")

    first = edit(name, clip)
    with pytest.raises(Cancelled):
        edit(name, clip, cancel)

    assert edit(name, clip) == first


@pytest.mark.parametrize("name", ON_FRAMES)
def test_after_a_cut_nothing_is_left_of_the_shot_before(name, real_frames, run):
    """The frame after a cut is what it would be as the first of a clip."""
    shot = real_frames(SIZE, 4)
    last = shot[-1]
    planes = (np.ascontiguousarray(plane[::-1]) for plane in (255 - last.y, last.v, last.u))
    other = type(last)(*planes, 4, Fraction(4, 25))

    after_cut, alone = run([*shot, other], {name: {}})[-1], run([other], {name: {}})[-1]

    for one, two in ((after_cut.y, alone.y), (after_cut.u, alone.u), (after_cut.v, alone.v)):
        assert (one == two).all()
