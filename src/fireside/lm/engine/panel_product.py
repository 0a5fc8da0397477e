"""Products of a few rows with a matrix in panels: what an engine's time goes into.

One panel and up to eight rows make a tile, whose sums stay in the processor's registers. A tile asks for
memory ahead of its use, which the processor by itself does only to the end of a page. Numbers in int8 are
widened in registers, so that a quarter of the bytes is read.

Each sum runs over K in order, whatever other rows there are: a row's result does not depend on its batch.

Shape legend: N rows, K inputs, X outputs, P panels, W = `PANEL`.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from fireside.core.extras import require
from fireside.lm.engine.panels import LANES, PANEL, Panels
from fireside.lm.engine.team import kernel, share, typed_array

__all__ = ["multiply"]

numba = require("numba", extra="lm")

from llvmlite import ir  # noqa: E402  (comes with numba)
from numba.core import cgutils  # noqa: E402
from numba.extending import intrinsic  # noqa: E402

# The sums of a tile and the panel's numbers must fit into 32 registers where they have 16 lanes, or into 16.
_TILE_ROWS = 8 if LANES == 16 else 4
_VECTORS = PANEL // LANES
# How far ahead memory is asked for: measured from 0 to 16 KiB, with 1, 4 and 16 rows.
_AHEAD_BYTES = 16 << 10
# Enough that threads end together, and few enough that each reads on for a while.
_PARTS = 32


def multiply(x_NK: Tensor, panels: Panels, *, eps: float | None = None, into: Tensor | None = None) -> Tensor:
    """x W^T, of rows as they are or brought to length.

    Args:
        x_NK: float32.
        panels: W.
        eps: bring rows to root-mean-square length before: x / sqrt(mean(x^2) + eps).
        into: float32[N, X], to which the product is added in place.

    Returns:
        float32[N, X]; `into` where it is given.

    >>> from fireside.lm.engine.panels import to_panels
    >>> panels = to_panels(torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]]))
    >>> multiply(torch.tensor([[3.0, 4.0]]), panels)
    tensor([[3., 7., 8.]])
    """
    x_NK = x_NK.contiguous()
    num_panels, depth, _ = panels.values_PKW.shape
    padded, rows = num_panels * PANEL, len(x_NK)
    assert x_NK.shape[1] == depth
    assert x_NK.dtype == torch.float32
    adds = into is not None and padded == panels.num_outputs and into.is_contiguous()
    y_NX = into if into is not None and adds else torch.empty(rows, padded)
    each = -(-num_panels // _PARTS)
    arguments = np.array(
        (x_NK.data_ptr(), rows, depth, *panels.addresses, num_panels, each, y_NX.data_ptr(), adds, 0),
        dtype=np.int64,
    )
    arguments.view(np.float64)[9] = -1.0 if eps is None else eps
    share(
        (_of_float32 if panels.values_PKW.dtype == np.float32 else _of_int8)(),
        arguments,
        -(-num_panels // each),
        using=(x_NK, y_NX, panels),
    )
    if into is None:
        return y_NX[:, : panels.num_outputs]
    return into if adds else into.add_(y_NX[:, : panels.num_outputs])


def _tile(rows: int) -> Any:
    """Code of a tile of so many rows: y = (x W) * row_scales * scales, or y + that."""

    @intrinsic
    def tile(  # type: ignore[no-untyped-def]
        context, x, x_at, depth, panels, panels_at, row_scales, row, scales, column, y, y_at, y_stride, adds
    ):
        signature = numba.types.void(
            x, x_at, depth, panels, panels_at, row_scales, row, scales, column, y, y_at, y_stride, adds
        )

        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            values = [
                context.make_array(kind)(context, builder, value).data
                if isinstance(kind, numba.types.Array)
                else value
                for kind, value in zip(signature.args, arguments, strict=True)
            ]
            _generate_tile(builder, rows, *values)
            return context.get_dummy_value()

        return signature, generate

    return tile


def _generate_tile(  # type: ignore[no-untyped-def]
    builder, rows, x, x_at, depth, panels, panels_at, row_scales, row, scales, column, y, y_at, y_stride, adds
) -> None:
    i8, i32, i64, f32 = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.FloatType()
    vector, stored = ir.VectorType(f32, LANES), panels.type.pointee
    fused = ("contract",)  # a product and a sum may become one instruction

    def number(value: int) -> Any:
        return ir.Constant(i64, value)

    def load(base: Any, at: Any, kind: Any = f32) -> Any:
        return builder.load(builder.bitcast(builder.gep(base, [at]), kind.as_pointer()), align=1)

    def spread(scalar: Any) -> Any:
        first = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(i32, 0))
        zeros = ir.Constant(ir.VectorType(i32, LANES), [0] * LANES)
        return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), zeros)

    def load_panel(at: Any) -> Any:
        raw = load(panels, at, ir.VectorType(stored, LANES))
        return raw if stored == f32 else builder.sitofp(builder.sext(raw, ir.VectorType(i32, LANES)), vector)

    def ask_ahead(at: Any) -> None:
        kind = ir.FunctionType(ir.VoidType(), [i8.as_pointer(), i32, i32, i32])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [i8.as_pointer()], kind)
        start = builder.bitcast(builder.gep(panels, [at]), i8.as_pointer())
        for line in range(0, PANEL * (4 if stored == f32 else 1), 64):
            ahead = builder.gep(start, [number(_AHEAD_BYTES + line)])
            builder.call(prefetch, [ahead, *(ir.Constant(i32, flag) for flag in (0, 3, 1))])

    tile = [(r, v) for r in range(rows) for v in range(_VECTORS)]
    zero = ir.Constant(vector, [0.0] * LANES)
    sums = {at: cgutils.alloca_once_value(builder, zero) for at in tile}
    row_starts = [builder.add(x_at, builder.mul(depth, number(r))) for r in range(rows)]
    with cgutils.for_range(builder, depth) as loop:
        start = builder.add(panels_at, builder.mul(loop.index, number(PANEL)))
        ask_ahead(start)
        weights = [load_panel(builder.add(start, number(v * LANES))) for v in range(_VECTORS)]
        for r in range(rows):
            factor = spread(load(x, builder.add(row_starts[r], loop.index)))
            for v in range(_VECTORS):
                product = builder.fmul(factor, weights[v], flags=fused)
                builder.store(builder.fadd(product, builder.load(sums[r, v]), flags=fused), sums[r, v])
    for r, v in tile:
        at = builder.add(y_at, builder.add(builder.mul(y_stride, number(r)), number(v * LANES)))
        column_scales = load(scales, builder.add(column, number(v * LANES)), vector)
        scaled = builder.fmul(builder.load(sums[r, v]), column_scales)
        scaled = builder.fmul(scaled, spread(load(row_scales, builder.add(row, number(r)))))
        before = builder.select(adds, load(y, at, vector), zero)
        target = builder.bitcast(builder.gep(y, [at]), vector.as_pointer())
        builder.store(builder.fadd(scaled, before), target, align=1)


_tile_1, _tile_2, _tile_4, _tile_8 = _tile(1), _tile(2), _tile(4), _tile(8)


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "nsz", "contract"})
def _sum_of_squares(x_K):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    total = np.float32(0)
    for k in range(len(x_K)):
        total += x_K[k] * x_K[k]
    return total


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _multiply_part(arguments, part, panels):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    """The products of all rows with some panels."""
    rows, depth, num_panels, each, adds = (
        arguments[1], arguments[2], arguments[5], arguments[6], arguments[8] != 0
    )  # fmt: skip
    stride, eps = num_panels * PANEL, arguments.view(np.float64)[9]
    x = typed_array(arguments[0], rows * depth, np.float32)
    scales = typed_array(arguments[4], stride, np.float32)
    y = typed_array(arguments[7], rows * stride, np.float32)
    # Every part brings the rows to length for itself: a loop of its own would take longer.
    lengths = np.ones(rows, np.float32)
    if eps >= 0:
        for row in range(rows):
            lengths[row] = 1 / np.sqrt(_sum_of_squares(x[row * depth : (row + 1) * depth]) / depth + eps)
    for p in range(part * each, min((part + 1) * each, num_panels)):
        at, out = p * depth * PANEL, p * PANEL
        row = 0
        while row < rows:
            left = min(_TILE_ROWS, rows - row)
            x_at, y_at = row * depth, row * stride + out
            if left >= 8:
                _tile_8(x, x_at, depth, panels, at, lengths, row, scales, out, y, y_at, stride, adds)
                row += 8
            elif left >= 4:
                _tile_4(x, x_at, depth, panels, at, lengths, row, scales, out, y, y_at, stride, adds)
                row += 4
            elif left >= 2:
                _tile_2(x, x_at, depth, panels, at, lengths, row, scales, out, y, y_at, stride, adds)
                row += 2
            else:
                _tile_1(x, x_at, depth, panels, at, lengths, row, scales, out, y, y_at, stride, adds)
                row += 1


@kernel
@numba.njit(cache=True, nogil=True)
def _of_float32(arguments, part):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    size = arguments[5] * arguments[2] * PANEL
    _multiply_part(arguments, part, typed_array(arguments[3], size, np.float32))


@kernel
@numba.njit(cache=True, nogil=True)
def _of_int8(arguments, part):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    size = arguments[5] * arguments[2] * PANEL
    _multiply_part(arguments, part, typed_array(arguments[3], size, np.int8))
