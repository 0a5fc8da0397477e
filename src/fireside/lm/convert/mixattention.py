"""Our own family: any layer map, and everything else that a model may have."""

from collections.abc import Mapping
from typing import Any

from fireside.lm.config import ModelConfig
from fireside.lm.convert.family import Family, one_theta, refuse, same_weights, shape_from, shape_to
from fireside.lm.layer_map import LayerMap

__all__ = ["MIXATTENTION"]

# Written and read under our own names.
_OWN = (
    "layer_map",
    "window",
    "rope_theta_sliding",
    "qk_norm",
    "qkv_bias",
    "out_bias",
    "post_norms",
    "activation",
    "embedding_scale",
    "num_experts",
    "num_experts_per_token",
    "normalize_experts",
    "balance_weight",
)


def _config_from(data: Mapping[str, Any]) -> ModelConfig:
    refuse({f"activation {data.get('hidden_act')!r}": data.get("hidden_act", "silu") != "silu"})
    theta = one_theta(data)
    own = {name: data[name] for name in _OWN if name in data}
    standard = {"layer_map": str(LayerMap.preset("standard", data["num_hidden_layers"]))}
    return ModelConfig(
        **shape_from(data),
        **{**standard, "rope_theta_sliding": theta, **own},
        rope_theta=theta,
        tie_embeddings=data.get("tie_word_embeddings", False),
    )


def _config_to(config: ModelConfig) -> dict[str, Any]:
    return {**shape_to(config), **{name: getattr(config, name) for name in _OWN}}


MIXATTENTION = Family("mixattention", "Transformer", _config_from, _config_to, same_weights, same_weights)
