"""Attention of the next token of each of some sequences, in one compiled call for a layer.

New keys and values are turned by their positions and stored in the sequences' caches; what they attend to is
read where it lies. A key/value head of a sequence is one thread's work, with a running softmax (arXiv
1805.02867), so that its result does not depend on what shares the batch.

Shape legend: B sequences, H query heads, G key/value heads, X heads of a projection (queries, then keys and
values where the layer owns them), d head dimension, S slots of a cache.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fireside.core.extras import require
from fireside.lm.engine.team import kernel, share, typed_array

__all__ = ["attend_next"]

numba = require("numba", extra="lm")

_BLOCK = 128  # keys whose scores are held at once


def attend_next(
    heads_BXd: Tensor,
    cos_Bd: Tensor,
    sin_Bd: Tensor,
    addresses_B: npt.NDArray[np.int64],
    slots_B: npt.NDArray[np.int64],
    lengths_B: npt.NDArray[np.int64],
    *,
    num_heads: int,
    num_kv_heads: int,
) -> Tensor:
    """Store new keys and values where a layer owns them, and attend.

    Args:
        heads_BXd: float32, not yet turned; it is turned in place.
        cos_Bd, sin_Bd: of each sequence's position, as `Rotation` has them.
        addresses_B: of each sequence's buffer, float32 [2G, S, d], keys before values.
        slots_B: S of each buffer; the token at position p lies in slot p mod S.
        lengths_B: positions of the new tokens.
        num_heads: H.
        num_kv_heads: G.

    Returns:
        float32[B, H d].
    """
    batch, num_projected, width = heads_BXd.shape
    heads_BXd, cos_Bd, sin_Bd = heads_BXd.contiguous(), cos_Bd.contiguous(), sin_Bd.contiguous()
    out_BHd = torch.empty(batch, num_heads, width)
    tensors = (heads_BXd.data_ptr(), cos_Bd.data_ptr(), sin_Bd.data_ptr(), out_BHd.data_ptr())
    arrays = (addresses_B.ctypes.data, slots_B.ctypes.data, lengths_B.ctypes.data)
    sizes = (batch, num_projected, width, num_heads, num_kv_heads)
    share(
        _attend(),
        np.array((*tensors, *arrays, *sizes), dtype=np.int64),
        batch * num_kv_heads,
        using=(heads_BXd, cos_Bd, sin_Bd, out_BHd, addresses_B, slots_B, lengths_B),
    )
    return out_BHd.view(batch, num_heads * width)


@kernel
@numba.njit(cache=True, nogil=True)
def _attend(arguments, part):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    batch, num_projected, width = arguments[7], arguments[8], arguments[9]
    num_heads, num_kv_heads = arguments[10], arguments[11]
    b, g = part // num_kv_heads, part % num_kv_heads
    heads_BXd = typed_array(arguments[0], batch * num_projected * width, np.float32)
    cos_Bd = typed_array(arguments[1], batch * width, np.float32).reshape(batch, width)
    sin_Bd = typed_array(arguments[2], batch * width, np.float32).reshape(batch, width)
    out_BHd = typed_array(arguments[3], batch * num_heads * width, np.float32)
    addresses_B = typed_array(arguments[4], batch, np.int64)
    slots_B = typed_array(arguments[5], batch, np.int64)
    lengths_B = typed_array(arguments[6], batch, np.int64)
    cache = typed_array(addresses_B[b], 2 * num_kv_heads * slots_B[b] * width, np.float32)
    _attend_group(
        heads_BXd.reshape(batch, num_projected, width)[b],
        cos_Bd[b],
        sin_Bd[b],
        cache.reshape(2 * num_kv_heads, slots_B[b], width),
        lengths_B[b],
        num_heads,
        g,
        num_heads // num_kv_heads,
        out_BHd.reshape(batch, num_heads, width)[b],
    )


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _attend_group(  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    heads_Xd, cos_d, sin_d, cache, length, num_heads, g, group, out_Hd
):
    """What one key/value head and its query heads do in one sequence."""
    width, slots = heads_Xd.shape[1], cache.shape[1]
    num_kv_heads = cache.shape[0] // 2
    if heads_Xd.shape[0] > num_heads:
        key, slot = heads_Xd[num_heads + g], length % slots
        _turn(key, cos_d, sin_d)
        for i in range(width):
            cache[g, slot, i] = key[i]
            cache[num_kv_heads + g, slot, i] = heads_Xd[num_heads + num_kv_heads + g, i]
    scale = np.float32(1 / np.sqrt(width))
    seen = min(length + 1, slots)
    scores = np.empty(_BLOCK, np.float32)
    for head in range(g * group, (g + 1) * group):
        query, out = heads_Xd[head], out_Hd[head]
        _turn(query, cos_d, sin_d)
        best, total = np.float32(-1e30), np.float32(0)
        for i in range(width):
            query[i] *= scale
            out[i] = 0
        for start in range(0, seen, _BLOCK):
            count = min(_BLOCK, seen - start)
            keys, values = cache[g, start:], cache[num_kv_heads + g, start:]
            highest = best
            for j in range(count):
                score = np.float32(0)
                for i in range(width):
                    score += query[i] * keys[j, i]
                scores[j] = score
                highest = max(highest, score)
            shrink = np.exp(best - highest)
            best, total = highest, total * shrink
            for i in range(width):
                out[i] *= shrink
            for j in range(count):
                weight = np.exp(scores[j] - best)
                total += weight
                for i in range(width):
                    out[i] += weight * values[j, i]
        for i in range(width):
            out[i] /= total


@numba.njit(cache=True, nogil=True, inline="always")
def _turn(head_d, cos_d, sin_d):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    half = len(head_d) // 2
    for i in range(half):
        a, b = head_d[i], head_d[half + i]
        head_d[i] = a * cos_d[i] + b * sin_d[i]
        head_d[half + i] = b * cos_d[half + i] + a * sin_d[half + i]
