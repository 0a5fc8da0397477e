"""Published families against transformers: equal logits, read and written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from fireside.core.protocols import SampleRequest, SamplingParams
from fireside.lm.config import ModelConfig
from fireside.lm.convert.hugging_face import load_hugging_face, save_hugging_face
from fireside.lm.engine.engine import Engine
from fireside.lm.engine.engine_config import EngineConfig
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer

TinyConfig = Callable[..., ModelConfig]
# Longer than any window here.
TOKENS = torch.arange(80).view(2, 40) * 7 % 257
SHAPE: dict[str, Any] = {
    "vocab_size": 257,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "initializer_range": 0.2,
    "eos_token_id": 0,
    "bos_token_id": None,
    "pad_token_id": None,
}
WINDOWS = {"use_sliding_window": True, "sliding_window": 9}
EXPERTS = {"num_experts": 6, "moe_intermediate_size": 24, "head_dim": 16, "num_experts_per_tok": 2}
ROPE = {"rope_type": "default", "rope_theta": 500.0}
GEMMA_ROPE = {
    "full_attention": {"rope_type": "default", "rope_theta": 500.0},
    "sliding_attention": {"rope_type": "default", "rope_theta": 50.0},
}
FAMILIES: list[tuple[str, dict[str, Any], str]] = [
    ("Llama", {"rope_parameters": ROPE, "head_dim": 8}, "0_1_2_3"),
    ("Llama", {"rope_parameters": ROPE, "head_dim": 8, "attention_bias": True}, "0_1_2_3"),
    ("Qwen2", {"rope_parameters": ROPE}, "0_1_2_3"),
    ("Qwen2", {"rope_parameters": ROPE, **WINDOWS, "max_window_layers": 1}, "0_1s_2s_3s"),
    ("Qwen3", {"rope_parameters": ROPE, "head_dim": 16, "tie_word_embeddings": True}, "0_1_2_3"),
    ("Qwen3", {"rope_parameters": ROPE, "head_dim": 16, "attention_bias": True}, "0_1_2_3"),
    ("Qwen3", {"rope_parameters": ROPE, "head_dim": 8, **WINDOWS, "max_window_layers": 3}, "0_1_2_3s"),
    ("Mixtral", {"rope_parameters": ROPE, "num_local_experts": 5}, "0_1_2_3"),
    ("Mixtral", {"rope_parameters": ROPE, "num_local_experts": 4, "sliding_window": 9}, "0s_1s_2s_3s"),
    ("Qwen3Moe", {"rope_parameters": ROPE, **EXPERTS, "num_experts_per_tok": 3}, "0_1_2_3"),
    (
        "Qwen3Moe",
        {"rope_parameters": ROPE, **EXPERTS, "norm_topk_prob": True, "attention_bias": True},
        "0_1_2_3",
    ),
    ("Gemma3Text", {"rope_parameters": GEMMA_ROPE, "head_dim": 16, "sliding_window": 9}, "0s_1s_2s_3s"),
    (
        "Gemma3Text",
        {
            "rope_parameters": GEMMA_ROPE,
            "head_dim": 16,
            "sliding_window": 9,
            "query_pre_attn_scalar": 40,
            "attention_bias": True,
            "layer_types": ["sliding_attention", "full_attention"] * 2,
        },
        "0s_1_2s_3",
    ),
]
each_family = pytest.mark.parametrize(("name", "changes", "layer_map"), FAMILIES)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train_bpe(["x"], vocab_size=257)


def theirs(name: str, changes: dict[str, Any]) -> Any:
    """A model of transformers in which no weight, bias or norm is trivial."""
    import transformers

    model_class = "Gemma3ForCausalLM" if name == "Gemma3Text" else f"{name}ForCausalLM"
    config = getattr(transformers, f"{name}Config")(**SHAPE, **changes)
    config._attn_implementation = "eager"
    model = getattr(transformers, model_class)(config).eval()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.15 * torch.randn(parameter.shape, generator=generator))
    return model


def their_logits(model: Any) -> Tensor:
    with torch.no_grad():
        logits: Tensor = model(TOKENS).logits
    return logits


def our_logits(model: Transformer) -> Tensor:
    with torch.no_grad():
        return model.logits(model(TOKENS))


@pytest.mark.filterwarnings("ignore")
@each_family
def test_logits_are_those_of_transformers_in_both_directions(
    tokenizer: Tokenizer, tmp_path: Path, name: str, changes: dict[str, Any], layer_map: str
) -> None:
    from transformers import AutoModelForCausalLM

    original = theirs(name, changes)
    wanted = their_logits(original)
    original.save_pretrained(tmp_path / "theirs")
    tokenizer.save(tmp_path / "theirs")

    model, _ = load_hugging_face(tmp_path / "theirs")
    assert model.config.layer_map == layer_map
    torch.testing.assert_close(our_logits(model), wanted, rtol=1e-4, atol=1e-4)

    save_hugging_face(tmp_path / "ours", model, tokenizer)
    written, read = (json.loads((tmp_path / p / "config.json").read_text()) for p in ("ours", "theirs"))
    assert written["model_type"] == read["model_type"]
    reloaded = AutoModelForCausalLM.from_pretrained(tmp_path / "ours", attn_implementation="eager")
    assert type(reloaded) is type(original)
    torch.testing.assert_close(their_logits(reloaded), wanted, rtol=1e-4, atol=1e-4)

    again, _ = load_hugging_face(tmp_path / "ours")
    assert again.config == model.config
    torch.testing.assert_close(our_logits(again), our_logits(model), rtol=1e-5, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
@each_family
def test_the_engine_computes_what_the_model_does(
    tokenizer: Tokenizer, tmp_path: Path, name: str, changes: dict[str, Any], layer_map: str
) -> None:
    theirs(name, changes).save_pretrained(tmp_path / "theirs")
    tokenizer.save(tmp_path / "theirs")
    model, _ = load_hugging_face(tmp_path / "theirs")
    prompt = tuple(range(1, 31))
    engine = Engine(model, tokenizer, EngineConfig(max_sequences=2, max_batch_tokens=8))
    sample = engine.sample([SampleRequest(prompt, SamplingParams(max_tokens=12, temperature=0))])[0]
    with torch.no_grad():
        logits_BTV = model.logits(model(torch.tensor([[*prompt, *sample.tokens]])))
    logprobs_TV = logits_BTV[0, len(prompt) - 1 : -1].log_softmax(-1)
    assert tuple(logprobs_TV.argmax(-1).tolist()) == sample.tokens
    torch.testing.assert_close(logprobs_TV.amax(-1), torch.tensor(sample.logprobs), rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_older_gemma_configurations_mean_the_same(tokenizer: Tokenizer, tmp_path: Path) -> None:
    """Before transformers 5 the bases and the pattern of windows had other keys."""
    changes = {"rope_parameters": GEMMA_ROPE, "head_dim": 16, "sliding_window": 9}
    original = theirs("Gemma3Text", {**changes, "layer_types": ["sliding_attention", "full_attention"] * 2})
    original.save_pretrained(tmp_path)
    tokenizer.save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    for key in ("rope_parameters", "layer_types"):
        del config[key]
    config |= {"rope_theta": 500.0, "rope_local_base_freq": 50.0, "sliding_window_pattern": 2}
    (tmp_path / "config.json").write_text(json.dumps(config))
    model, _ = load_hugging_face(tmp_path)
    torch.testing.assert_close(our_logits(model), their_logits(original), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layer_map", ["0s_1", "0_1s_1s_0"])
def test_every_extension_is_counted_and_starts_as_the_plain_model(tiny: TinyConfig, layer_map: str) -> None:
    plain, extended = (
        Transformer(tiny(layer_map, **changes), seed=3)
        for changes in ({}, {"qkv_bias": True, "out_bias": True, "qk_norm": True, "post_norms": True})
    )
    assert extended.config.num_parameters == sum(p.numel() for p in extended.parameters())
    matrices = dict(plain.named_parameters())
    for name, parameter in extended.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any()
        elif parameter.ndim == 1:
            assert bool((parameter == 1).all())
        else:
            assert torch.equal(parameter, matrices[name])
