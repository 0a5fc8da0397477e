"""Mixtral and Qwen 3 MoE: every layer chooses experts for each token; all layers have a window, or none."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from fireside.lm.config import ModelConfig
from fireside.lm.convert.family import (
    Family,
    is_unshared,
    layer_map_from,
    one_theta,
    refuse,
    same_weights,
    shape_from,
    shape_to,
)

__all__ = ["MIXTRAL", "QWEN3_MOE"]

# Mixtral's names of the parts of an expert.
_PARTS = {"w1": "gate_proj", "w2": "down_proj", "w3": "up_proj"}
_BLOCK, _LAYER = ".block_sparse_moe.", ".mlp."


def _common_from(data: Mapping[str, Any], window: int | None) -> dict[str, Any]:
    refuse({f"activation {data.get('hidden_act')!r}": data.get("hidden_act", "silu") != "silu"})
    theta, kind = one_theta(data), "full_attention" if window is None else "sliding_attention"
    return {
        **shape_from(data),
        "layer_map": layer_map_from([kind] * data["num_hidden_layers"]),
        **({} if window is None else {"window": window}),
        "rope_theta": theta,
        "rope_theta_sliding": theta,
        "tie_embeddings": data.get("tie_word_embeddings", False),
        "num_experts": data.get("num_local_experts") or data["num_experts"],
        "num_experts_per_token": data["num_experts_per_tok"],
        "balance_weight": data.get("router_aux_loss_coef", 0.001),
    }


def _common_to(config: ModelConfig) -> dict[str, Any] | None:
    """What both write alike; `None` where neither can express a model."""
    layers = config.layers
    fits = (
        config.num_experts > 0
        and is_unshared(config)
        and not (layers.sliding_owners and layers.full_owners)
        and not config.post_norms
        and config.activation == "silu"
        and config.embedding_scale == 1
        and (not layers.sliding_owners or config.rope_theta == config.rope_theta_sliding)
    )
    if not fits:
        return None
    return {
        **shape_to(config),
        "hidden_act": "silu",
        "sliding_window": config.window if layers.sliding_owners else None,
        "num_local_experts": config.num_experts,
        "num_experts_per_tok": config.num_experts_per_token,
        "router_aux_loss_coef": config.balance_weight,
    }


def _mixtral_from(data: Mapping[str, Any]) -> ModelConfig:
    return ModelConfig(**_common_from(data, data.get("sliding_window")))


def _mixtral_to(config: ModelConfig) -> dict[str, Any] | None:
    has_more = config.qk_norm or config.qkv_bias or config.out_bias or not config.normalize_experts
    return None if has_more else _common_to(config)


def _mixtral_weights_from(weights: dict[str, Tensor], data: Mapping[str, Any]) -> dict[str, Tensor]:
    return {_our_name(name): tensor for name, tensor in weights.items()}


def _mixtral_weights_to(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {_mixtral_name(name): tensor for name, tensor in weights.items()}


def _our_name(name: str) -> str:
    """Our name of one of Mixtral's tensors.

    >>> _our_name("layers.0.block_sparse_moe.experts.3.w2.weight")
    'layers.0.mlp.experts.3.down_proj.weight'
    """
    if _BLOCK not in name:
        return name
    return ".".join(_PARTS.get(part, part) for part in name.replace(_BLOCK, _LAYER).split("."))


def _mixtral_name(name: str) -> str:
    """Mixtral's name of one of our tensors.

    >>> _mixtral_name("layers.0.mlp.experts.3.down_proj.weight")
    'layers.0.block_sparse_moe.experts.3.w2.weight'
    """
    theirs = {ours: part for part, ours in _PARTS.items()}
    return ".".join(theirs.get(part, part) for part in name.replace(_LAYER, _BLOCK).split("."))


def _qwen_from(data: Mapping[str, Any]) -> ModelConfig:
    refuse(
        {
            "layers without experts": data.get("mlp_only_layers") or data.get("decoder_sparse_step", 1) != 1,
            "experts that all tokens share": data.get("shared_expert_intermediate_size"),
        }
    )
    bias = bool(data.get("attention_bias", False))
    window = data.get("sliding_window") if data.get("use_sliding_window", False) else None
    common = _common_from(data, window)
    return ModelConfig(
        **{**common, "intermediate_size": data["moe_intermediate_size"]},
        qk_norm=True,
        qkv_bias=bias,
        out_bias=bias,
        normalize_experts=bool(data.get("norm_topk_prob", False)),
    )


def _qwen_to(config: ModelConfig) -> dict[str, Any] | None:
    common = _common_to(config) if config.qk_norm and config.qkv_bias == config.out_bias else None
    if common is None:
        return None
    return {
        **common,
        "moe_intermediate_size": config.intermediate_size,
        "norm_topk_prob": config.normalize_experts,
        "attention_bias": config.qkv_bias,
        "use_sliding_window": bool(config.layers.sliding_owners),
        "num_experts": config.num_experts,
        "mlp_only_layers": [],
        "decoder_sparse_step": 1,
    }


MIXTRAL = Family(
    "mixtral", "MixtralForCausalLM", _mixtral_from, _mixtral_to, _mixtral_weights_from, _mixtral_weights_to
)
QWEN3_MOE = Family("qwen3_moe", "Qwen3MoeForCausalLM", _qwen_from, _qwen_to, same_weights, same_weights)
