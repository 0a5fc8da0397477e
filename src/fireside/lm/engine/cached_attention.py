"""Attention of the newest tokens of a sequence to the keys and values in its cache.

Shape legend: n newest tokens, S keys that they see, H query heads, G key/value heads, R = H / G, d head
dimension.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from fireside.lm.banded_attention import banded_attention

__all__ = ["attend_chunk", "attend_singles"]


def attend_singles(q_BHd: Tensor, keys_values: Sequence[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """Attention of one new token of each of B sequences.

    Args:
        q_BHd: queries.
        keys_values: of each sequence, [1, G, S, d] each, S its own.

    Returns:
        Outputs [B, H d] as the only entry of a list, or none where there are no sequences.
    """
    if not keys_values:
        return []
    batch, heads, head_dim = q_BHd.shape
    kv_heads = keys_values[0][0].shape[1]
    # The query heads of a group are like positions that see the same keys: nothing is repeated or masked.
    q_B1GRd = q_BHd.view(batch, 1, kv_heads, heads // kv_heads, head_dim)
    outputs = [
        F.scaled_dot_product_attention(q_1GRd, keys, values)
        for q_1GRd, (keys, values) in zip(q_B1GRd.unbind(0), keys_values, strict=True)
    ]
    return [torch.cat(outputs).view(batch, heads * head_dim)]


def attend_chunk(q_nHd: Tensor, k_1GSd: Tensor, v_1GSd: Tensor, *, window: int | None) -> Tensor:
    """Attention of the n newest tokens of one sequence; keys are in the order of positions, the newest last.

    Returns:
        Outputs [n, H d].
    """
    count, seen = q_nHd.shape[0], k_1GSd.shape[2]
    q_1Hnd = q_nHd.transpose(0, 1).unsqueeze(0)
    if seen > count:
        # The last query sees the last key; a window cuts off what is W or more before.
        mask = torch.ones(count, seen, dtype=torch.bool).tril(seen - count)
        if window is not None:
            mask = mask.triu(seen - count - window + 1)
        out = F.scaled_dot_product_attention(q_1Hnd, k_1GSd, v_1GSd, attn_mask=mask, enable_gqa=True)
    elif window is None:
        out = F.scaled_dot_product_attention(q_1Hnd, k_1GSd, v_1GSd, is_causal=True, enable_gqa=True)
    else:
        out = banded_attention(q_1Hnd, k_1GSd, v_1GSd, window=window)
    return out[0].transpose(0, 1).flatten(1)
