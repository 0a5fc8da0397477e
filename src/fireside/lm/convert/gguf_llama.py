"""GGUF files of the Llama architecture."""

from typing import Any

from torch import Tensor

from fireside.core.errors import InputError
from fireside.lm.config import ModelConfig
from fireside.lm.convert.gguf_file import GGUFFile
from fireside.lm.layer_map import LayerMap

__all__ = ["LAYER_NAMES", "llama_config", "llama_tensor", "shape_of"]

LAYER_NAMES = {
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
"""Names of a layer's tensors in the file, and ours."""


def shape_of(file: GGUFFile, architecture: str) -> dict[str, Any]:
    """The arguments of `ModelConfig` that all architectures write alike.

    Raises:
        KeyError: the file lacks one.
        InputError: rope scaling, or heads of which only a part is rotated.
    """

    def read(name: str, default: Any = None) -> Any:
        key = f"{architecture}.{name}"
        return file.metadata[key] if default is None else file.metadata.get(key, default)

    if read("rope.scaling.type", "none") != "none" or "rope_freqs.weight" in file.tensors:
        raise InputError(f"{file.path} uses rope scaling, which is not supported")
    hidden, heads = read("embedding_length"), read("attention.head_count")
    head_dim = read("attention.key_length", hidden // heads)
    if read("rope.dimension_count", head_dim) != head_dim:
        raise InputError(f"{file.path} rotates only a part of each head, which is not supported")
    return {
        "vocab_size": file.tensors["token_embd.weight"].shape[0],
        "hidden_size": hidden,
        "intermediate_size": read("feed_forward_length"),
        "num_heads": heads,
        "num_kv_heads": read("attention.head_count_kv", heads),
        "head_dim": head_dim,
        "context_length": read("context_length"),
        "rms_norm_eps": read("attention.layer_norm_rms_epsilon"),
        "tie_embeddings": "output.weight" not in file.tensors,
    }


def llama_config(file: GGUFFile) -> ModelConfig:
    """The shape of a Llama."""
    theta = file.metadata.get("llama.rope.freq_base", 10_000.0)
    return ModelConfig(
        **shape_of(file, "llama"),
        layer_map=str(LayerMap.preset("standard", file.metadata["llama.block_count"])),
        rope_theta=theta,
        rope_theta_sliding=theta,
    )


def llama_tensor(name: str, tensor: Tensor, config: ModelConfig) -> Tensor:
    """A tensor of the file as ours: queries and keys lie in another order of rows."""
    heads = {"attn_q.weight": config.num_heads, "attn_k.weight": config.num_kv_heads}
    num_heads = heads.get(name.split(".", 2)[-1])
    return tensor if num_heads is None else _unpermute(tensor, num_heads)


def _unpermute(weight: Tensor, num_heads: int) -> Tensor:
    """Rows from GGUF's order, which pairs neighbours for rotation, to ours, which pairs halves of a head.

    >>> import torch
    >>> _unpermute(torch.arange(4.0)[:, None], 1).flatten().tolist()
    [0.0, 2.0, 1.0, 3.0]
    """
    rows, columns = weight.shape
    return weight.view(num_heads, rows // num_heads // 2, 2, columns).transpose(1, 2).reshape(rows, columns)
