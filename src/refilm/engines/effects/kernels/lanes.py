"""Several numbers handled as one, where numba by itself would take them one after another.

Floats are added in the order written and nothing is fused, so that every processor computes the same pixels. Nothing
is checked: whatever is read must lie inside its buffer.
"""

# mypy: disable-error-code="import-untyped,misc"
# numba and llvmlite say nothing of the types of their builders.

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_INDEX, _NUMBER = ir.IntType(64), ir.IntType(32)
_FLOATS = ir.VectorType(ir.FloatType(), 4)
_INTS, _SHORTS, _BYTES = (ir.VectorType(ir.IntType(bits), 4) for bits in (32, 16, 8))
_EIGHT_SHORTS, _EIGHT_BYTES = (ir.VectorType(ir.IntType(bits), 8) for bits in (16, 8))
_EIGHT_INTS = ir.VectorType(ir.IntType(32), 8)


@intrinsic
def mean_of_eight(context: Any, pixels: Any, offsets: Any, at: Any) -> Any:
    """The mean of eight weighted pixels, rounded, as one uint32 of four bytes; the last byte means nothing.

    pixels: float32, four to a pixel: three levels times the weight, and the weight.  offsets: int32, eight, counted
    in pixels from pixel `at` (int64).
    """

    def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        buffers = [
            _buffer(target, builder, kind, value) for kind, value in zip(signature.args[:2], values, strict=False)
        ]
        total = _load(builder, buffers[0], buffers[1], values[2], 0)
        for sample in range(1, 8):
            total = builder.fadd(total, _load(builder, buffers[0], buffers[1], values[2], sample))
        return _rounded(builder, total)

    return types.uint32(pixels, offsets, at), generate


def _load(builder: Any, pixels: Any, offsets: Any, at: Any, sample: int) -> Any:
    """The four floats of one sample. They lie at any multiple of four bytes."""
    offset = builder.sext(builder.load(builder.gep(offsets, [ir.Constant(_INDEX, sample)])), _INDEX)
    place = builder.shl(builder.add(at, offset), ir.Constant(_INDEX, 2))
    return builder.load(builder.bitcast(builder.gep(pixels, [place]), _FLOATS.as_pointer()), align=4)


def _rounded(builder: Any, total: Any) -> Any:
    """Levels from weighted levels, as bytes."""
    share = builder.fdiv(ir.Constant(ir.FloatType(), 1.0), builder.extract_element(total, ir.Constant(_NUMBER, 3)))
    levels = builder.fadd(builder.fmul(total, _repeated(builder, share, _FLOATS)), ir.Constant(_FLOATS, [0.5] * 4))
    return builder.bitcast(builder.trunc(builder.fptosi(levels, _INTS), _BYTES), _NUMBER)


@intrinsic
def blend_moved(context: Any, previous: Any, at: Any, below: Any, x: Any, y: Any, pixel: Any, keep: Any, doubt: Any) -> Any:  # noqa: E501  # fmt: skip
    """`pixel` with some of the previous picture, as one uint32 of four bytes.

    previous: uint32 pixels.  at, below: int64, the upper left of the four to mix and the one under it.  x, y: int64,
    0..15, how far between them the place lies.  keep: int64, share of the past, 0..256, from which each level of
    difference takes `doubt`.
    """

    def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        pixels = _buffer(target, builder, signature.args[0], values[0])
        across, down = (builder.trunc(value, ir.IntType(16)) for value in values[3:5])
        upper, lower = (_eight(builder, builder.gep(pixels, [place])) for place in values[1:3])
        column = _mixed(builder, upper, lower, down, _EIGHT_SHORTS)
        left, right = (
            builder.shuffle_vector(column, column, ir.Constant(_INTS, list(range(first, first + 4))))
            for first in (0, 4)
        )
        total = builder.add(_mixed(builder, left, right, across, _SHORTS), ir.Constant(_SHORTS, [128] * 4))
        moved = builder.zext(builder.lshr(total, ir.Constant(_SHORTS, [8] * 4)), _INTS)
        now = builder.zext(builder.bitcast(values[5], _BYTES), _INTS)
        apart = builder.sub(moved, now)
        share = _trust(builder, apart, values[6], values[7])
        step = builder.add(builder.mul(apart, _repeated(builder, share, _INTS)), ir.Constant(_INTS, [128] * 4))
        result = builder.add(now, builder.ashr(step, ir.Constant(_INTS, [8] * 4)))
        return builder.bitcast(builder.trunc(result, _BYTES), _NUMBER)

    return types.uint32(previous, at, below, x, y, types.uint32, keep, doubt), generate


def _trust(builder: Any, apart: Any, keep: Any, doubt: Any) -> Any:
    """The share of the past for two pixels that are `apart`."""
    zero = ir.Constant(_INTS, [0] * 4)
    apart = builder.select(builder.icmp_signed("<", apart, zero), builder.sub(zero, apart), apart)
    total = ir.Constant(_NUMBER, 0)
    for lane in range(3):
        total = builder.add(total, builder.extract_element(apart, ir.Constant(_NUMBER, lane)))
    share = builder.sub(builder.trunc(keep, _NUMBER), builder.mul(total, builder.trunc(doubt, _NUMBER)))
    nothing = ir.Constant(_NUMBER, 0)
    return builder.select(builder.icmp_signed(">", share, nothing), share, nothing)


@intrinsic
def four_levels(context: Any, plane: Any, at: Any) -> Any:
    """Four neighbours of a uint8 plane from `at` (int64) on, as one uint64 of four 16-bit numbers."""

    def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = builder.gep(_buffer(target, builder, signature.args[0], values[0]), [values[1]])
        four = builder.load(builder.bitcast(place, _BYTES.as_pointer()), align=1)
        return builder.bitcast(builder.zext(four, _SHORTS), _INDEX)

    return types.uint64(plane, at), generate


@intrinsic
def distance_of_five(context: Any, one: Any, at: Any, other: Any, there: Any) -> Any:
    """The squared distance of two rows of five pixels, int32.

    one, other: int16, eight to a pixel, any two of which are less than 2**14 apart.  at, there: int64, where the rows
    begin, counted in numbers.
    """

    def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        rows = [
            builder.gep(_buffer(target, builder, signature.args[k], values[k]), [values[k + 1]]) for k in (0, 2)
        ]  # fmt: skip
        total = ir.Constant(_EIGHT_INTS, [0] * 8)
        for pixel in range(5):
            first, second = (
                builder.load(
                    builder.bitcast(builder.gep(row, [ir.Constant(_INDEX, 8 * pixel)]), _EIGHT_SHORTS.as_pointer()),
                    align=2,
                )
                for row in rows
            )
            apart = builder.sext(builder.sub(first, second), _EIGHT_INTS)
            total = builder.add(total, builder.mul(apart, apart))
        return _sum(builder, total)

    return types.int32(one, at, other, there), generate


def _sum(builder: Any, total: Any) -> Any:
    """Eight integers added up."""
    for reach in (4, 2, 1):
        order = ir.Constant(_EIGHT_INTS, [(lane + reach) % 8 for lane in range(8)])
        total = builder.add(total, builder.shuffle_vector(total, total, order))
    return builder.extract_element(total, ir.Constant(_NUMBER, 0))


def _buffer(target: Any, builder: Any, kind: Any, value: Any) -> Any:
    """Where an array's numbers begin."""
    return target.make_array(kind)(target, builder, value).data


def _eight(builder: Any, place: Any) -> Any:
    """The eight bytes of two pixels."""
    return builder.zext(builder.load(builder.bitcast(place, _EIGHT_BYTES.as_pointer()), align=4), _EIGHT_SHORTS)


def _mixed(builder: Any, first: Any, second: Any, share: Any, kind: Any) -> Any:
    """Sixteen times `first` where `share` is 0, and sixteen times `second` where it is 16."""
    rest = builder.sub(ir.Constant(ir.IntType(16), 16), share)
    return builder.add(
        builder.mul(first, _repeated(builder, rest, kind)), builder.mul(second, _repeated(builder, share, kind))
    )


def _repeated(builder: Any, value: Any, kind: Any) -> Any:
    """`value` in every lane."""
    lanes = ir.Constant(kind, ir.Undefined)
    for lane in range(kind.count):
        lanes = builder.insert_element(lanes, value, ir.Constant(_NUMBER, lane))
    return lanes
