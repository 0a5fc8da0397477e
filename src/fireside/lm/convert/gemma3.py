"""Gemma 3, text only: norms before and after, GELU gates, scaled embeddings, windows in most layers.

Its norms multiply by 1 + weight; ours by the weight, to which the 1 is added here. Its scores are scaled by
`query_pre_attn_scalar`^-1/2 instead of d^-1/2; as every query is normalised, the ratio of the two goes into
the weight of that norm, and what is written has `query_pre_attn_scalar` = d.
"""

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from fireside.lm.config import ModelConfig
from fireside.lm.convert.family import (
    Family,
    is_unshared,
    layer_map_from,
    layer_types_to,
    refuse,
    shape_from,
    shape_to,
    theta_from,
)

__all__ = ["GEMMA3"]

_GELU = "gelu_pytorch_tanh"
_PATTERN = 6
_OURS = {
    "post_attention_layernorm": "attention_output_layernorm",
    "pre_feedforward_layernorm": "post_attention_layernorm",
    "post_feedforward_layernorm": "mlp_output_layernorm",
}
_THEIRS = {ours: theirs for theirs, ours in _OURS.items()}


def _config_from(data: Mapping[str, Any]) -> ModelConfig:
    activation = data.get("hidden_activation") or _GELU
    refuse(
        {
            f"activation {activation!r}": activation != _GELU,
            "soft-capped scores": data.get("attn_logit_softcapping"),
            "soft-capped logits": data.get("final_logit_softcapping"),
            "bidirectional attention": data.get("use_bidirectional_attention"),
        }
    )
    rope = data.get("rope_parameters") or {}
    full, sliding = rope.get("full_attention", rope), rope.get("sliding_attention", {})
    if data.get("rope_scaling"):
        theta_from(data["rope_scaling"], None)
    pattern = data.get("sliding_window_pattern", _PATTERN)
    default = [
        "sliding_attention" if (layer + 1) % pattern else "full_attention"
        for layer in range(data["num_hidden_layers"])
    ]
    bias = bool(data.get("attention_bias", False))
    return ModelConfig(
        **shape_from(data),
        layer_map=layer_map_from(data.get("layer_types") or default),
        window=data["sliding_window"],
        rope_theta=theta_from(full, data.get("rope_theta", 1_000_000.0)),
        rope_theta_sliding=theta_from(sliding, data.get("rope_local_base_freq", 10_000.0)),
        tie_embeddings=data.get("tie_word_embeddings", True),
        qk_norm=True,
        qkv_bias=bias,
        out_bias=bias,
        post_norms=True,
        activation="gelu_tanh",
        embedding_scale=math.sqrt(data["hidden_size"]),
    )


def _config_to(config: ModelConfig) -> dict[str, Any] | None:
    fits = (
        is_unshared(config)
        and not config.num_experts
        and config.qk_norm
        and config.post_norms
        and config.qkv_bias == config.out_bias
        and config.activation == "gelu_tanh"
        and math.isclose(config.embedding_scale, math.sqrt(config.hidden_size))
        and config.hidden_size % config.num_heads == 0
    )
    if not fits:
        return None
    data = shape_to(config) | {
        "hidden_activation": _GELU,
        "attention_bias": config.qkv_bias,
        "query_pre_attn_scalar": config.head_dim,
        "sliding_window": config.window,
        "layer_types": layer_types_to(config.layers),
        "rope_local_base_freq": config.rope_theta_sliding,
    }
    data["rope_parameters"] = {
        "full_attention": {"rope_type": "default", "rope_theta": config.rope_theta},
        "sliding_attention": {"rope_type": "default", "rope_theta": config.rope_theta_sliding},
    }
    return data


def _weights_from(weights: dict[str, Tensor], data: Mapping[str, Any]) -> dict[str, Tensor]:
    head_dim = shape_from(data)["head_dim"]
    scale = math.sqrt(head_dim / data.get("query_pre_attn_scalar", 256))
    ours = {}
    for name, weight in weights.items():
        if name.endswith("norm.weight"):
            weight = 1 + weight
            if name.endswith("q_norm.weight"):
                weight = weight * scale
        ours[_renamed(name, _OURS)] = weight
    return ours


def _weights_to(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        _renamed(name, _THEIRS): weight - 1 if name.endswith("norm.weight") else weight
        for name, weight in weights.items()
    }


def _renamed(name: str, names: Mapping[str, str]) -> str:
    """A tensor's name with the part after the layer's number changed.

    >>> _renamed("layers.3.post_attention_layernorm.weight", _OURS)
    'layers.3.attention_output_layernorm.weight'
    """
    return ".".join(names.get(part, part) for part in name.split("."))


GEMMA3 = Family("gemma3_text", "Gemma3ForCausalLM", _config_from, _config_to, _weights_from, _weights_to)
