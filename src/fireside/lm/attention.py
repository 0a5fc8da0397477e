"""Grouped-query attention: full causal or within a window, with K/V of the layer's own or of an owner's.

Sliding layers never build a T x T mask: blocks of queries meet just the keys that their windows reach, so
that time and memory are O(T W) forward and backward. Knows nothing about caches.

Shape legend: B batch, T positions, D hidden, H query heads, G key/value heads, d head dimension,
N blocks of queries, b queries in a block, S keys that a block can see.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fireside.lm.config import ModelConfig
from fireside.lm.norm import RMSNorm
from fireside.lm.rotary import Rotation, apply_rotary

__all__ = ["KeysValues", "SelfAttention", "banded_attention", "full_attention"]


class KeysValues(NamedTuple):
    """Keys (normalised and rotated) and values that layers share, [B, G, T, d] each."""

    k: Tensor
    v: Tensor


class SelfAttention(nn.Module):
    """The attention of one layer; a child owns no key and value projections."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        layers = config.layers
        self.head_dim = config.head_dim
        self.window = layers.windows[layer]
        self.is_owner = layers.is_owner(layer)
        self.qk_norm = config.qk_norm
        heads_dim, kv_dim = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
        self.q_proj = nn.Linear(config.hidden_size, heads_dim, bias=False)
        self.o_proj = nn.Linear(heads_dim, config.hidden_size, bias=False)
        if self.qk_norm:
            self.q_norm = RMSNorm(config.head_dim, eps=config.rms_norm_eps)
        if self.is_owner:
            self.k_proj = nn.Linear(config.hidden_size, kv_dim, bias=False)
            self.v_proj = nn.Linear(config.hidden_size, kv_dim, bias=False)
            if self.qk_norm:
                self.k_norm = RMSNorm(config.head_dim, eps=config.rms_norm_eps)

    def forward(
        self, x_BTD: Tensor, rotary: Rotation, shared: KeysValues | None, segments_BT: Tensor | None
    ) -> tuple[Tensor, KeysValues]:
        """Attend, and hand on the keys and values that were used.

        Args:
            x_BTD: normalised input.
            rotary: tables of the positions, [T, d].
            shared: the owner's K/V; `None` where this layer is the owner.
            segments_BT: the document of each position; attention stays inside one.
        """
        q_BHTd = self._heads(self.q_proj(x_BTD))
        if self.qk_norm:
            q_BHTd = self.q_norm(q_BHTd)
        q_BHTd = apply_rotary(q_BHTd, rotary)
        kv = self._keys_values(x_BTD, rotary) if shared is None else shared
        if self.window is None:
            out_BHTd = full_attention(q_BHTd, *kv, segments_BT=segments_BT)
        else:
            out_BHTd = banded_attention(q_BHTd, *kv, window=self.window, segments_BT=segments_BT)
        return self.o_proj(out_BHTd.transpose(1, 2).flatten(2)), kv

    def _keys_values(self, x_BTD: Tensor, rotary: Rotation) -> KeysValues:
        k_BGTd, v_BGTd = self._heads(self.k_proj(x_BTD)), self._heads(self.v_proj(x_BTD))
        if self.qk_norm:
            k_BGTd = self.k_norm(k_BGTd)
        return KeysValues(apply_rotary(k_BGTd, rotary), v_BGTd)

    def _heads(self, x_BTX: Tensor) -> Tensor:
        return x_BTX.reshape(*x_BTX.shape[:2], -1, self.head_dim).transpose(1, 2)


def full_attention(
    q_BHTd: Tensor, k_BGTd: Tensor, v_BGTd: Tensor, *, segments_BT: Tensor | None = None
) -> Tensor:
    """Causal attention over all earlier positions of the same segment; scores are scaled by d^-1/2."""
    if segments_BT is None:
        return F.scaled_dot_product_attention(q_BHTd, k_BGTd, v_BGTd, is_causal=True, enable_gqa=True)
    length = q_BHTd.shape[2]
    causal_TT = torch.ones(length, length, dtype=torch.bool, device=q_BHTd.device).tril()
    mask_B1TT = (causal_TT & _same(segments_BT, segments_BT)).unsqueeze(1)
    return F.scaled_dot_product_attention(q_BHTd, k_BGTd, v_BGTd, attn_mask=mask_B1TT, enable_gqa=True)


def banded_attention(
    q_BHTd: Tensor, k_BGTd: Tensor, v_BGTd: Tensor, *, window: int, segments_BT: Tensor | None = None
) -> Tensor:
    """Causal attention over the last `window` positions, the query's own included; exact, in O(T W).

    The first `window` queries see everything before them. The rest are cut into blocks of b; the keys that
    block n can see are the W - 1 + b that end with it, a strided view of the keys.
    """
    batch, heads, length, _ = q_BHTd.shape
    head_BHWd = full_attention(
        q_BHTd[:, :, :window],
        k_BGTd[:, :, :window],
        v_BGTd[:, :, :window],
        segments_BT=None if segments_BT is None else segments_BT[:, :window],
    )
    if length <= window:
        return head_BHWd
    rest = length - window
    block = min(_queries_per_block(window), rest)
    num_blocks = -(-rest // block)
    # Padded keys lie after every real query, so that causality hides them.
    padding = num_blocks * block - rest
    q_BHTd = F.pad(q_BHTd[:, :, window:], (0, 0, 0, padding))
    q_BHNbd = q_BHTd.reshape(batch, heads, num_blocks, block, -1)
    k_BGNdS, v_BGNdS = (
        F.pad(x[:, :, 1:], (0, 0, 0, padding)).unfold(2, window - 1 + block, block) for x in (k_BGTd, v_BGTd)
    )
    mask = _band(window, block, device=q_BHTd.device)
    if segments_BT is not None:
        queries_BNb = F.pad(segments_BT[:, window:], (0, padding)).reshape(batch, num_blocks, block)
        keys_BNS = F.pad(segments_BT[:, 1:], (0, padding)).unfold(1, window - 1 + block, block)
        mask = (mask & _same(queries_BNb, keys_BNS)).flatten(0, 1).unsqueeze(1)
    # Every block of every sequence is one entry of the batch of a dense attention.
    out_XHbd = F.scaled_dot_product_attention(
        q_BHNbd.transpose(1, 2).flatten(0, 1),
        k_BGNdS.permute(0, 2, 1, 4, 3).flatten(0, 1),
        v_BGNdS.permute(0, 2, 1, 4, 3).flatten(0, 1),
        attn_mask=mask,
        enable_gqa=True,
    )
    out_BHNbd = out_XHbd.reshape(batch, num_blocks, heads, block, -1).transpose(1, 2)
    return torch.cat((head_BHWd, out_BHNbd.flatten(2, 3)[:, :, :rest]), dim=2)


def _queries_per_block(window: int) -> int:
    """Few queries a block waste little work outside the band, many use the processor better; measured."""
    return max(window // 4, min(window, 32))


def _band(window: int, block: int, *, device: torch.device) -> Tensor:
    """Which of the W - 1 + b keys each of b queries sees: bool[b, S]; query r sees keys r to r + W - 1."""
    ones = torch.ones(block, window - 1 + block, dtype=torch.bool, device=device)
    return ones.triu().tril(window - 1)


def _same(queries: Tensor, keys: Tensor) -> Tensor:
    """[..., b], [..., S] -> bool[..., b, S]: whether a query and a key are in the same segment."""
    return queries.unsqueeze(-1) == keys.unsqueeze(-2)
