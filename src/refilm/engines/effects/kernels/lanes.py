"""Four 32-bit floats handled as one, where numba by itself would take them one after another.

Additions happen in the order written and nothing is fused, so that every processor computes the same pixels.
"""

# mypy: disable-error-code="import-untyped,misc"
# numba and llvmlite say nothing of the types of their builders.

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_FLOATS = ir.VectorType(ir.FloatType(), 4)
_INTS, _BYTES = ir.VectorType(ir.IntType(32), 4), ir.VectorType(ir.IntType(8), 4)


@intrinsic
def mean_of_eight(context: Any, pixels: Any, offsets: Any, at: Any) -> Any:
    """The mean of eight weighted pixels, rounded, as one uint32 of four bytes; the last byte means nothing.

    pixels: float32, four to a pixel: three levels times the weight, and the weight.  offsets: int32, eight, counted
    in pixels from pixel `at` (int64). Nothing is checked: all eight must be inside.
    """

    def generate(target: Any, builder: Any, signature: Any, values: Any) -> Any:
        buffers = [
            target.make_array(kind)(target, builder, value).data
            for kind, value in zip(signature.args[:2], values[:2], strict=True)
        ]
        total = _load(builder, buffers[0], buffers[1], values[2], 0)
        for sample in range(1, 8):
            total = builder.fadd(total, _load(builder, buffers[0], buffers[1], values[2], sample))
        return _rounded(builder, total)

    return types.uint32(pixels, offsets, at), generate


def _load(builder: Any, pixels: Any, offsets: Any, at: Any, sample: int) -> Any:
    """The four floats of one sample. They lie at any multiple of four bytes."""
    index = ir.IntType(64)
    offset = builder.sext(builder.load(builder.gep(offsets, [ir.Constant(index, sample)])), index)
    place = builder.shl(builder.add(at, offset), ir.Constant(index, 2))
    return builder.load(builder.bitcast(builder.gep(pixels, [place]), _FLOATS.as_pointer()), align=4)


def _rounded(builder: Any, total: Any) -> Any:
    """Levels from weighted levels, as bytes."""
    one, number = ir.Constant(ir.FloatType(), 1.0), ir.IntType(32)
    share = builder.fdiv(one, builder.extract_element(total, ir.Constant(number, 3)))
    shares = ir.Constant(_FLOATS, ir.Undefined)
    for lane in range(4):
        shares = builder.insert_element(shares, share, ir.Constant(number, lane))
    levels = builder.fadd(builder.fmul(total, shares), ir.Constant(_FLOATS, [0.5] * 4))
    return builder.bitcast(builder.trunc(builder.fptosi(levels, _INTS), _BYTES), number)
