"""Llama: full attention everywhere, the family whose tensor names ours are."""

from collections.abc import Mapping
from typing import Any

from fireside.lm.config import ModelConfig
from fireside.lm.convert.family import (
    Family,
    is_unshared,
    one_theta,
    refuse,
    same_weights,
    shape_from,
    shape_to,
)
from fireside.lm.layer_map import LayerMap

__all__ = ["LLAMA"]


def _config_from(data: Mapping[str, Any]) -> ModelConfig:
    refuse(
        {
            "biases in feed-forward layers": data.get("mlp_bias"),
            f"activation {data.get('hidden_act')!r}": data.get("hidden_act", "silu") != "silu",
        }
    )
    theta, bias = one_theta(data), bool(data.get("attention_bias", False))
    return ModelConfig(
        **shape_from(data),
        layer_map=str(LayerMap.preset("standard", data["num_hidden_layers"])),
        rope_theta=theta,
        rope_theta_sliding=theta,
        tie_embeddings=data.get("tie_word_embeddings", False),
        qkv_bias=bias,
        out_bias=bias,
    )


def _config_to(config: ModelConfig) -> dict[str, Any] | None:
    fits = (
        is_unshared(config)
        and not config.num_experts
        and not config.layers.sliding_owners
        and not config.qk_norm
        and not config.post_norms
        and config.qkv_bias == config.out_bias
        and config.activation == "silu"
        and config.embedding_scale == 1
    )
    if not fits:
        return None
    return {**shape_to(config), "hidden_act": "silu", "attention_bias": config.qkv_bias}


LLAMA = Family("llama", "LlamaForCausalLM", _config_from, _config_to, same_weights, same_weights)
