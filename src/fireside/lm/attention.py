"""Grouped-query attention: full causal or within a window, with K/V of the layer's own or of an owner's.

Knows nothing about caches.

Shape legend: B batch, T positions, D hidden, H query heads, G key/value heads, d head dimension.
"""

from typing import NamedTuple

from torch import Tensor, nn

from fireside.lm.banded_attention import banded_attention, full_attention
from fireside.lm.config import ModelConfig
from fireside.lm.norm import RMSNorm
from fireside.lm.rotary import Rotation, apply_rotary

__all__ = ["KeysValues", "SelfAttention"]


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
        self.q_proj = nn.Linear(config.hidden_size, heads_dim, bias=config.qkv_bias)
        self.o_proj = nn.Linear(heads_dim, config.hidden_size, bias=config.out_bias)
        if self.qk_norm:
            self.q_norm = RMSNorm(config.head_dim, eps=config.rms_norm_eps)
        if self.is_owner:
            self.k_proj = nn.Linear(config.hidden_size, kv_dim, bias=config.qkv_bias)
            self.v_proj = nn.Linear(config.hidden_size, kv_dim, bias=config.qkv_bias)
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
