"""Models as directories in Hugging Face's format.

    model/
      config.json, model.safetensors            (or shards with model.safetensors.index.json)
      tokenizer.json, tokenizer_config.json
      manifest.json                              when written by us: sizes and checksums

A model whose layers are all full owners is a Llama, or with q/k norms a Qwen 3, and other programs read it.
Any other layer map is written as model type `mixattention` with the keys `layer_map` and `window`.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from fireside.core.checkpoint import MANIFEST, verify, writing
from fireside.core.errors import CheckpointError, CorruptFileError, InputError
from fireside.lm.config import ModelConfig
from fireside.lm.layer_map import LayerMap
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer

__all__ = ["load_hugging_face", "save_hugging_face"]

_KIND = "fireside.lm.model"
_CONFIG, _WEIGHTS, _INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
_MIXATTENTION = "mixattention"
_ARCHITECTURES = {"llama": "LlamaForCausalLM", "qwen3": "Qwen3ForCausalLM", _MIXATTENTION: "Transformer"}
_PREFIX, _HEAD = "model.", "lm_head.weight"


def load_hugging_face(path: str | os.PathLike[str]) -> tuple[Transformer, Tokenizer]:
    """A model in float32 and its tokenizer.

    Raises:
        InputError: no model, or one of a kind that cannot be read.
        CheckpointError: tensors are missing, superfluous or of the wrong shape; the message names one.
        CorruptFileError: a file cannot be read, or differs from the manifest.
    """
    path = Path(path)
    if (path / MANIFEST).is_file():
        verify(path, kind=_KIND)
    config = _config_from(_read_json(path / _CONFIG), path)
    weights: dict[str, Tensor] = {}
    for file in _weight_files(path):
        try:
            tensors = load_file(file)
        except (SafetensorError, OSError) as error:
            raise CorruptFileError(f"{file} cannot be read ({error}): fetch it again") from error
        weights.update({name.removeprefix(_PREFIX): tensor.float() for name, tensor in tensors.items()})
    if config.tie_embeddings:
        weights.pop(_HEAD, None)
    return Transformer.from_weights(config, weights), Tokenizer.load(path)


def save_hugging_face(path: str | os.PathLike[str], model: Transformer, tokenizer: Tokenizer) -> None:
    """Write a model and its tokenizer; the directory appears whole or not at all.

    Raises:
        CheckpointError: `path` exists and was not written by this function.
        DiskFullError: there is no room.
    """
    with writing(path, kind=_KIND) as directory:
        weights = {
            name if name == _HEAD else f"{_PREFIX}{name}": tensor.detach().contiguous()
            for name, tensor in model.state_dict().items()
        }
        save_file(weights, directory / _WEIGHTS, metadata={"format": "pt"})
        (directory / _CONFIG).write_bytes(
            msgspec.json.format(msgspec.json.encode(_config_to(model.config, tokenizer)))
        )
        tokenizer.save(directory)


def _config_from(data: Mapping[str, Any], path: Path) -> ModelConfig:
    kind = data.get("model_type")
    if kind not in _ARCHITECTURES:
        raise InputError(f"{path} holds a model of type {kind!r}; known: {', '.join(_ARCHITECTURES)}")
    rope = data.get("rope_parameters") or data.get("rope_scaling") or {}
    unsupported = {
        "rope scaling": rope.get("rope_type", rope.get("type", "default")) != "default",
        "biases": data.get("attention_bias") or data.get("mlp_bias"),
        f"activation {data.get('hidden_act')!r}": data.get("hidden_act", "silu") != "silu",
        "sliding windows outside a layer map": data.get("use_sliding_window", False),
    }
    for feature, used in unsupported.items():
        if used:
            raise InputError(f"{path} uses {feature}, which is not supported")
    try:
        heads, theta = data["num_attention_heads"], rope.get("rope_theta", data.get("rope_theta", 10_000.0))
        standard = str(LayerMap.preset("standard", data["num_hidden_layers"]))
        return ModelConfig(
            vocab_size=data["vocab_size"],
            hidden_size=data["hidden_size"],
            intermediate_size=data["intermediate_size"],
            num_heads=heads,
            num_kv_heads=data.get("num_key_value_heads", heads),
            head_dim=data.get("head_dim") or data["hidden_size"] // heads,
            layer_map=data.get("layer_map", standard),
            window=data.get("window", 1024),
            context_length=data["max_position_embeddings"],
            rope_theta=theta,
            rope_theta_sliding=data.get("rope_theta_sliding", theta),
            rms_norm_eps=data.get("rms_norm_eps", 1e-6),
            tie_embeddings=data.get("tie_word_embeddings", False),
            qk_norm=data.get("qk_norm", kind == "qwen3"),
            initializer_range=data.get("initializer_range", 0.02),
        )
    except KeyError as error:
        raise InputError(f"{path / _CONFIG} lacks {error.args[0]!r}") from error


def _config_to(config: ModelConfig, tokenizer: Tokenizer) -> dict[str, Any]:
    is_standard = config.layers == LayerMap.preset("standard", config.num_layers)
    kind = ("qwen3" if config.qk_norm else "llama") if is_standard else _MIXATTENTION
    data = {
        "model_type": kind,
        "architectures": [_ARCHITECTURES[kind]],
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
        "hidden_act": "silu",
        "eos_token_id": tokenizer.eos_id,
        "dtype": "float32",
    }
    if not is_standard:
        data |= {
            "layer_map": config.layer_map,
            "window": config.window,
            "rope_theta_sliding": config.rope_theta_sliding,
            "qk_norm": config.qk_norm,
        }
    return data


def _weight_files(path: Path) -> list[Path]:
    if (path / _WEIGHTS).is_file():
        return [path / _WEIGHTS]
    if (path / _INDEX).is_file():
        shards = _read_json(path / _INDEX).get("weight_map")
        if not isinstance(shards, dict):
            raise CorruptFileError(f"{path / _INDEX} has no weight_map: fetch it again")
        files = [path / name for name in sorted(set(shards.values()))]
        for file in files:
            if file.parent != path or not file.is_file():
                raise CheckpointError(f"{path / _INDEX} names {file.name!r}, which is not in {path}")
        return files
    raise InputError(f"{path} has neither {_WEIGHTS} nor {_INDEX}")


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"{path.parent} holds no model: it has no {path.name}")
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CorruptFileError(f"{path} cannot be read ({error}): fetch it again") from error
