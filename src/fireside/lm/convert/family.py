"""What a family of published models is to the reader and writer of Hugging Face directories.

A family knows its keys of `config.json` and the names and conventions of its tensors, nothing about files.
One family is one module; `hugging_face` lists them.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from torch import Tensor

from fireside.core.errors import InputError
from fireside.lm.config import ModelConfig
from fireside.lm.layer_map import LayerMap

__all__ = [
    "Family",
    "is_unshared",
    "layer_map_from",
    "layer_types_to",
    "one_theta",
    "refuse",
    "same_weights",
    "shape_from",
    "shape_to",
    "theta_from",
]

Weights = dict[str, Tensor]
Json = dict[str, Any]

_FULL, _SLIDING = "full_attention", "sliding_attention"


class Family(NamedTuple):
    """How one kind of model is written down.

    Attributes:
        model_type: its name in `config.json`.
        architecture: the class that other programs read it with.
        config_from: a configuration from `config.json`; raises `KeyError` for a key that is missing and
            `InputError` for what we cannot run.
        config_to: what `config.json` needs beside the name; `None` where the family cannot express a model.
        weights_from: our tensors from theirs, given `config.json`.
        weights_to: their tensors from ours.
    """

    model_type: str
    architecture: str
    config_from: Callable[[Mapping[str, Any]], ModelConfig]
    config_to: Callable[[ModelConfig], Json | None]
    weights_from: Callable[[Weights, Mapping[str, Any]], Weights]
    weights_to: Callable[[Weights], Weights]


def same_weights(weights: Weights, data: Mapping[str, Any] | None = None) -> Weights:
    """For families whose tensors are ours."""
    return weights


def refuse(unsupported: Mapping[str, Any]) -> None:
    """Raise `InputError` for the first feature that is used.

    >>> refuse({"rope scaling": False, "biases": True})
    Traceback (most recent call last):
    fireside.core.errors.InputError: uses biases, which is not supported
    """
    for feature, used in unsupported.items():
        if used:
            raise InputError(f"uses {feature}, which is not supported")


def theta_from(rope: Mapping[str, Any], default: Any) -> float:
    """The rotary base of a `rope_parameters` or older `rope_scaling` entry; scaled ones are refused."""
    kind = rope.get("rope_type", rope.get("type", "default"))
    refuse({f"rope scaling ({kind})": kind != "default"})
    return float(rope.get("rope_theta", default))


def one_theta(data: Mapping[str, Any]) -> float:
    """The rotary base where all layers have the same."""
    rope = data.get("rope_parameters") or data.get("rope_scaling") or {}
    return theta_from(rope, data.get("rope_theta", 10_000.0))


def shape_from(data: Mapping[str, Any]) -> Json:
    """The arguments of `ModelConfig` that all families write alike."""
    heads = data["num_attention_heads"]
    return {
        "vocab_size": data["vocab_size"],
        "hidden_size": data["hidden_size"],
        "intermediate_size": data["intermediate_size"],
        "num_heads": heads,
        "num_kv_heads": data.get("num_key_value_heads", heads),
        "head_dim": data.get("head_dim") or data["hidden_size"] // heads,
        "context_length": data["max_position_embeddings"],
        "rms_norm_eps": data.get("rms_norm_eps", 1e-6),
        "initializer_range": data.get("initializer_range", 0.02),
    }


def shape_to(config: ModelConfig) -> Json:
    """What all families write alike."""
    return {
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "num_hidden_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        "num_key_value_heads": config.num_kv_heads,
        "head_dim": config.head_dim,
        "max_position_embeddings": config.context_length,
        # The name of one generation of readers, and of the next.
        "rope_theta": config.rope_theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta},
        "rms_norm_eps": config.rms_norm_eps,
        "tie_word_embeddings": config.tie_embeddings,
        "initializer_range": config.initializer_range,
    }


def is_unshared(config: ModelConfig) -> bool:
    """Whether every layer owns its K/V, as in all published families."""
    return all(config.layers.is_owner(layer) for layer in range(config.num_layers))


def layer_map_from(layer_types: list[str]) -> str:
    """The layer map of a `layer_types` list: every layer an owner.

    >>> layer_map_from(["sliding_attention", "full_attention"])
    '0s_1'
    """
    for kind in layer_types:
        refuse({f"layers of type {kind!r}": kind not in (_FULL, _SLIDING)})
    return "_".join(f"{layer}{'s' if kind == _SLIDING else ''}" for layer, kind in enumerate(layer_types))


def layer_types_to(layers: LayerMap) -> list[str]:
    """The `layer_types` list of a layer map.

    >>> layer_types_to(LayerMap.parse("0s_1"))
    ['sliding_attention', 'full_attention']
    """
    return [_FULL if window is None else _SLIDING for window in layers.windows]
