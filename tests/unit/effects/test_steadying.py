"""A shaky camera made steady: what is measured, what is moved, and how much is left of the shake."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from refilm.engines.effects.camera_path import CameraPath, backwards, find_path, zooms
from refilm.engines.effects.opencv import cv2
from refilm.engines.effects.operator import Setting
from refilm.engines.effects.planes import Buffer
from refilm.engines.effects.steadying import Correction, Steadying
from refilm.testing.rendering import shake_of, shaken

SIZE = (480, 270)


@pytest.fixture(scope="module")
def steady(real_frames):
    return real_frames(SIZE, 60, first=20)


@pytest.fixture(scope="module")
def trembling(steady):
    return shaken(steady)


def path_of(pictures) -> CameraPath:
    return find_path([float(each.time) for each in pictures], [each.y for each in pictures])


def jitter(pictures) -> np.ndarray:
    """How unevenly the camera goes: the standard deviation of its acceleration, pixels and milliradians."""
    return np.diff(path_of(pictures).places, n=2, axis=0).std(0) * [*SIZE, 1000, 1000]


def steadied(pictures, path, strength=1.0):
    work, results = Steadying(Setting(SIZE), path, strength), []
    for each in pictures:
        after = Buffer.empty(SIZE)
        work.apply(float(each.time), each, after)
        results.append(replace(each, y=after.y, u=after.u, v=after.v))
    return results


def test_a_known_shake_is_measured(steady, trembling):
    """What was added to the camera's way is found to a tenth of a pixel, its turns to a milliradian."""
    added = shake_of(len(steady), SIZE)
    found = (path_of(trembling).places - path_of(steady).places) * [*SIZE, 1, 1]
    error = np.diff(found - added, axis=0)

    assert np.abs(error[:, :2]).mean() < 0.1
    assert np.abs(error[:, 2:]).mean() < 0.001


def test_little_is_left_of_a_shake(trembling):
    """The camera's acceleration afterwards is a fifth of what it was or less, across, down and in its turns."""
    after = steadied(trembling, path_of(trembling))

    assert (jitter(trembling)[:3] >= 5 * jitter(after)[:3]).all()


def test_no_border_shows(trembling):
    """However far frames are moved, every place of the picture shows a place within the source's frame."""
    path = path_of(trembling)
    corrections = path.corrections(1.5)
    half = np.array(SIZE) / 2
    corners = half * np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])

    for correction, zoom in zip(corrections, zooms(corrections, path.shots, SIZE), strict=True):
        matrix = backwards(correction, zoom)
        shown = corners @ matrix.T - zoom * (matrix @ (correction[:2] * SIZE))
        assert (np.abs(shown) <= half).all()


def test_a_steady_clip_is_seen_to_be_steady(steady, trembling):
    """A clip with a slow pan has no shake, one that trembles has: the sentences for the record say so."""
    still, loose = (Correction.of(path_of(pictures), 1.0, SIZE) for pictures in (steady, trembling))

    assert not still.visible
    assert "steady already" in str(still)
    assert loose.visible
    assert loose.zoom > 1.01
    assert "no border shows" in str(loose)


def test_a_cut_parts_the_path(real_frames):
    """Two shots are two paths: nothing of the jump between them is smoothed into either."""
    first, second = real_frames(SIZE, 12, first=20), real_frames(SIZE, 12, first=100)
    mirrored = [np.ascontiguousarray(255 - each.y[::-1, ::-1]) for each in second]
    path = find_path(np.arange(24) / 25, [*(each.y for each in first), *mirrored])

    assert path.shots.tolist() == [0] * 12 + [1] * 12
    assert np.abs(path.places[12]).max() == 0
    assert np.abs(path.corrections(1.0)).max() < 0.01


def test_flat_pictures_have_no_path():
    """Where there is nothing to follow the camera stands still."""
    flat = [np.full((270, 480), 100, np.uint8)] * 5

    path = find_path(np.arange(5) / 25, flat)

    assert not path.places.any()
    assert not path.shots.any()
    assert not Correction.of(path, 1.0, SIZE).visible


def test_times_between_frames_get_what_lies_between(steady):
    """A frame made between two others, as slow motion makes them, is moved by the mean of theirs; never over a cut."""
    places = np.zeros((4, 4))
    places[1, 0], places[3, 0] = 0.02, 0.02
    work = Steadying(Setting(SIZE), CameraPath(np.arange(4) / 25, places, np.array([0, 0, 1, 1])), 1.0)

    between, _ = work._at(0.5 / 25)
    over_cut, _ = work._at(1.5 / 25)

    assert np.allclose(between, (work._corrections[0] + work._corrections[1]) / 2)
    assert np.array_equal(over_cut, work._corrections[1])
    assert np.array_equal(work._at(99.0)[0], work._corrections[3])


@settings(max_examples=60, deadline=None)
@given(arrays(float, st.tuples(st.integers(1, 40), st.just(4)), elements=st.floats(-0.3, 0.3)), st.floats(0.3, 1.5))
def test_any_path_is_corrected_within_limits(places, strength):
    """However wild the path: corrections are finite and limited, and the zoom stays under a third."""
    path = CameraPath(np.arange(len(places)) / 25, places, np.zeros(len(places), np.int64))
    corrections = path.corrections(strength)

    assert (np.abs(corrections) <= [0.075, 0.075, 0.06, 0.05]).all()
    assert 1 <= zooms(corrections, path.shots, (1280, 720)).max() < 1.5


def test_the_operator_works_in_place_and_repeats(trembling, run):
    """Without a measured path frames pass but for rounding; with one, in place is as out of place."""
    (after,) = run(trembling[:1], {"stabilise": {}})
    assert np.abs(after.y.astype(int) - trembling[0].y).max() <= 1

    path = path_of(trembling)
    work, again = Steadying(Setting(SIZE), path, 1.0), Buffer.empty(SIZE)
    same = Buffer(*(np.array(plane) for plane in (trembling[9].y, trembling[9].u, trembling[9].v)))
    work.apply(9 / 25, trembling[9], again)
    work.apply(9 / 25, same, same)
    assert np.array_equal(again.y, same.y)
    assert np.array_equal(again.u, same.u)


def test_opencv_threads_change_nothing(trembling):
    """The path is the same with one OpenCV thread and with two."""
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(2)
        two = path_of(trembling[:10]).places
        cv2.setNumThreads(1)
        assert np.array_equal(two, path_of(trembling[:10]).places)
    finally:
        cv2.setNumThreads(threads)
