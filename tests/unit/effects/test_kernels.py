"""Kernels against slow and obvious versions of themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from refilm.engines.effects.drift import corners
from refilm.engines.effects.kernels import draw, drift, finish, flakes, lens, paint, patches, streaks, table, tape, warm
from refilm.engines.effects.kernels.kernel import Kernel
from refilm.engines.effects.kernels.lanes import distance_of_five
from refilm.engines.effects.planes import flat

RANDOM = np.random.default_rng(7)


def plane(height, width, low=16, high=236):
    return RANDOM.integers(low, high, (height, width)).astype(np.uint8)


def wide(values, more):
    """The same plane with foreign bytes after each row."""
    out = np.full((values.shape[0], values.shape[1] + more), 77, np.uint8)
    out[:, : values.shape[1]] = values
    return out[:, : values.shape[1]]


def test_every_kernel_loads():
    """`warm` loads all kernels, so that a process without access to files can run any plan."""
    assert warm() >= 14


def test_a_kernel_never_compiles_for_other_types():
    """Another element type is an error, not a second compilation in the middle of an edit."""
    with pytest.raises(TypeError):
        finish.screen(np.zeros(4, np.float32), 2, np.zeros(4, np.uint8), 2, 2, 2, 256)
    assert len(finish.screen.load().signatures) == 1


def test_flat_sees_padded_rows():
    """A padded plane is one buffer and a stride; a transposed one is refused, because its rows are not in memory."""
    values = wide(plane(6, 10), 6)

    buffer, stride = flat(values)

    assert stride == 16
    assert (buffer[3 * stride : 3 * stride + 10] == values[3]).all()
    with pytest.raises(ValueError, match="contiguous"):
        flat(plane(6, 10).T)


@pytest.mark.parametrize("more", [0, 5])
def test_grain(more):
    """Grain adds the shifted tile, weighted by the level, with no seam where a wide picture wraps round the tile."""
    before = plane(9, 150)
    after = wide(before, more)
    noise = RANDOM.integers(-60, 60, (64, 64)).astype(np.int8)

    o, so = flat(after)
    finish.grain(o, so, 150, 9, noise.reshape(-1), 64, 11, 60, 300)

    expected = np.empty_like(before)
    for j in range(9):
        start = 0
        for i in range(150):
            if (11 + (start // 64) * 389) % 64 + i - start >= 64:
                start = i
            across = ((11 + (start // 64) * 389) % 64 + i - start) % 64
            level = int(before[j, i])
            weight = 48 + (((level - 16) * (244 - level)) >> 6)
            value = level + ((int(noise[(j + 60) % 64, across]) * weight * 300) >> 16)
            expected[j, i] = min(235, max(16, value))
    assert (after == expected).all()


def test_shade():
    """Shading scales the distance from the neutral level by each pixel's share, within 8 bits."""
    before = plane(4, 6)
    after = wide(before, 2)
    shares = RANDOM.integers(0, 32769, (4, 6)).astype(np.uint16)

    o, so = flat(after)
    finish.shade(o, so, 6, 4, 128, shares.reshape(-1), 320, np.full(8 * 6, 16384, np.uint16))

    exact = 128 + (before.astype(float) - 128) * shares / 32768 * 1.25
    assert np.abs(after - np.clip(exact, 0, 255)).max() <= 0.52


def test_move_interpolates_between_four_neighbours():
    """Each pixel is mixed of the four around the place it is drawn from, to within rounding."""
    before = plane(6, 9)
    rows, down = np.array([0, 1, 1, 2, 4, 4], np.int32), np.array([0, 30, 100, 64, 1, 128], np.int32)
    runs = np.array([0, 4, 0, 4, 7, 1, 7, 9, -1], np.int32)
    columns, across = np.array([0, 1, 2, 3, 5, 6, 7, 6, 7], np.int32), RANDOM.integers(0, 129, 9).astype(np.int32)
    after = wide(plane(6, 9), 3)

    (p, sp), (o, so) = flat(wide(before, 4)), flat(after)
    lens.move(p, sp, o, so, 9, 6, rows, down, runs, 3, across)

    a, b, exact = down[:, None] / 128, across[None] / 128, before.astype(float)
    upper, lower = (exact[each][:, columns] * (1 - b) + exact[each][:, columns + 1] * b for each in (rows, rows + 1))
    assert np.abs(after - (upper * (1 - a) + lower * a)).max() <= 0.51


def test_screen_adds_light_without_clipping():
    """Light fills the room that is left above a level and never passes white."""
    before, light = plane(5, 7), plane(5, 7, 0, 256)
    after = before.copy()

    finish.screen(after.reshape(-1), 7, light.reshape(-1), 7, 7, 5, 256)

    exact = before + np.maximum(0, 240.0 - before) * light / 256
    assert np.abs(after - exact).max() <= 1
    assert (after >= before).all()


def test_darken_spares_what_is_dark():
    """Darkening brings levels down to the target and leaves darker ones alone."""
    before = plane(4, 8)
    after = before.copy()
    target = np.full(4, 60, np.int32)

    finish.darken(after.reshape(-1), 8, np.full(32, 255, np.uint8), 8, target, 8, 4, 0)

    assert np.abs(after.astype(int) - np.minimum(before, 60)).max() <= 1


def test_mix_and_shift():
    """Mixing goes to the level where the mask is full; shifting adds a share of the layer."""
    before = plane(4, 8)
    mixed, shifted = before.copy(), before.copy()
    layer = np.full((4, 8), 255, np.uint8)

    finish.mix(mixed.reshape(-1), 8, layer.reshape(-1), 8, 8, 4, 90)
    finish.shift(shifted.reshape(-1), 8, layer.reshape(-1), 8, 8, 4, -32)

    assert np.abs(mixed.astype(int) - 90).max() <= 1
    assert np.abs(shifted - np.clip(before - 255 * 32 / 256, 16, 240)).max() <= 1


@pytest.mark.parametrize("more", [0, 3])
def test_look_up(more):
    """The table's kernel equals plain indexing, block by block."""
    w, h = 5, 4
    y, u, v = wide(plane(2 * h, 2 * w), more), wide(plane(h, w), more), wide(plane(h, w), more)
    luma = RANDOM.integers(0, 256, (128, 128, 256)).astype(np.uint8)
    chroma = RANDOM.integers(0, 65536, (128, 128, 64)).astype(np.uint16)
    oy, ou, ov = np.empty((2 * h, 2 * w), np.uint8), np.empty((h, w), np.uint8), np.empty((h, w), np.uint8)

    (fy, sy), (fu, su), (fv, sv) = flat(y), flat(u), flat(v)
    table.look_up(
        fy, fu, fv, sy, su, sv, oy.reshape(-1), ou.reshape(-1), ov.reshape(-1), 2 * w, w, w,
        luma.reshape(-1), chroma.reshape(-1), w, h,
    )  # fmt: skip

    for j in range(h):
        for i in range(w):
            odd = (i ^ j) & 1
            a, b = min(255, int(u[j, i]) + odd) >> 1, min(255, int(v[j, i]) + odd) >> 1
            block = y[2 * j : 2 * j + 2, 2 * i : 2 * i + 2]
            assert (oy[2 * j : 2 * j + 2, 2 * i : 2 * i + 2] == luma[a, b][block]).all()
            entry = int(chroma[a, b, int(block.astype(int).sum()) >> 4])
            assert (ou[j, i], ov[j, i]) == (entry & 255, entry >> 8)


def test_fill_interpolates_the_grid():
    """The full table is the grid, interpolated in all three directions and rounded."""
    grid = RANDOM.uniform(20, 230, (33, 33, 65, 3)).astype(np.float32)
    luma, chroma = np.empty((128, 128, 256), np.uint8), np.empty((128, 128, 64), np.uint16)

    table.fill(grid.reshape(-1), luma.reshape(-1), chroma.reshape(-1))

    for a, b, y in RANDOM.integers(0, (128, 128, 256), (200, 3)):
        assert abs(luma[a, b, y] - _trilinear(grid[..., 0], 2 * a / 8, 2 * b / 8, y / 4)) <= 0.51
    for a, b, q in RANDOM.integers(0, (128, 128, 64), (200, 3)):
        u, v = (_trilinear(grid[..., k], 2 * a / 8, 2 * b / 8, (4 * q + 1.5) / 4) for k in (1, 2))
        assert max(abs((chroma[a, b, q] & 255) - u), abs((chroma[a, b, q] >> 8) - v)) <= 0.51


def _trilinear(grid, *place):
    from scipy.ndimage import map_coordinates

    return map_coordinates(grid.astype(float), [[value] for value in place], order=1)[0]


def test_splat_draws_a_disc_where_it_is_told():
    """A disc brightens its place and nothing far from it, and takes colour away under it."""
    y, u, v = np.full((40, 60), 50, np.uint8), np.full((20, 30), 90, np.uint8), np.full((20, 30), 170, np.uint8)
    disc = np.array([[30.0, 20.0, 4.0, 0.0, 0.0, 1.0]], np.float32)

    flakes.splat(y.reshape(-1), u.reshape(-1), v.reshape(-1), 60, 30, 30, disc.reshape(-1), 1, 232, 60, 40)

    down, across = np.mgrid[0:40, 0:60]
    far = np.hypot(across - 30, down - 20) > 9
    assert y[20, 30] >= 230
    assert (y[far] == 50).all()
    assert abs(int(u[10, 15]) - 128) <= 1
    assert abs(int(v[10, 15]) - 128) <= 1


def test_splat_outside_the_picture_is_harmless():
    """Discs beyond every edge touch nothing."""
    y, u, v = np.full((8, 8), 50, np.uint8), np.full((4, 4), 90, np.uint8), np.full((4, 4), 90, np.uint8)
    discs = np.array([[x, z, 2, 1, 3, 1] for x in (-50, 4, 90) for z in (-70, 60)], np.float32)

    flakes.splat(y.reshape(-1), u.reshape(-1), v.reshape(-1), 8, 4, 4, discs.reshape(-1), len(discs), 232, 8, 8)

    assert (y == 50).all()


def packed(h, w):
    return RANDOM.integers(0, 256, (h, w, 4)).astype(np.uint8)


def words(picture):
    return np.ascontiguousarray(picture).reshape(-1).view(np.uint32)


def test_gather_takes_the_weighted_mean():
    """Eight samples, weighted by how calm each is."""
    h, w, pad = 6, 8, 3
    source = packed(h + 2 * pad, w + 2 * pad)
    offsets = RANDOM.integers(-2, 3, (2, 8, 2))
    stride = w + 2 * pad
    flat_offsets = (offsets[..., 1] * stride + offsets[..., 0]).astype(np.int32)
    code = RANDOM.integers(0, 2, (h // 2, w // 2)).astype(np.uint8)
    weight = (2 ** (-np.arange(256) / 6)).astype(np.float32)
    weighed = np.empty(source.size, np.float32)
    out = np.empty((h, w, 4), np.uint8)

    paint.weigh(words(source), weight, weighed)
    paint.gather(weighed, stride, pad, code.reshape(-1), flat_offsets.reshape(-1), words(out), w, h)

    for j in range(h):
        for i in range(w):
            samples = np.array([source[j + pad + dy, i + pad + dx] for dx, dy in offsets[code[j // 2, i // 2]]])
            weights = weight[samples[:, 3]].astype(float)
            mean = (samples[:, :3] * weights[:, None]).sum(0) / weights.sum()
            assert np.abs(out[j, i, :3] - mean).max() < 0.501
    assert (out[..., 3] == 0).all()


def test_stroke_averages_along_the_line():
    """Each pixel becomes the mean along its direction; where all is paper nothing is computed."""
    h, w, pad, taps = 6, 10, 3, 5
    source = RANDOM.integers(0, 256, (h + 2 * pad, w + 2 * pad)).astype(np.uint8)
    offsets = np.tile(np.arange(-2, 3, dtype=np.int32), (32, 1))
    near = np.zeros((h, w), np.uint8)
    near[2] = 255
    out = np.empty((h, w), np.uint8)

    paint.stroke(
        source.reshape(-1), w + 2 * pad, pad, near.reshape(-1), np.zeros(15, np.uint8), offsets.reshape(-1), taps,
        out.reshape(-1), w, h,
    )  # fmt: skip

    mean = np.stack([source[pad : pad + h, pad + k : pad + k + w] for k in range(-2, 3)]).mean(0)
    rest = [0, 1, 3, 4, 5]
    assert np.abs(out[rest] - mean[rest]).max() <= 1
    assert (out[2] == 255).all()


def test_warp_blend_follows_the_flow():
    """Where the past fits it is mixed in, moved by the flow; where it differs or lies outside it is not."""
    h, w = 8, 12
    current = packed(h, w)
    current[..., 3] = 0
    previous = np.roll(current, 2, axis=1)
    previous[..., :3] = np.clip(previous[..., :3].astype(int) + 4, 0, 255)
    across, down = np.full((h // 2) * (w // 2), 32, np.int16), np.zeros((h // 2) * (w // 2), np.int16)
    out = np.empty_like(current)

    paint.warp_blend(words(previous), words(current), across, down, out.reshape(-1).view(np.uint32), w, h, 128, 0)

    inside = (slice(0, h - 1), slice(0, w - 3), slice(0, 3))
    moved = np.roll(previous, -2, axis=1)[inside].astype(float)
    assert np.abs(out[inside] - (moved + current[inside]) / 2).max() <= 1
    assert (out[:, -1, :3] == current[:, -1, :3]).all()


def test_wash_wraps_its_paper():
    """Paper scrolled by more than its size repeats without a gap, and a share of 0 leaves the picture."""
    h, w, pad = 6, 10, 2
    washed = np.zeros((h + 2 * pad, w + 2 * pad), np.uint16) + 120
    stray, sheet = np.zeros((4, 7), np.int32), RANDOM.integers(-20, 20, (4, 7, 2)).astype(np.int8)
    old, new, kept = plane(h, w), np.empty((h, w), np.uint8), np.empty((h, w), np.uint8)

    for target, share in ((new, 256), (kept, 0)):
        paint.wash(
            washed.reshape(-1), pad, w, h, stray.reshape(-1), sheet.reshape(-1), 7, 4, 5, 3,
            old.reshape(-1), w, target.reshape(-1), w, 5, 256, share,
        )  # fmt: skip

    for j in range(h):
        for i in range(w):
            pigment, tooth = (int(value) for value in sheet[(j + 3) % 4, (i + 5) % 7])
            level = 120 - ((((120 * 135) >> 8) * ((pigment * 256) >> 7)) >> 8) + tooth
            assert new[j, i] == 16 + ((min(255, max(0, level)) * 220) >> 8)
    assert (kept == old).all()


def test_pigment_ink_and_outline():
    """Chroma is scaled around neutral, ink darkens towards black, and a step in light draws a line on its dark side."""
    chroma, out = plane(2, 6), np.empty((2, 6), np.uint8)
    quiet = np.zeros(12, np.uint8)
    paint.pigment(chroma.reshape(-1), quiet, quiet, chroma.reshape(-1), 6, out.reshape(-1), 6, 6, 2, 128, 5, 256)
    assert np.abs(out - np.clip(128 + (chroma.astype(int) - 128) / 2, 16, 240)).max() <= 1

    half = np.full(12, 128, np.uint8)
    paint.ink(np.full(12, 216, np.uint8), half, 6, 2, chroma.reshape(-1), 6, out.reshape(-1), 6, 256)
    assert np.abs(out.astype(int) - (16 + 200 * 128 / 255)).max() <= 1

    lines = np.empty(4, np.uint8)
    fine, coarse = np.array([100, 100, 60, 200], np.uint8), np.array([100, 90, 80, 190], np.uint8)
    paint.outline(fine, coarse, lines, 4, 1024, 0, 16 * 20)
    assert lines.tolist() == [255, 255, 0, 255]


def test_mix_rounds_each_part_exactly():
    """All pairs of a level and a share: each part is its product over 255, rounded."""
    levels, shares = (each.astype(np.uint8).reshape(-1) for each in np.mgrid[0:256, 0:256])
    out = np.empty_like(levels)

    for first, second in ((levels, np.zeros_like(levels)), (np.zeros_like(levels), levels), (levels, levels[::-1])):
        first, second = np.ascontiguousarray(first), np.ascontiguousarray(second)
        paint.mix(first, second, shares, out, out.size)

        parts = [first.astype(int) * (255 - shares.astype(int)), second.astype(int) * shares]
        assert (out == sum((2 * part + 255) // 510 for part in parts)).all()


def test_kernel_loads_once():
    """A kernel is compiled once, and calling it does not compile again."""
    kernel = Kernel("float, float32[]", _fill)
    out = np.zeros(3, np.float32)

    compiled = kernel.load()
    kernel(math.pi, out)

    assert kernel.load() is compiled
    assert np.allclose(out, math.pi)


def _fill(value, out):
    for k in range(len(out)):
        out[k] = value


def test_boost_adds_what_the_table_says():
    """Each level gains the table's entry for its difference from the soft copy, and stays within the legal range."""
    before, soft, after = wide(plane(5, 9), 4), plane(5, 9), np.empty((5, 9), np.uint8)
    gain = (np.arange(-255, 256) // 3).astype(np.int32)

    (p, sp), (s, ss), (o, so) = flat(before), flat(soft), flat(after)
    lens.boost(p, sp, s, ss, o, so, 9, 5, gain)

    difference = before.astype(int) - soft
    assert (after == np.clip(before + gain[255 + difference], 16, 235)).all()


def test_cross_fade_touches_its_rows_only():
    """Rows pass from one picture to the other by their weight; rows whose weight lies outside are left."""
    first, second, after = plane(4, 6), plane(4, 6), np.full((4, 6), 7, np.uint8)

    (p, sp), (q, sq), (o, so) = flat(first), flat(second), flat(after)
    lens.cross_fade(p, sp, q, sq, o, so, 6, 4, np.array([0, 128, 256, 257], np.int32))

    assert (after[0] == first[0]).all()
    assert np.abs(after[1] - (first[1].astype(float) + second[1]) / 2).max() <= 1
    assert (after[2] == second[2]).all()
    assert (after[3] == 7).all()


def test_hatch_gates_by_tone_and_keeps_its_share():
    """Dark tones are hatched and light ones are bare paper; ink is black; a share of 0 leaves the picture."""
    w, h = 32, 8
    tone, ink = np.full((h, w), 250, np.uint8), np.full((h, w), 255, np.uint8)
    tone[:, 16:] = 40
    ink[0] = 0
    places = np.zeros(4 * w * 2, np.int16)
    tile = np.full(16, 0x808080, np.uint32)
    layers = np.array([170, 100, 200, 1024, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], np.int32)
    old, new, kept = plane(h, w), np.empty((h, w), np.uint8), np.empty((h, w), np.uint8)

    for target, share in ((new, 256), (kept, 0)):
        draw.hatch(
            ink.reshape(-1), tone.reshape(-1), w, h, places, 2, 0, 0, 256, tile, 4, 0, layers, 0,
            old.reshape(-1), w, target.reshape(-1), w, share,
        )  # fmt: skip

    assert (kept == old).all()
    assert len(np.unique(new[1:, :16])) == 1
    assert new[1, 0] > 220
    # One period is four pixels: bare, a flank of the line, its middle, the other flank. The tile is even.
    assert (new[1, 16:].reshape(-1, 4) == new[1, 16:20]).all()
    assert new[1, 16] == new[1, 0]
    assert new[1, 16] > new[1, 17] == new[1, 19] > new[1, 18]
    assert new[1, 18] < 100
    assert new[0].max() < 45


def test_hatching_lies_where_it_has_drifted_to():
    """A layer moved by half a period draws between its old lines; both layers together lie between the two."""
    w, h = 32, 4
    tone, paper = np.full(w * h, 40, np.uint8), np.full(w * h, 255, np.uint8)
    places = np.zeros((4, 1, w), np.int16)
    places[2] = 16 * 2
    layers = np.array([170, 100, 200, 1024, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], np.int32)
    rows = []

    for weight in (256, 0, 128):
        new = np.empty(w * h, np.uint8)
        draw.hatch(
            paper, tone, w, h, places.reshape(-1), 1, 0, 0, weight, np.full(16, 0x808080, np.uint32), 4, 0, layers, 0,
            paper, w, new, w, 256,
        )  # fmt: skip
        rows.append(new[w : 2 * w].astype(int))

    assert (np.roll(rows[0], 2) == rows[1]).all()
    assert np.abs(rows[2] - (rows[0] + rows[1]) / 2).max() <= 2


def test_carry_follows_the_flow_and_adds_it():
    """A field is moved along the flow and grows by that, less the common motion; none passes the limit."""
    w, h = 9, 6
    fields = np.zeros((4, h, w), np.float32)
    fields[0] = np.arange(w)
    fields[3] = 7
    weighed = np.tile(np.array([2 * 1.5, 0, 2], np.float32), (h, w, 1))
    out = np.empty_like(fields)

    drift.carry(fields.reshape(-1), weighed.reshape(-1), w, h, 0.1, 4.0, 6.5, 1.0, 9.0, out.reshape(-1))

    moved = np.minimum(np.arange(w) + 1.5, w - 1) + 1.5 * 4 - 6.5
    assert np.allclose(out[0], np.minimum(moved, 9))
    assert np.allclose(out[1], -1)
    assert np.allclose(out[3], 6)

    drift.carry(fields.reshape(-1), weighed.reshape(-1), w, h, 2.0, 4.0, 0.0, 0.0, 9.0, out.reshape(-1))
    assert (out == fields).all()


def test_strew_reads_the_texture_between_its_places():
    """A texture moved by part of a pixel is interpolated, and has no seam where it repeats."""
    tile = plane(4, 4)
    places = np.zeros((2, 2, 8), np.int16)
    places[0], places[1] = 8, 4
    out = np.empty((6, 8), np.uint8)

    drift.strew(corners(tile), 4, places.reshape(-1), 2, 16, -32, out.reshape(-1), 8, 6)

    j, i = np.mgrid[0:6, 0:8]
    upper, lower = (
        (tile[(j + row) % 4, (i + 1) % 4].astype(float) + tile[(j + row) % 4, (i + 2) % 4]) / 2 for row in (-2, -1)
    )
    exact = 0.75 * upper + 0.25 * lower
    assert np.abs(out - exact).max() <= 0.5


def test_lanes_agree_with_plain_loops():
    """Distances of rows of five pixels are what one number after another gives."""
    one, other = (RANDOM.integers(-700, 700, 40).astype(np.int16) for _ in range(2))

    found = np.zeros(1, np.int32)
    Kernel("int16[const], int16[const], int32[]", _distance)(one, other, found)

    assert found[0] == ((one.astype(int) - other) ** 2).sum()


def _distance(one, other, found):
    found[0] = distance_of_five(one, 0, other, 0)


@pytest.mark.parametrize(("across", "down"), [(3, 24), (24, 3), (-20, 18), (0, 0.2)])
def test_a_stroke_covers_its_line_and_nothing_else(across, down):
    """Along the line the level is reached, beyond its reach nothing changes, whatever the direction."""
    before = plane(40, 50, 20, 120)
    after = before.copy()
    stroke = np.array([[25, 8, across, down, 1.5, 1.0, 220, 0]], np.float32)

    streaks.draw(after.reshape(-1), 50, stroke.reshape(-1), 1, 50, 40)

    j, i = np.mgrid[0:40, 0:50]
    q = np.clip(((i - 25) * across + (j - 8) * down) / (across**2 + down**2), 0, 1)
    distance = np.hypot(i - 25 - q * across, j - 8 - q * down)
    assert (after[distance > 2.01] == before[distance > 2.01]).all()
    assert (after[distance < 0.99] >= 218).all()


def test_strokes_lighten_or_darken_by_their_level():
    """A light stroke spares what is lighter, a dark one what is darker, and a tapered one ends in nothing."""
    before = np.repeat(np.array([[20, 230]], np.uint8), 12, 0)
    light, dark = before.copy(), before.copy()

    streaks.draw(light.reshape(-1), 2, np.array([-2, 0, 6, 11, 9, 1, 200, 0], np.float32), 1, 2, 12)
    streaks.draw(dark.reshape(-1), 2, np.array([-2, 0, 6, 11, 9, 1, 40, 0], np.float32), 1, 2, 12)

    assert (light[4:8] == (200, 230)).all()
    assert (dark[4:8] == (20, 40)).all()

    line = np.full((1, 30), 50, np.uint8)
    streaks.draw(line.reshape(-1), 30, np.array([2, 0, 26, 0, 2, 1, 200, 1], np.float32), 1, 30, 1)
    assert line[0, 15] > 195
    assert line[0, 2] < 60
    assert line[0, 28] < 60


def test_strokes_outside_the_picture_are_harmless():
    """Strokes beyond every edge touch nothing."""
    before = plane(8, 8)
    after = before.copy()
    strokes = np.array([[x, y, 5, 9, 1, 1, 220, 0] for x in (-60, 2, 90) for y in (-70, 60)], np.float32)

    streaks.draw(after.reshape(-1), 8, strokes.reshape(-1), len(strokes), 8, 8)

    assert (after == before).all()


def test_nearest_prefers_what_a_cell_had():
    """A cell takes the nearest colour, and leaves its old one only for one that is clearly nearer."""
    palette = np.array([[0, 0, 0], [100, 0, 0], [0, 200, 0]], np.int32)
    cells = np.array([[90, 0, 0], [55, 0, 0], [55, 0, 0], [10, 190, 5]], np.int32)
    label = np.array([255, 255, 0, 1], np.uint8)

    draw.nearest(cells.reshape(-1), 4, palette.reshape(-1), 3, label, 2000)

    assert label.tolist() == [1, 1, 0, 2]


def test_halftone_prints_dots_in_the_mid_tones():
    """Where the waves meet there are dots; where they cancel there are none; lines are ink."""
    tone, ink = np.full((1, 3), 116, np.uint8), np.array([[255, 255, 0]], np.uint8)
    across, down = np.array([1024, -1024, 1024], np.int32), np.array([1024], np.int32)
    printed, spread = np.full(256, 200, np.uint8), np.full(256, 100, np.uint8)
    old, new, kept = plane(1, 3), np.empty((1, 3), np.uint8), np.empty((1, 3), np.uint8)

    for target, share in ((new, 256), (kept, 0)):
        draw.halftone(
            tone.reshape(-1), ink.reshape(-1), 3, 1, across, down, printed, spread, old.reshape(-1), 3,
            target.reshape(-1), 3, share,
        )  # fmt: skip

    assert np.abs(new[0].astype(int) - [100, 200, 18]).max() <= 1
    assert (kept == old).all()


def test_relief_lights_what_faces_the_upper_left():
    """A plain stays as it is; a rise towards the lower right is lit, a fall is in shadow; grit is added."""
    h, w, reach = 4, 6, 1
    tone, grit = np.full((h, w), 120, np.uint8), np.full(16, 130, np.uint8)
    rising = np.add.outer(np.arange(h + 2), np.arange(w + 2)).astype(np.uint8) * 5
    results = []

    for height, share in ((np.full_like(rising, 50), 256), (rising, 256), (255 - rising, 256), (rising, 0)):
        new = np.empty((h, w), np.uint8)
        draw.relief(
            tone.reshape(-1), w, h, height.reshape(-1), reach, grit, 4, 3, 2, tone.reshape(-1), w, new.reshape(-1), w,
            128, 0, share,
        )  # fmt: skip
        results.append(np.unique(new).tolist())

    assert results == [[122], [132], [112], [120]]


@pytest.mark.parametrize("slips", [(0, 16, -16, 8), (-7, 400, -400, 33)])
def test_lines_slip_by_sixteenths(slips):
    """Each row moves by its own amount, between pixels too; beyond an edge stands the edge's level."""
    before, after = wide(plane(4, 20), 3), np.empty((4, 20), np.uint8)
    none, noise = np.zeros(4, np.int32), np.zeros(64, np.int8)

    (p, sp), (o, so) = flat(before), flat(after)
    tape.lines(p, sp, o, so, 20, 4, np.array(slips, np.int32), noise, 8, none, none, 16, 235)

    for j, slip in enumerate(slips):
        exact = np.interp(np.arange(20) - slip / 16, np.arange(20), before[j])
        source = np.arange(20) - slip / 16
        sure = (source >= 1) & (source <= 18)
        assert np.abs(after[j] - exact)[sure].max(initial=0) <= 0.6
        assert set(after[j][source <= -1]) <= {before[j, 0]}
        assert set(after[j][source >= 20]) <= {before[j, 19]}


def test_lines_read_their_noise_from_their_place():
    """Noise starts where a row is told to, wraps within its row of the tile, and keeps to the limits."""
    before, after = np.full((2, 11), 100, np.uint8), np.empty((2, 11), np.uint8)
    noise = RANDOM.integers(-100, 101, (8, 8)).astype(np.int8)

    tape.lines(
        before.reshape(-1), 11, after.reshape(-1), 11, 11, 2, np.zeros(2, np.int32), noise.reshape(-1), 8,
        np.array([3 * 8 + 5, 64 + 9], np.int32), np.array([256, 512], np.int32), 60, 140,
    )  # fmt: skip

    for j, (row, start, gain) in enumerate(((3, 5, 1), (1, 1, 2))):
        expected = [min(140, max(60, 100 + gain * int(noise[row, (start + i) % 8]))) for i in range(11)]
        assert after[j].tolist() == expected


def test_match_finds_a_copy_through_the_table_and_its_neighbours():
    """Where the table names the right place of one pixel, the rest of a copied piece is found by continuing it."""
    source = RANDOM.integers(0, 200, (20, 24, 8)).astype(np.int16)
    target = np.ascontiguousarray(source[5:13, 8:18])
    truth = np.add.outer(np.arange(5, 13) * 24, np.arange(8, 18)).astype(np.int32)
    place, bucket = np.full((8, 10), 2 * 24 + 2, np.int32), np.zeros(80, np.int32)
    table, everywhere = np.array([truth[0, 0]], np.int32), np.ones(4, np.uint8)

    patches.match(
        target.reshape(-1), 10, 8, source.reshape(-1), 24, 20, place.reshape(-1), bucket, table, 1, everywhere, 8, 2, 0
    )

    assert (place == truth).all()


def test_match_compares_even_places_with_the_second_source():
    """A place whose bucket says that it is even looks into the second version of the source, others into the first."""
    first, second = RANDOM.integers(0, 200, (2, 12, 12, 8)).astype(np.int16)
    first[:, :6], second[:, 6:] = 0, 0
    target = np.zeros((8, 16, 8), np.int16)
    bucket = np.repeat(np.array([0, patches.EVEN], np.int32), 8)[None].repeat(8, 0).reshape(-1)
    table = np.full((2 * patches.EVEN, 2), 5 * 12 + 3, np.int32)
    table[:, 1] = 5 * 12 + 8
    place = np.full(128, 2 * 12 + 5, np.int32)

    patches.match(
        target.reshape(-1), 16, 8, np.stack([first, second]).reshape(-1), 12, 12, place, bucket, table.reshape(-1), 2,
        np.ones(2, np.uint8), 8, 2, 0,
    )  # fmt: skip

    columns = place.reshape(8, 16)[3:5] % 12
    assert (columns[:, 3:5] < 6).all()
    assert (columns[:, 11:13] >= 6).all()


@pytest.mark.parametrize(("loyal", "stays"), [(0, False), (2, False), (4, True)])
def test_match_leaves_a_place_only_for_one_that_is_clearly_better(loyal, stays):
    """A place with a fifth more difference than another is left, or kept where a quarter is remitted."""
    source, target = np.zeros((10, 20, 8), np.int16), np.zeros((1, 1, 8), np.int16)
    source[5, 5, 0], source[5, 15, 0] = 110, 100
    place, table = np.array([105], np.int32), np.array([115], np.int32)

    patches.match(
        target.reshape(-1), 1, 1, source.reshape(-1), 20, 10, place, np.zeros(1, np.int32), table, 1,
        np.ones(1, np.uint8), 8, 2, loyal,
    )  # fmt: skip

    assert (place[0] == 105) == stays


def test_match_and_vote_leave_masked_cells_alone():
    """Cells that are not looked at keep their places and their paint."""
    source, place = RANDOM.integers(0, 200, (12, 12, 8)).astype(np.int16), np.full((8, 16), 40, np.int32)
    target = RANDOM.integers(0, 200, (8, 16, 8)).astype(np.int16)
    before = target.copy()
    table, mask = np.arange(26, 34, dtype=np.int32), np.array([0, 1], np.uint8)

    patches.match(
        target.reshape(-1), 16, 8, source.reshape(-1), 12, 12, place.reshape(-1), np.zeros(128, np.int32), table, 8,
        mask, 8, 2, 0,
    )  # fmt: skip
    patches.vote(source.reshape(-1), 12, 12, place.reshape(-1), 16, 8, mask, 8, 2, target.reshape(-1))

    assert (place[:, :8] == 40).all()
    assert (place[:, 8:] != 40).any()
    assert (target[:, :8] == before[:, :8]).all()
    assert (target[..., 3:] == before[..., 3:]).all()
    y, x = 4, 12
    votes = [source.reshape(-1, 8)[place[j, i] + (y - j) * 12 + x - i, :3] for j in range(2, 7) for i in range(10, 15)]
    assert np.abs(target[y, x, :3] - np.mean(votes, 0)).max() <= 0.5


@pytest.mark.parametrize(("dx", "dy", "steps"), [(0.3, 0.0, 7), (-1.4, 0.75, 3), (0.05, 0.05, 5)])
def test_paint_travels_by_parts_of_a_pixel(dx, dy, steps):
    """After some steps along an even flow each pixel shows the paint from exactly there; a tiny flow moves nothing."""
    w, h = 24, 16
    flow = np.tile(np.array([dx / 2, dy / 2], np.float32), (h // 2, w // 2, 1))
    off, place = np.zeros((h, w, 2), np.float32), np.arange(h * w, dtype=np.int32)
    paint = np.zeros((h, w, 8), np.int16)
    paint[..., 0] = np.arange(w)
    light = plane(h, w)

    for _ in range(steps):
        new_off, new_place, new_paint, moved = (np.zeros_like(each) for each in (off, place, paint, light))
        patches.travel(
            flow.reshape(-1), w // 2, h // 2, 2.0, 0.1, paint.reshape(-1), w, h, 2, 9, off.reshape(-1), place,
            paint.reshape(-1), light.reshape(-1), new_off.reshape(-1), new_place, new_paint.reshape(-1),
            moved.reshape(-1), w, h,
        )  # fmt: skip
        off, place, paint = new_off, new_place, new_paint

    inner = slice(4, -4), slice(5, -5)
    still = max(abs(dx), abs(dy)) < 0.1
    down, across = np.mgrid[0:h, 0:w]
    x, y = place.reshape(h, w) % w + off[..., 0], place.reshape(h, w) // w + off[..., 1]
    assert np.abs(x - across - (0 if still else dx * steps))[inner].max() < 1e-3
    assert np.abs(y - down - (0 if still else dy * steps))[inner].max() < 1e-3
    assert (paint[..., 0] == place.reshape(h, w) % w)[inner].all()
    assert np.abs(off).max() <= 0.5
    if still:
        assert (moved == light).all()


@pytest.mark.parametrize("light", [200, 90])
def test_what_comes_in_continues_the_picture(light):
    """Where a pan lets something in, its paint is what lies beside the border's in the picture; told where too dark."""
    w, h, sw, sh = 12, 8, 40, 20
    source = np.zeros((sh, sw, 8), np.int16)
    source[..., 0], source[..., 3] = np.arange(sw), 200
    place = (np.add.outer(np.arange(6, 6 + h) * sw, np.arange(20, 20 + w))).astype(np.int32)
    paint = np.ascontiguousarray(source.reshape(-1, 8)[place])
    flow = np.tile(np.array([-1.5, 0], np.float32), (h, w, 1))
    new_off, new_place, new_paint = np.zeros((h, w, 2), np.float32), np.zeros_like(place), np.zeros_like(paint)
    new_paint[..., 3] = light
    before, moved = np.full((h, w), 100, np.uint8), np.zeros((h, w), np.uint8)

    patches.travel(
        flow.reshape(-1), w, h, 1.0, 0.1, source.reshape(-1), sw, sh, 2, 9, np.zeros(2 * w * h, np.float32),
        place.reshape(-1), paint.reshape(-1), before.reshape(-1), new_off.reshape(-1), new_place.reshape(-1),
        new_paint.reshape(-1), moved.reshape(-1), w, h,
    )  # fmt: skip

    assert np.allclose(new_place % sw + new_off[..., 0], np.arange(w) + 18.5)
    assert (new_paint[..., 0] == new_place % sw).all()
    assert (moved[:, 2:] == 100).all()
    assert (moved[:, 0] == (100 if light == 200 else 228)).all()
