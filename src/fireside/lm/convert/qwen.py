"""Qwen 2 and Qwen 3: biases, or norms, on queries and keys; some layers may have a window."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from fireside.lm.config import ModelConfig
from fireside.lm.convert.family import (
    Family,
    is_unshared,
    layer_map_from,
    layer_types_to,
    one_theta,
    refuse,
    same_weights,
    shape_from,
    shape_to,
)

__all__ = ["QWEN2", "QWEN3"]

_MAX_WINDOW_LAYERS = 28


def _config_from(data: Mapping[str, Any], *, generation: int) -> ModelConfig:
    refuse({f"activation {data.get('hidden_act')!r}": data.get("hidden_act", "silu") != "silu"})
    theta = one_theta(data)
    # Qwen 2 always has biases, but none on the way out; Qwen 3 has all or none.
    bias = generation == 2 or bool(data.get("attention_bias", False))
    return ModelConfig(
        **shape_from(data),
        **_windows_from(data),
        rope_theta=theta,
        rope_theta_sliding=theta,
        tie_embeddings=data.get("tie_word_embeddings", False),
        qk_norm=generation == 3,
        qkv_bias=bias,
        out_bias=bias and generation == 3,
    )


def _windows_from(data: Mapping[str, Any]) -> dict[str, Any]:
    num_layers, window = data["num_hidden_layers"], data.get("sliding_window")
    if not data.get("use_sliding_window", False) or window is None:
        return {"layer_map": layer_map_from(["full_attention"] * num_layers)}
    full = data.get("max_window_layers", _MAX_WINDOW_LAYERS)
    default = ["full_attention" if layer < full else "sliding_attention" for layer in range(num_layers)]
    return {"layer_map": layer_map_from(data.get("layer_types") or default), "window": window}


def _config_to(config: ModelConfig, *, generation: int) -> dict[str, Any] | None:
    windowed = bool(config.layers.sliding_owners)
    biases = (config.qkv_bias, config.out_bias)
    fits = (
        is_unshared(config)
        and not config.num_experts
        and config.qk_norm == (generation == 3)
        and biases in ([(True, False)] if generation == 2 else [(False, False), (True, True)])
        and not config.post_norms
        and config.activation == "silu"
        and config.embedding_scale == 1
        and (not windowed or config.rope_theta == config.rope_theta_sliding)
        # Qwen 2 has no heads of a width of their own in most readers.
        and (generation == 3 or config.head_dim * config.num_heads == config.hidden_size)
    )
    if not fits:
        return None
    data = {**shape_to(config), "hidden_act": "silu", "use_sliding_window": windowed}
    if generation == 3:
        data["attention_bias"] = config.qkv_bias
    if windowed:
        data |= {"sliding_window": config.window, "layer_types": layer_types_to(config.layers)}
    return data


def _family(generation: int) -> Family:
    return Family(
        f"qwen{generation}",
        f"Qwen{generation}ForCausalLM",
        partial(_config_from, generation=generation),
        partial(_config_to, generation=generation),
        same_weights,
        same_weights,
    )


QWEN2, QWEN3 = _family(2), _family(3)
