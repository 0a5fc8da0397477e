"""Runs the tokens of one step through the model.

All tokens of all sequences go through the projections as the rows of one matrix; only attention looks at each
sequence by itself, because each has its own keys and values.

Shape legend: N rows (tokens of this step), B sequences that get a next token, D hidden, H query heads,
G key/value heads, R = H / G, d head dimension, V vocabulary.
"""

from collections.abc import Sequence as Rows

import torch
from torch import Tensor
from torch.nn import functional as F

from fireside.lm.attention import banded_attention
from fireside.lm.config import ModelConfig
from fireside.lm.engine.kv_cache import KVCache
from fireside.lm.engine.packed_weights import PackedLayer, PackedWeights, pack
from fireside.lm.engine.scheduler import Chunk
from fireside.lm.rotary import Rotation, rotation
from fireside.lm.transformer import Transformer

__all__ = ["ModelRunner"]


class ModelRunner:
    """A model, packed for inference.

    Args:
        model: whose weights are copied; `repack` after they have changed.
    """

    def __init__(self, model: Transformer) -> None:
        self._model = model
        self._config: ModelConfig = model.config
        self._layer_map = model.config.layers
        positions = torch.arange(model.config.context_length)
        self._rotations = {
            is_full: rotation(positions, head_dim=model.config.head_dim, theta=theta)
            for is_full, theta in ((True, model.config.rope_theta), (False, model.config.rope_theta_sliding))
        }
        self._weights: PackedWeights = pack(model)

    def repack(self) -> None:
        """Take over the model's present weights."""
        self._weights = pack(self._model)

    @torch.inference_mode()
    def run(self, chunks: Rows[Chunk]) -> Tensor:
        """Compute some tokens and extend their caches.

        Returns:
            Logits float32[B, V], a row for each chunk that reaches the end of its sequence, in order.
        """
        weights, config = self._weights, self._config
        step = _Step(chunks, self._rotations)
        x_ND = weights.embedding_VD[step.tokens_N]
        for index, layer in enumerate(weights.layers):
            normed_ND = F.rms_norm(x_ND, (config.hidden_size,), layer.input_norm_D, config.rms_norm_eps)
            x_ND = x_ND.addmm(self._attend(index, layer, normed_ND, step), layer.out_XD)
            normed_ND = F.rms_norm(
                x_ND, (config.hidden_size,), layer.feed_forward_norm_D, config.rms_norm_eps
            )
            gate, up = (normed_ND @ layer.gate_up_DX).chunk(2, dim=-1)
            x_ND = x_ND.addmm(F.silu(gate).mul_(up), layer.down_XD)
        step.advance()
        last_BD = x_ND[step.last_rows_B]
        return (
            F.rms_norm(last_BD, (config.hidden_size,), weights.norm_D, config.rms_norm_eps) @ weights.head_DV
        )

    def _attend(self, index: int, layer: PackedLayer, normed_ND: Tensor, step: "_Step") -> Tensor:
        """The heads' outputs, [N, H d], before the output projection."""
        config = self._config
        owner, window = self._layer_map.owners[index], self._layer_map.windows[index]
        heads_NXd = (normed_ND @ layer.qkv_DX).view(normed_ND.shape[0], -1, config.head_dim)
        self._normalize_heads(heads_NXd, layer)
        is_owner = owner == index
        num_rotated = config.num_heads + (config.num_kv_heads if is_owner else 0)
        _rotate(heads_NXd[:, :num_rotated], step.rotations[window is None])
        q_NHd, kv_N2Gd = heads_NXd[:, : config.num_heads], heads_NXd[:, config.num_heads :]
        if is_owner:
            step.keys_values[index] = [
                cache.extend(index, rows)
                for cache, rows in zip(step.caches, step.split(kv_N2Gd), strict=True)
            ]
        outputs = [
            _attend_one(q_nHd, *kv, window=window)
            for q_nHd, kv in zip(step.split(q_NHd), step.keys_values[owner], strict=True)
        ]
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs)

    def _normalize_heads(self, heads_NXd: Tensor, layer: PackedLayer) -> None:
        heads, kv_heads, eps = self._config.num_heads, self._config.num_kv_heads, self._config.rms_norm_eps
        for norm_d, start, count in ((layer.q_norm_d, 0, heads), (layer.k_norm_d, heads, kv_heads)):
            if norm_d is not None:
                part = heads_NXd[:, start : start + count]
                part.copy_(F.rms_norm(part, norm_d.shape, norm_d, eps))


class _Step:
    """What all layers of one step share."""

    def __init__(self, chunks: Rows[Chunk], rotations: dict[bool, Rotation]) -> None:
        self.caches: list[KVCache] = []
        self._counts: list[int] = []
        tokens: list[int] = []
        positions: list[int] = []
        last_rows: list[int] = []
        for chunk in chunks:
            sequence, count = chunk.sequence, chunk.num_tokens
            assert sequence.cache is not None
            start = sequence.cache.length
            self.caches.append(sequence.cache)
            self._counts.append(count)
            tokens += sequence.tokens[start : start + count]
            positions += range(start, start + count)
            if chunk.reaches_end:
                last_rows.append(len(tokens) - 1)
        self.tokens_N = torch.tensor(tokens)
        self.last_rows_B = torch.tensor(last_rows, dtype=torch.int64)
        positions_N = torch.tensor(positions)
        self.rotations = {
            is_full: Rotation(table.cos[positions_N].unsqueeze(1), table.sin[positions_N].unsqueeze(1))
            for is_full, table in rotations.items()
        }
        self.keys_values: dict[int, list[tuple[Tensor, Tensor]]] = {}

    def split(self, x_N: Tensor) -> tuple[Tensor, ...]:
        """The rows of each sequence."""
        return torch.split(x_N, self._counts)

    def advance(self) -> None:
        """Count the tokens, after every layer has stored their keys and values."""
        for cache, count in zip(self.caches, self._counts, strict=True):
            cache.advance(count)


def _rotate(heads_NXd: Tensor, tables: Rotation) -> None:
    """Turn heads in place."""
    half = heads_NXd.shape[-1] // 2
    swapped = torch.cat((heads_NXd[..., half:], heads_NXd[..., :half]), dim=-1)
    heads_NXd.mul_(tables.cos).addcmul_(swapped, tables.sin)


def _attend_one(q_nHd: Tensor, k_1GSd: Tensor, v_1GSd: Tensor, *, window: int | None) -> Tensor:
    """Attention of the newest n positions of one sequence to the S it can see, [n, H d]."""
    count, heads, head_dim = q_nHd.shape
    kv_heads, seen = k_1GSd.shape[1:3]
    if count == 1:
        # The query heads of a group are like positions that see the same keys: nothing is repeated or masked.
        q_1GRd = q_nHd.view(1, kv_heads, heads // kv_heads, head_dim)
        return F.scaled_dot_product_attention(q_1GRd, k_1GSd, v_1GSd).reshape(1, heads * head_dim)
    q_1Hnd = q_nHd.transpose(0, 1).unsqueeze(0)
    if seen == count:
        if window is None or window >= count:
            out = F.scaled_dot_product_attention(q_1Hnd, k_1GSd, v_1GSd, is_causal=True, enable_gqa=True)
        else:
            out = banded_attention(q_1Hnd, k_1GSd, v_1GSd, window=window)
    else:
        # The last query sees the last key; a window cuts off what is W or more before.
        mask = torch.ones(count, seen, dtype=torch.bool).tril(seen - count)
        if window is not None:
            mask = mask.triu(seen - count - window + 1)
        out = F.scaled_dot_product_attention(q_1Hnd, k_1GSd, v_1GSd, attn_mask=mask, enable_gqa=True)
    return out[0].transpose(0, 1).reshape(count, heads * head_dim)
