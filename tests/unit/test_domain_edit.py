"""Requests, clip facts and model limits: they survive JSON, and limits are drawn where they say."""

from __future__ import annotations

import json
import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refilm.domain.clip import ClipInfo
from refilm.domain.edit import (
    MAX_SEED,
    EditRequest,
    Keyframe,
    Model,
    ModelLimits,
    OutputSpec,
    Reference,
    TimeRange,
)

uris = st.text(min_size=1, max_size=30)
ranges = st.builds(TimeRange, st.integers(0, 30), st.integers(0, 30))
seconds = st.floats(0, 600, allow_nan=False)
requests = st.builds(
    EditRequest,
    model=st.sampled_from(Model),
    video_uri=uris,
    prompt_text=st.none() | st.text(max_size=60),
    seed=st.none() | st.integers(0, MAX_SEED),
    references=st.lists(st.builds(Reference, uris), max_size=2).map(tuple),
    keyframes=st.lists(
        st.builds(Keyframe, uris, seconds=st.none() | seconds, at=st.none() | seconds, range=st.none() | ranges),
        max_size=5,
    ).map(tuple),
    output=st.builds(
        OutputSpec,
        size=st.none() | st.tuples(st.integers(16, 3840), st.integers(16, 2160)),
        target_aspect_ratio=st.none() | st.sampled_from(["16:9", "21:9"]),
    ),
    public_figure_threshold=st.sampled_from(["auto", "low"]),
    ignored=st.lists(st.text(max_size=12), max_size=3).map(tuple),
)
fractions = st.fractions(min_value=Fraction(1, 1000), max_value=1000, max_denominator=90_000)
clips = st.builds(
    ClipInfo,
    container=st.text(max_size=8),
    video_codec=st.text(max_size=8),
    pixel_format=st.text(max_size=8),
    width=st.integers(1, 8000),
    height=st.integers(1, 8000),
    coded_width=st.integers(1, 8000),
    coded_height=st.integers(1, 8000),
    duration=fractions,
    frame_rate=st.none() | fractions,
    frames=st.integers(0, 10**6),
    rotation=st.sampled_from([0, 90, 180, 270]),
    sample_aspect_ratio=fractions,
    full_range=st.booleans(),
    audio_codec=st.none() | st.text(max_size=8),
)


@given(request=requests)
def test_a_request_survives_json(request: EditRequest):
    """Written to text and read back, a request is equal, hash and all."""
    back = EditRequest.from_json(json.loads(json.dumps(request.to_json())))

    assert back == request
    assert hash(back) == hash(request)


@given(info=clips)
def test_clip_facts_survive_json(info: ClipInfo):
    """Written to text and read back, the facts are equal and fractions exact."""
    back = ClipInfo.from_json(json.loads(json.dumps(info.to_json())))

    assert back == info
    assert isinstance(back.duration, Fraction)


def clip(length: Fraction | int = 10, size: tuple[int, int] = (1280, 720)) -> ClipInfo:
    """A clip of that length and size."""
    return ClipInfo("mp4", "h264", "yuv420p", *size, *size, duration=Fraction(length))


ALEPH2 = ModelLimits(min_seconds=2, max_seconds=30, long_side=1920, short_side=1080)


@pytest.mark.parametrize(
    "info", [clip(2), clip(30), clip(size=(1920, 1080)), clip(size=(1080, 1920)), clip(size=(2, 2))]
)
def test_clips_at_the_limits_are_inside(info: ClipInfo):
    """Both ends of every limit are allowed, upright or lying."""
    assert ALEPH2.problem(info) is None


@pytest.mark.parametrize(
    ("info", "words"),
    [
        (clip(Fraction(1999, 1000)), "at least 2 s"),
        (clip(Fraction(30001, 1000)), "at most 30 s"),
        (clip(size=(1921, 1080)), "1921x1080; .* at most 1920x1080"),
        (clip(size=(1920, 1081)), "at most 1920x1080"),
        (clip(size=(1081, 1081)), "at most 1920x1080"),
    ],
)
def test_clips_beyond_the_limits_are_told_why(info: ClipInfo, words: str):
    """The sentence names what the clip is and what is allowed."""
    assert re.search(words, ALEPH2.problem(info) or "")


@given(info=clips, shorter=fractions)
def test_a_shorter_clip_is_never_too_long(info: ClipInfo, shorter: Fraction):
    """If a clip is not too long, no shorter one is."""
    limits = ModelLimits(0, 600, 10_000, 10_000)
    less = clip(min(shorter, info.duration))

    assert limits.problem(info) is not None or limits.problem(less) is None
