"""Runs the tokens of one step through the model.

All tokens of all sequences go through the projections as the rows of one matrix; only attention looks at each
sequence by itself, because each has its own keys and values. Where every sequence takes one token, the step
is compiled loops alone: they are recorded, and run again for as long as the same sequences go on.

Shape legend: N rows (tokens of this step), R rows after which a token may be drawn, n tokens of one sequence,
D hidden, H query heads, G key/value heads, X heads of a projection, d head dimension, V vocabulary.
"""

import weakref
from collections.abc import Sequence as Rows
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from fireside.core.errors import InputError
from fireside.lm.config import ModelConfig
from fireside.lm.engine.cached_attention import attend_chunk, attend_singles
from fireside.lm.engine.decode_attention import attend_next
from fireside.lm.engine.packed_feed_forward import feed_forward
from fireside.lm.engine.packed_weights import PackedLayer, PackedWeights, pack
from fireside.lm.engine.panel_product import multiply
from fireside.lm.engine.panels import Panels
from fireside.lm.engine.scheduler import Chunk
from fireside.lm.engine.team import Recording, record
from fireside.lm.engine.weight_format import WeightFormat
from fireside.lm.rotary import Rotation, rotation
from fireside.lm.transformer import Transformer

__all__ = ["ModelRunner"]

KeysValues = tuple[Tensor, Tensor]
# From here on torch's attention, whose threads share the keys of a head, is faster.
_MANY_KEYS = 1024


class ModelRunner:
    """A model, packed for inference.

    Args:
        model: whose weights are copied; `repack` after they have changed. It is not kept: where nobody else
            does, only the copies stay in memory.
        weight_format: how the copies of matrices are stored.
    """

    def __init__(self, model: Transformer, weight_format: WeightFormat = "fp32") -> None:
        self._model = weakref.ref(model)
        self._weight_format = weight_format
        self._config: ModelConfig = model.config
        self._layer_map = model.config.layers
        self._owners = sorted({*self._layer_map.full_owners, *self._layer_map.sliding_owners})
        positions = torch.arange(model.config.context_length)
        self._rotations = {
            is_full: rotation(positions, head_dim=model.config.head_dim, theta=theta)
            for is_full, theta in ((True, model.config.rope_theta), (False, model.config.rope_theta_sliding))
        }
        self._weights: PackedWeights = pack(model, weight_format)
        self._recorded: _RecordedStep | None = None

    def repack(self) -> None:
        """Take over the model's present weights.

        Raises:
            InputError: the model is gone.
        """
        model = self._model()
        if model is None:
            raise InputError("the model is gone: keep it as long as its weights may change")
        self._weights, self._recorded = pack(model, self._weight_format), None

    @torch.inference_mode()
    def run(self, chunks: Rows[Chunk]) -> Tensor:
        """Compute some tokens and extend their caches.

        Returns:
            Logits float32[R, V]: for each chunk that reaches the end of its sequence, in order, a row after
            its last known token and one after each drafted token. The next run may write over them.
        """
        step = _Step(chunks, self._rotations, self._owners)
        x_ND = self._weights.embedding_VD[step.tokens_N]
        if self._config.embedding_scale != 1:
            x_ND = x_ND * self._config.embedding_scale
        if not (self._weights.is_loops_alone and step.is_singles_alone):
            self._run_layers(x_ND, step)
            step.advance()
            return self._logits(x_ND[step.drawn_rows_R])
        if self._recorded is None or not self._recorded.fits(step):
            with record() as recording:
                self._run_layers(x_ND, step)
                logits_NV = self._logits(x_ND)
            self._recorded = _RecordedStep(step, x_ND, logits_NV, recording)
        self._recorded.run(step, x_ND)
        step.advance()
        logits_NV = self._recorded.logits_NV
        return logits_NV if len(step.drawn_rows_R) == len(logits_NV) else logits_NV[step.drawn_rows_R]

    def _logits(self, x_RD: Tensor) -> Tensor:
        return multiply(x_RD, self._weights.head, eps=self._config.rms_norm_eps)

    def _run_layers(self, x_ND: Tensor, step: "_Step") -> None:
        config = self._config
        for index, layer in enumerate(self._weights.layers):
            attended_NX = self._attend(index, layer, x_ND, step)
            self._add(x_ND, attended_NX, layer.out, layer.out_bias_D, layer.out_norm_D)
            if layer.down_norm_D is None:
                feed_forward(x_ND, layer.feed_forward, config, into=x_ND)
            else:
                fed_ND, norm_D = feed_forward(x_ND, layer.feed_forward, config), layer.down_norm_D
                x_ND.add_(F.rms_norm(fed_ND, norm_D.shape, norm_D, config.rms_norm_eps))

    def _attend(self, index: int, layer: PackedLayer, x_ND: Tensor, step: "_Step") -> Tensor:
        """The heads' outputs, [N, H d], before the output projection."""
        config = self._config
        owner, window = self._layer_map.owners[index], self._layer_map.windows[index]
        projected_NX = multiply(x_ND, layer.qkv, eps=config.rms_norm_eps)
        if layer.qkv_bias_X is not None:
            projected_NX.add_(layer.qkv_bias_X)
        heads_NXd = projected_NX.view(x_ND.shape[0], -1, config.head_dim)
        self._normalize_heads(heads_NXd, layer)
        is_owner, heads, kv_heads = owner == index, config.num_heads, config.num_kv_heads
        tables, singles, outputs = step.rotations[window is None], step.num_singles, []
        places = step.places.get(owner)
        if places is not None:
            turns = step.turns[window is None]
            outputs.append(
                attend_next(heads_NXd[:singles], *turns, *places, num_heads=heads, num_kv_heads=kv_heads)
            )
        first = 0 if places is None else singles
        if first < len(x_ND):
            num_rotated = heads + (kv_heads if is_owner else 0)
            _rotate(heads_NXd[first:, :num_rotated], Rotation(tables.cos[first:], tables.sin[first:]))
            if is_owner:
                step.store(index, heads_NXd[:, heads:], with_singles=places is None)
            next_kv, chunks_kv = step.keys_values[owner]
            outputs += attend_singles(heads_NXd[: len(next_kv), :heads], next_kv)
            for q_nHd, kv in zip(step.split_chunks(heads_NXd[:, :heads]), chunks_kv, strict=True):
                outputs.append(attend_chunk(q_nHd, *kv, window=window))
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs)

    def _add(
        self, x_ND: Tensor, y_NX: Tensor, matrix: Panels, bias_D: Tensor | None, norm_D: Tensor | None
    ) -> None:
        """Add a layer's output projection to the residual stream, in place."""
        if bias_D is None and norm_D is None:
            multiply(y_NX, matrix, into=x_ND)
            return
        y_ND = multiply(y_NX, matrix)
        if bias_D is not None:
            y_ND.add_(bias_D)
        if norm_D is not None:
            y_ND = F.rms_norm(y_ND, norm_D.shape, norm_D, self._config.rms_norm_eps)
        x_ND.add_(y_ND)

    def _normalize_heads(self, heads_NXd: Tensor, layer: PackedLayer) -> None:
        heads, kv_heads, eps = self._config.num_heads, self._config.num_kv_heads, self._config.rms_norm_eps
        for norm_d, start, count in ((layer.q_norm_d, 0, heads), (layer.k_norm_d, heads, kv_heads)):
            if norm_d is not None:
                part = heads_NXd[:, start : start + count]
                part.copy_(F.rms_norm(part, norm_d.shape, norm_d, eps))


class _Places(NamedTuple):
    """Addresses and slots of the buffers of some sequences, and the positions of their next tokens."""

    addresses_B: npt.NDArray[np.int64]
    slots_B: npt.NDArray[np.int64]
    lengths_B: npt.NDArray[np.int64]


class _Step:
    """What all layers of one step share; sequences with a single token come first."""

    def __init__(self, chunks: Rows[Chunk], rotations: dict[bool, Rotation], owners: Rows[int]) -> None:
        self._caches = [chunk.sequence.cache for chunk in chunks if chunk.sequence.cache is not None]
        self._counts = [chunk.num_tokens for chunk in chunks]
        self.num_singles = next((i for i, count in enumerate(self._counts) if count > 1), len(chunks))
        tokens: list[int] = []
        positions: list[int] = []
        drawn_rows: list[int] = []
        for chunk, cache in zip(chunks, self._caches, strict=True):
            tokens += chunk.tokens
            positions += range(cache.length, cache.length + chunk.num_tokens)
            cache.expect_drafts(len(chunk.draft))
            if chunk.reaches_end:
                drawn_rows += range(len(tokens) - len(chunk.draft) - 1, len(tokens))
        self.tokens_N = torch.tensor(tokens)
        self.drawn_rows_R = torch.tensor(drawn_rows, dtype=torch.int64)
        positions_N = torch.tensor(positions)
        self.rotations = {
            is_full: Rotation(table.cos[positions_N].unsqueeze(1), table.sin[positions_N].unsqueeze(1))
            for is_full, table in rotations.items()
        }
        singles = self.num_singles
        self.turns = {
            is_full: (table.cos[:singles, 0], table.sin[:singles, 0])
            for is_full, table in self.rotations.items()
        }
        self.keys_values: dict[int, tuple[list[KeysValues], list[KeysValues]]] = {}
        self.places, self._num_owners = self._find_places(owners), len(owners)

    @property
    def is_singles_alone(self) -> bool:
        """Whether every sequence takes one token, and all find their keys and values by `places`."""
        return self.num_singles == len(self._caches) and len(self.places) == self._num_owners

    def _find_places(self, owners: Rows[int]) -> "dict[int, _Places]":
        """Where single tokens find an owner's keys and values, if these are few enough for `attend_next`."""
        singles = self._caches[: self.num_singles]
        if not singles or not singles[0].is_float32:
            return {}
        self.lengths_B = np.array([cache.length for cache in singles])
        self.places_O2B = np.array([cache.places_O2 for cache in singles]).transpose(1, 2, 0).copy()
        is_short_O = np.minimum(self.places_O2B[:, 1], self.lengths_B).max(axis=1) < _MANY_KEYS
        return {
            owner: _Places(places_2B[0], places_2B[1], self.lengths_B)
            for owner, places_2B, is_short in zip(owners, self.places_O2B, is_short_O, strict=True)
            if is_short
        }

    def store(self, owner: int, kv_N2Gd: Tensor, *, with_singles: bool) -> None:
        """Add an owner's new keys and values to the caches.

        `keys_values` then holds what is attended to: by single tokens, if they are stored too, and by chunks.
        """
        singles, caches = self.num_singles, self._caches
        rows = kv_N2Gd[:singles].unsqueeze(1).unbind(0) if with_singles else ()
        self.keys_values[owner] = (
            [cache.append(owner, row) for cache, row in zip(caches[: len(rows)], rows, strict=True)],
            [
                cache.extend(owner, chunk)
                for cache, chunk in zip(caches[singles:], self.split_chunks(kv_N2Gd), strict=True)
            ],
        )

    def split_chunks(self, x_N: Tensor) -> tuple[Tensor, ...]:
        """The rows of each sequence that has more than one."""
        return torch.split(x_N[self.num_singles :], self._counts[self.num_singles :])

    def advance(self) -> None:
        """Count the tokens, after every layer has stored their keys and values."""
        for cache, count in zip(self._caches, self._counts, strict=True):
            cache.advance(count)


class _RecordedStep:
    """The loops of a step, which run again on the numbers of another step of the same sequences."""

    def __init__(self, step: _Step, x_ND: Tensor, logits_NV: Tensor, recording: Recording) -> None:
        # Not the step, which holds the caches: when their sequences end, their memory must be free.
        self._places_O2B, self._lengths_B, self._turns = step.places_O2B, step.lengths_B, step.turns
        self._x_ND = x_ND
        self._recording = recording
        self.logits_NV = logits_NV

    def fits(self, step: _Step) -> bool:
        """Whether a step differs in tokens and positions alone."""
        return np.array_equal(step.places_O2B, self._places_O2B)

    def run(self, step: _Step, x_ND: Tensor) -> None:
        """Take over a step's numbers, and run."""
        self._x_ND.copy_(x_ND)
        for is_full, turns in step.turns.items():
            for mine, its in zip(self._turns[is_full], turns, strict=True):
                mine.copy_(its)
        self._lengths_B[:] = step.lengths_B
        self._recording.run()


def _rotate(heads_NXd: Tensor, tables: Rotation) -> None:
    """Turn heads in place."""
    half = heads_NXd.shape[-1] // 2
    swapped = torch.cat((heads_NXd[..., half:], heads_NXd[..., :half]), dim=-1)
    heads_NXd.mul_(tables.cos).addcmul_(swapped, tables.sin)
