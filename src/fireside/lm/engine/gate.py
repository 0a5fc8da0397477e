"""The nonlinear part of a gated feed-forward layer, in one compiled loop.

Shape legend: N tokens, F inner width.
"""

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from fireside.core.extras import require
from fireside.lm.engine.team import kernel, share, typed_array

__all__ = ["gated"]

numba = require("numba", extra="lm")

from llvmlite import ir  # noqa: E402  (comes with numba)
from numba.extending import intrinsic  # noqa: E402

_PART = 1024
# ln 2 as a number with few digits and the rest, so that the first product is exact.
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_LOG2_E = np.float32(1 / np.log(2))
# Of exp(r) = 1 + r + r^2 P(r): for |r| <= ln(2) / 2 what Taylor's next term adds is below 1e-8.
_TAYLOR = tuple(np.float32(one) for one in (1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720, 1 / 5040))
_GELU = np.float32(np.sqrt(2 / np.pi)), np.float32(0.044715)


def gated(gate_up_NX: Tensor, num_inner: int, activation: Literal["silu", "gelu_tanh"]) -> Tensor:
    """activation(gate) * up, float32[N, F].

    Args:
        gate_up_NX: float32[N, 2 F], gates and then what they let through; rows may lie apart.
        num_inner: F.
        activation: of the gates; its exponential is within 2e-7 of the exact one.

    >>> gated(torch.tensor([[1.0, 0.0, 2.0, 3.0]]), 2, "silu")
    tensor([[1.4621, 0.0000]])
    """
    rows = len(gate_up_NX)
    assert gate_up_NX.stride(1) == 1
    out_NF = torch.empty(rows, num_inner)
    arguments = (
        gate_up_NX.data_ptr(),
        gate_up_NX.stride(0),
        num_inner,
        rows,
        out_NF.data_ptr(),
        activation == "silu",
    )
    share(
        _gated(),
        np.array(arguments, dtype=np.int64),
        -(-rows * num_inner // _PART),
        using=(gate_up_NX, out_NF),
    )
    return out_NF


@intrinsic
def _bits(context, number):  # type: ignore[no-untyped-def]
    """The float32 with the bits of an int32."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.bitcast(arguments[0], ir.FloatType())

    return numba.types.float32(numba.types.int32), generate


@numba.njit(cache=True, nogil=True, inline="always")
def _exp(x: Any):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    """exp(x) as 2^n exp(r), for vector registers; beyond float32's exponents its ends."""
    x = min(max(x, np.float32(-87.0)), np.float32(88.0))
    n = np.floor(x * _LOG2_E + np.float32(0.5))
    r = x - n * _LN2_HIGH - n * _LN2_LOW
    p = _TAYLOR[5]
    p = p * r + _TAYLOR[4]
    p = p * r + _TAYLOR[3]
    p = p * r + _TAYLOR[2]
    p = p * r + _TAYLOR[1]
    p = p * r + _TAYLOR[0]
    return (np.float32(1) + r + r * r * p) * _bits(np.int32(np.int32(n) + np.int32(127)) << np.int32(23))


@kernel
@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
def _gated(arguments, part):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    stride, inner, rows, is_silu = arguments[1], arguments[2], arguments[3], arguments[5] != 0
    x = typed_array(arguments[0], rows * stride, np.float32)
    out = typed_array(arguments[4], rows * inner, np.float32)
    at, end = part * _PART, min((part + 1) * _PART, rows * inner)
    while at < end:
        row, first = at // inner, at % inner
        count = min(inner - first, end - at)
        gate = x[row * stride + first : row * stride + first + count]
        up = x[row * stride + inner + first : row * stride + inner + first + count]
        to = out[at : at + count]
        # Both are sigmoids: 1 + tanh(y) = 2 sigmoid(2 y).
        for i in range(count):
            g = gate[i]
            y = g if is_silu else np.float32(2) * _GELU[0] * (g + _GELU[1] * g * g * g)
            to[i] = g / (np.float32(1) + _exp(-y)) * up[i]
        at += count
