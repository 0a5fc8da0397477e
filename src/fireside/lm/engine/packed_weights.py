"""A model's weights laid out for inference.

Matrices that read the same input become one. The weight of a norm scales the columns of the matrix that
follows, so that the norm itself only has to bring vectors to length. The embedding is shared with the model,
all else is copied.

Shape legend: D hidden, X outputs of a projection, V vocabulary, d head dimension.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from fireside.lm.engine.packed_feed_forward import (
    PackedExperts,
    PackedFeedForward,
    pack_feed_forward,
)
from fireside.lm.engine.panels import Panels, to_panels
from fireside.lm.engine.weight_format import WeightFormat
from fireside.lm.engine.weight_memory import WeightMemory
from fireside.lm.norm import RMSNorm
from fireside.lm.transformer import DecoderLayer, Transformer

__all__ = ["PackedLayer", "PackedWeights", "pack"]


class PackedLayer(NamedTuple):
    """One layer; a child's `qkv` holds queries only. What the model has not is `None`."""

    qkv: Panels
    qkv_bias_X: Tensor | None
    q_norm_d: Tensor | None
    k_norm_d: Tensor | None
    out: Panels
    out_bias_D: Tensor | None
    out_norm_D: Tensor | None
    feed_forward: PackedFeedForward | PackedExperts
    down_norm_D: Tensor | None


class PackedWeights(NamedTuple):
    """All layers, embedding and output projection."""

    embedding_VD: Tensor
    layers: tuple[PackedLayer, ...]
    head: Panels

    @property
    def is_loops_alone(self) -> bool:
        """Whether layers take nothing but products, attention and gates, each where the last one left off."""
        return all(_is_loops_alone(layer) for layer in self.layers)


def pack(model: Transformer, weight_format: WeightFormat = "fp32") -> PackedWeights:
    """Copy a model's matrices into their layout for inference."""
    memory = WeightMemory()
    with torch.inference_mode():
        return PackedWeights(
            embedding_VD=model.embed_tokens.weight.detach(),
            layers=tuple(
                _pack_layer(layer, weight_format, memory)
                for layer in model.layers
                if isinstance(layer, DecoderLayer)
            ),
            head=to_panels(_after(model.norm, model.output_weight), weight_format, memory),
        )


def _is_loops_alone(layer: PackedLayer) -> bool:
    """Without biases, inner norms, experts, and padding that must be cut off."""
    if not isinstance(layer.feed_forward, PackedFeedForward):
        return False
    others = [part for part in layer if part is not None and not isinstance(part, Panels | PackedFeedForward)]
    return not others and not any(one.is_padded for one in (layer.qkv, layer.out, layer.feed_forward.down))


def _pack_layer(layer: DecoderLayer, weight_format: WeightFormat, memory: WeightMemory) -> PackedLayer:
    attention = layer.self_attn
    projections = [attention.q_proj]
    if attention.is_owner:
        projections += [attention.k_proj, attention.v_proj]
    has_k_norm = attention.qk_norm and attention.is_owner
    qkv_XD = _after(layer.input_layernorm, *(projection.weight for projection in projections))
    return PackedLayer(
        qkv=to_panels(qkv_XD, weight_format, memory),
        qkv_bias_X=_joined(*(projection.bias for projection in projections)),
        q_norm_d=attention.q_norm.weight.detach() if attention.qk_norm else None,
        k_norm_d=attention.k_norm.weight.detach() if has_k_norm else None,
        out=to_panels(attention.o_proj.weight.detach(), weight_format, memory),
        out_bias_D=_joined(attention.o_proj.bias),
        out_norm_D=layer.attention_output_layernorm.weight.detach().clone() if layer.post_norms else None,
        feed_forward=pack_feed_forward(
            layer.mlp, layer.post_attention_layernorm.weight.detach(), weight_format, memory
        ),
        down_norm_D=layer.mlp_output_layernorm.weight.detach().clone() if layer.post_norms else None,
    )


def _joined(*biases: Tensor | None) -> Tensor | None:
    """Biases one after the other; `None` where there are none."""
    present = [bias.detach() for bias in biases if bias is not None]
    return torch.cat(present) if present else None


def _after(norm: RMSNorm, *weights: Tensor) -> Tensor:
    """Matrices one after the other [X, D], with the weight of the norm before them multiplied in."""
    return torch.cat([weight.detach() for weight in weights]).mul_(norm.weight.detach())
