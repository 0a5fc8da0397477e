"""A model's weights laid out for inference.

Each matrix is stored transposed, [inputs, outputs], and matrices that read the same input lie side by side:
for few rows a product with the transposed matrix reads memory in order and is up to twice as fast. The
embedding and the norms are shared with the model, the matrices are copies.

Shape legend: D hidden, X outputs of a projection, V vocabulary.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from fireside.lm.transformer import DecoderLayer, Transformer

__all__ = ["PackedLayer", "PackedWeights", "pack"]


class PackedLayer(NamedTuple):
    """One layer; a child's `qkv_DX` holds queries only."""

    input_norm_D: Tensor
    qkv_DX: Tensor
    q_norm_d: Tensor | None
    k_norm_d: Tensor | None
    out_XD: Tensor
    feed_forward_norm_D: Tensor
    gate_up_DX: Tensor
    down_XD: Tensor


class PackedWeights(NamedTuple):
    """All layers, embedding, final norm and output projection."""

    embedding_VD: Tensor
    layers: tuple[PackedLayer, ...]
    norm_D: Tensor
    head_DV: Tensor


def pack(model: Transformer) -> PackedWeights:
    """Copy a model's matrices into their layout for inference."""
    with torch.inference_mode():
        return PackedWeights(
            embedding_VD=model.embed_tokens.weight.detach(),
            layers=tuple(_pack_layer(layer) for layer in model.layers if isinstance(layer, DecoderLayer)),
            norm_D=model.norm.weight.detach(),
            head_DV=_transposed(model.output_weight),
        )


def _pack_layer(layer: DecoderLayer) -> PackedLayer:
    attention, feed_forward = layer.self_attn, layer.mlp
    projections = [attention.q_proj.weight]
    if attention.is_owner:
        projections += [attention.k_proj.weight, attention.v_proj.weight]
    has_k_norm = attention.qk_norm and attention.is_owner
    return PackedLayer(
        input_norm_D=layer.input_layernorm.weight.detach(),
        qkv_DX=_transposed(*projections),
        q_norm_d=attention.q_norm.weight.detach() if attention.qk_norm else None,
        k_norm_d=attention.k_norm.weight.detach() if has_k_norm else None,
        out_XD=_transposed(attention.o_proj.weight),
        feed_forward_norm_D=layer.post_attention_layernorm.weight.detach(),
        gate_up_DX=_transposed(feed_forward.gate_proj.weight, feed_forward.up_proj.weight),
        down_XD=_transposed(feed_forward.down_proj.weight),
    )


def _transposed(*weights: Tensor) -> Tensor:
    return torch.cat([weight.detach() for weight in weights]).t().contiguous()
