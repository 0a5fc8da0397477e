"""GGUF files of the Gemma 3 architecture; norms already hold 1 + weight there, and rows are in our order."""

import math

from fireside.core.errors import InputError
from fireside.lm.config import ModelConfig
from fireside.lm.convert.gguf_file import GGUFFile
from fireside.lm.convert.gguf_llama import LAYER_NAMES, shape_of

__all__ = ["GEMMA3_LAYER_NAMES", "gemma3_config"]

GEMMA3_LAYER_NAMES = LAYER_NAMES | {
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "post_attention_norm": "attention_output_layernorm",
    "post_ffw_norm": "mlp_output_layernorm",
}
"""Names of a layer's tensors in the file, and ours."""

# Not written into the files: every sixth layer sees everything, and windows have a base of their own.
_PATTERN = 6
_SLIDING_THETA = 10_000.0


def gemma3_config(file: GGUFFile) -> ModelConfig:
    """The shape of a Gemma 3."""
    data = file.metadata
    for key in ("gemma3.attn_logit_softcapping", "gemma3.final_logit_softcapping"):
        if data.get(key):
            raise InputError(f"{file.path} has {key}, which is not supported")
    num_layers = data["gemma3.block_count"]
    return ModelConfig(
        **shape_of(file, "gemma3"),
        layer_map="_".join(f"{layer}{'s' if (layer + 1) % _PATTERN else ''}" for layer in range(num_layers)),
        window=data["gemma3.attention.sliding_window"],
        rope_theta=data.get("gemma3.rope.freq_base", 1_000_000.0),
        rope_theta_sliding=data.get("gemma3.rope.freq_base_swa", _SLIDING_THETA),
        qk_norm=True,
        post_norms=True,
        activation="gelu_tanh",
        embedding_scale=math.sqrt(data["gemma3.embedding_length"]),
    )
