"""Feed-forward layers laid out for inference: one that all tokens use, or experts that each token chooses.

The norm before a layer is part of it: its weight scales the columns of the matrices, and rows are brought to
length as they are multiplied. A token's output does not depend on what shares its batch.

Shape legend: N tokens, D hidden, X outputs of a projection.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from fireside.lm.config import ModelConfig
from fireside.lm.engine.gate import gated
from fireside.lm.engine.panel_product import multiply
from fireside.lm.engine.panels import Panels, to_panels
from fireside.lm.engine.weight_format import WeightFormat
from fireside.lm.engine.weight_memory import WeightMemory
from fireside.lm.feed_forward import FeedForward
from fireside.lm.mixture_of_experts import MixtureOfExperts, route

__all__ = ["PackedExperts", "PackedFeedForward", "feed_forward", "pack_feed_forward"]


class PackedFeedForward(NamedTuple):
    """One feed-forward layer; gate and up are one matrix."""

    gate_up: Panels
    down: Panels


class PackedExperts(NamedTuple):
    """A router, always in float32, and its experts."""

    gate: Panels
    experts: tuple[PackedFeedForward, ...]


def pack_feed_forward(
    layer: FeedForward | MixtureOfExperts, norm_D: Tensor, weight_format: WeightFormat, memory: WeightMemory
) -> PackedFeedForward | PackedExperts:
    """Copy a layer's matrices into their layout for inference.

    Args:
        layer: a layer of either kind.
        norm_D: the weight of the norm before it.
        weight_format: how matrices are stored.
        memory: takes them.
    """
    if isinstance(layer, FeedForward):
        return _pack(layer, norm_D, weight_format, memory)
    return PackedExperts(
        gate=to_panels(layer.gate.weight.detach() * norm_D, memory=memory),
        experts=tuple(_pack(one, norm_D, weight_format, memory) for one in layer.experts),  # type: ignore[arg-type]
    )


def feed_forward(
    x_ND: Tensor,
    packed: PackedFeedForward | PackedExperts,
    config: ModelConfig,
    *,
    into: Tensor | None = None,
) -> Tensor:
    """The output of a layer for the residual stream, or `into` with it added in place."""
    if isinstance(packed, PackedFeedForward):
        gate_up_NX = multiply(x_ND, packed.gate_up, eps=config.rms_norm_eps)
        inner_NF = gated(gate_up_NX, gate_up_NX.shape[1] // 2, config.activation)
        return multiply(inner_NF, packed.down, into=into)
    logits_NE = multiply(x_ND, packed.gate, eps=config.rms_norm_eps)
    weights_NK, experts_NK = route(
        logits_NE, config.num_experts_per_token, normalize=config.normalize_experts
    )
    out_ND = torch.zeros_like(x_ND)
    for number, expert in enumerate(packed.experts):
        rows, places = (experts_NK == number).nonzero(as_tuple=True)
        if len(rows):
            outputs = feed_forward(x_ND[rows], expert, config)
            out_ND.index_add_(0, rows, outputs * weights_NK[rows, places, None])
    return out_ND if into is None else into.add_(out_ND)


def _pack(
    layer: FeedForward, norm_D: Tensor, weight_format: WeightFormat, memory: WeightMemory
) -> PackedFeedForward:
    gate_up_XD = torch.cat((layer.gate_proj.weight.detach(), layer.up_proj.weight.detach())).mul_(norm_D)
    return PackedFeedForward(
        gate_up=to_panels(gate_up_XD, weight_format, memory),
        down=to_panels(layer.down_proj.weight.detach(), weight_format, memory),
    )
