"""Models as directories in Hugging Face's format.

    model/
      config.json, model.safetensors            (or shards with model.safetensors.index.json)
      tokenizer.json, tokenizer_config.json
      manifest.json                              when written by us: sizes and checksums

A model that one of the published families can express is written as that family, and other programs read it:
Llama, Qwen 2, 3 and 3 MoE, Gemma 3 (text), Mixtral. Any other is written as model type `mixattention`.
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
from fireside.core.config import from_dict, to_dict
from fireside.core.errors import CheckpointError, CorruptFileError, InputError
from fireside.lm.config import ModelConfig
from fireside.lm.convert.experts import MIXTRAL, QWEN3_MOE
from fireside.lm.convert.family import Family
from fireside.lm.convert.gemma3 import GEMMA3
from fireside.lm.convert.llama import LLAMA
from fireside.lm.convert.mixattention import MIXATTENTION
from fireside.lm.convert.qwen import QWEN2, QWEN3
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer

__all__ = ["load_hugging_face", "save_hugging_face"]

_KIND = "fireside.lm.model"
_CONFIG, _WEIGHTS, _INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
# The first that can express a model writes it; the last expresses all.
_FAMILIES = (LLAMA, QWEN2, QWEN3, GEMMA3, MIXTRAL, QWEN3_MOE, MIXATTENTION)
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
    data = _read_json(path / _CONFIG)
    family = _family_of(data, path)
    config = _config_from(family, data, path)
    weights: dict[str, Tensor] = {}
    for file in _weight_files(path):
        try:
            tensors = load_file(file)
        except (SafetensorError, OSError) as error:
            raise CorruptFileError(f"{file} cannot be read ({error}): fetch it again") from error
        weights.update({name.removeprefix(_PREFIX): tensor.float() for name, tensor in tensors.items()})
    if config.tie_embeddings:
        weights.pop(_HEAD, None)
    weights = family.weights_from(weights, data)
    return Transformer.from_weights(config, weights), Tokenizer.load(path)


def save_hugging_face(path: str | os.PathLike[str], model: Transformer, tokenizer: Tokenizer) -> None:
    """Write a model and its tokenizer; the directory appears whole or not at all.

    Raises:
        CheckpointError: `path` exists and was not written by this function.
        DiskFullError: there is no room.
    """
    family, data = _written(model.config)
    weights = family.weights_to({name: tensor.detach() for name, tensor in model.state_dict().items()})
    with writing(path, kind=_KIND) as directory:
        save_file(
            {
                name if name == _HEAD else f"{_PREFIX}{name}": tensor.contiguous()
                for name, tensor in weights.items()
            },
            directory / _WEIGHTS,
            metadata={"format": "pt"},
        )
        (directory / _CONFIG).write_bytes(
            msgspec.json.format(msgspec.json.encode({**data, "eos_token_id": tokenizer.eos_id}))
        )
        tokenizer.save(directory)


def _config_from(family: Family, data: Mapping[str, Any], path: Path) -> ModelConfig:
    try:
        # Once more through a dictionary: that checks types.
        return from_dict(ModelConfig, to_dict(family.config_from(data)))
    except KeyError as error:
        raise InputError(f"{path / _CONFIG} lacks {error.args[0]!r}") from error
    except TypeError as error:
        raise InputError(
            f"{path / _CONFIG} has a value of the wrong type ({error}): fetch it again"
        ) from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _family_of(data: Mapping[str, Any], path: Path) -> Family:
    kind = data.get("model_type")
    for family in _FAMILIES:
        if family.model_type == kind:
            return family
    known = ", ".join(family.model_type for family in _FAMILIES)
    raise InputError(f"{path} holds a model of type {kind!r}; known: {known}")


def _written(config: ModelConfig) -> tuple[Family, dict[str, Any]]:
    """The first family that can express a model, and the model in its words."""
    for family in _FAMILIES:
        data = family.config_to(config)
        if data is not None:
            named = {"model_type": family.model_type, "architectures": [family.architecture]}
            return family, {**named, **data, "dtype": "float32"}
    raise AssertionError("the last family expresses every model")


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
