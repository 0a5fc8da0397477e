"""A model's weights laid out for inference.

Each matrix is stored transposed, [inputs, outputs], and matrices that read the same input lie side by side:
for few rows a product with the transposed matrix is up to twice as fast. The weight of a norm scales the rows
of the matrix that follows, so that `normalize` only has to bring vectors to length. The embedding is shared
with the model, all else is copied.

Shape legend: D hidden, X outputs of a projection, V vocabulary.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from fireside.lm.norm import RMSNorm
from fireside.lm.transformer import DecoderLayer, Transformer

__all__ = ["PackedLayer", "PackedWeights", "normalize", "pack"]


class PackedLayer(NamedTuple):
    """One layer; a child's `qkv_DX` holds queries only. What the model has not is `None`."""

    qkv_DX: Tensor
    qkv_bias_X: Tensor | None
    q_norm_d: Tensor | None
    k_norm_d: Tensor | None
    out_XD: Tensor
    out_bias_D: Tensor | None
    out_norm_D: Tensor | None
    gate_up_DX: Tensor
    down_XD: Tensor
    down_norm_D: Tensor | None


class PackedWeights(NamedTuple):
    """All layers, embedding and output projection."""

    embedding_VD: Tensor
    layers: tuple[PackedLayer, ...]
    head_DV: Tensor


def pack(model: Transformer) -> PackedWeights:
    """Copy a model's matrices into their layout for inference."""
    with torch.inference_mode():
        return PackedWeights(
            embedding_VD=model.embed_tokens.weight.detach(),
            layers=tuple(_pack_layer(layer) for layer in model.layers if isinstance(layer, DecoderLayer)),
            head_DV=_transposed(model.norm, model.output_weight),
        )


def normalize(x_ND: Tensor, eps: float) -> Tensor:
    """x / sqrt(mean(x^2) + eps) of each row: a root-mean-square norm without its weight.

    >>> normalize(torch.tensor([[3.0, 4.0]]), 0.0).square().mean().item()
    1.0
    """
    norm_N1 = torch.linalg.vector_norm(x_ND, dim=-1, keepdim=True)
    return x_ND * norm_N1.square_().div_(x_ND.shape[-1]).add_(eps).rsqrt_()


def _pack_layer(layer: DecoderLayer) -> PackedLayer:
    attention, feed_forward = layer.self_attn, layer.mlp
    projections = [attention.q_proj]
    if attention.is_owner:
        projections += [attention.k_proj, attention.v_proj]
    has_k_norm = attention.qk_norm and attention.is_owner
    return PackedLayer(
        qkv_DX=_transposed(layer.input_layernorm, *(projection.weight for projection in projections)),
        qkv_bias_X=_joined(*(projection.bias for projection in projections)),
        q_norm_d=attention.q_norm.weight.detach() if attention.qk_norm else None,
        k_norm_d=attention.k_norm.weight.detach() if has_k_norm else None,
        out_XD=attention.o_proj.weight.detach().t().contiguous(),
        out_bias_D=_joined(attention.o_proj.bias),
        out_norm_D=layer.attention_output_layernorm.weight.detach().clone() if layer.post_norms else None,
        gate_up_DX=_transposed(
            layer.post_attention_layernorm, feed_forward.gate_proj.weight, feed_forward.up_proj.weight
        ),
        down_XD=feed_forward.down_proj.weight.detach().t().contiguous(),
        down_norm_D=layer.mlp_output_layernorm.weight.detach().clone() if layer.post_norms else None,
    )


def _joined(*biases: Tensor | None) -> Tensor | None:
    """Biases one after the other; `None` where there are none."""
    present = [bias.detach() for bias in biases if bias is not None]
    return torch.cat(present) if present else None


def _transposed(norm: RMSNorm, *weights: Tensor) -> Tensor:
    """Matrices [X, D] side by side as [D, X], with the weight of the norm before them multiplied in."""
    return torch.cat([weight.detach() for weight in weights]).mul_(norm.weight.detach()).t().contiguous()
