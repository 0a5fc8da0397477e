from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import torch

from fireside.core.errors import CheckpointError, CorruptFileError, InputError
from fireside.lm.config import ModelConfig
from fireside.lm.convert.hugging_face import load_hugging_face, save_hugging_face
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer

TinyConfig = Callable[..., ModelConfig]
TOKENS = torch.arange(40).view(2, 20) * 7 % 257


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train_bpe(["x"], vocab_size=257)


def logits_of(model: Transformer) -> torch.Tensor:
    with torch.no_grad():
        return model.logits(model(TOKENS))


@pytest.mark.parametrize(
    "kind",
    [
        {"layer_map": "0_1_2", "window": 1024, "rope_theta_sliding": 123.0},
        {"layer_map": "0_1s_1s_0", "window": 9, "rope_theta_sliding": 45.0},
        {"layer_map": "0_1s_1s_0", "window": 9, "qkv_bias": True, "out_bias": True, "post_norms": True},
        {"layer_map": "0s_1", "window": 9, "activation": "gelu_tanh", "embedding_scale": 1.5},
    ],
)
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("qk_norm", [True, False])
def test_a_saved_model_is_the_same_one(
    tiny: TinyConfig,
    tokenizer: Tokenizer,
    tmp_path: Path,
    kind: dict[str, object],
    tied: bool,
    qk_norm: bool,
) -> None:
    config = tiny(**kind, vocab_size=257, tie_embeddings=tied, qk_norm=qk_norm, rope_theta=123.0)
    model = Transformer(config, seed=1)
    save_hugging_face(tmp_path / "model", model, tokenizer)
    again, same_tokenizer = load_hugging_face(tmp_path / "model")
    assert again.config == config
    assert torch.equal(logits_of(again), logits_of(model))
    assert same_tokenizer.encode("x y") == tokenizer.encode("x y")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("qk_norm", [True, False])
@pytest.mark.parametrize("tied", [True, False])
def test_transformers_reads_what_we_write_and_we_read_what_it_writes(
    tiny: TinyConfig, tokenizer: Tokenizer, tmp_path: Path, qk_norm: bool, tied: bool
) -> None:
    from transformers import AutoModelForCausalLM

    model = Transformer(
        tiny("0_1", vocab_size=257, qk_norm=qk_norm, tie_embeddings=tied, rope_theta=99.0), seed=1
    )
    save_hugging_face(tmp_path / "ours", model, tokenizer)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "ours")
    with torch.no_grad():
        their_logits = theirs(TOKENS).logits
    torch.testing.assert_close(logits_of(model), their_logits, rtol=1e-5, atol=1e-5)

    theirs.save_pretrained(tmp_path / "theirs", max_shard_size="30KB")
    assert (tmp_path / "theirs" / "model.safetensors.index.json").is_file()
    tokenizer.save(tmp_path / "theirs")
    again, _ = load_hugging_face(tmp_path / "theirs")
    torch.testing.assert_close(logits_of(again), their_logits, rtol=1e-5, atol=1e-5)


def test_directories_that_cannot_be_read_are_refused(
    tiny: TinyConfig, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    path = tmp_path / "model"
    with pytest.raises(InputError, match=r"holds no model: it has no config\.json"):
        load_hugging_face(path)
    save_hugging_face(path, Transformer(tiny("0_1s", vocab_size=257), seed=1), tokenizer)
    weights = path / "model.safetensors"
    damaged = bytearray(weights.read_bytes())
    damaged[-1] ^= 1
    weights.write_bytes(damaged)
    with pytest.raises(CorruptFileError, match=r"model\.safetensors"):
        load_hugging_face(path)
    (path / "manifest.json").unlink()
    weights.write_bytes(damaged[:100])
    with pytest.raises(CorruptFileError, match=r"model\.safetensors cannot be read"):
        load_hugging_face(path)
    weights.unlink()
    with pytest.raises(InputError, match="has neither"):
        load_hugging_face(path)
    with pytest.raises(CheckpointError, match="is not a checkpoint"):
        save_hugging_face(path, Transformer(tiny("0_1s", vocab_size=257), seed=1), tokenizer)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"model_type": "gpt2"}, "type 'gpt2'"),
        ({"rope_scaling": {"rope_type": "yarn"}, "rope_parameters": None}, "rope scaling"),
        ({"mlp_bias": True}, "biases"),
        (
            {
                "model_type": "qwen3",
                "use_sliding_window": True,
                "sliding_window": 9,
                "layer_types": ["x"] * 2,
            },
            "'x'",
        ),
        ({"model_type": "gemma3_text", "attn_logit_softcapping": 30.0}, "soft-capped scores"),
        ({"model_type": "gemma3_text", "rope_scaling": {"rope_type": "linear"}}, r"rope scaling \(linear\)"),
        ({"hidden_act": "gelu"}, "activation 'gelu'"),
        ({"hidden_size": None}, "lacks 'hidden_size'"),
    ],
)
def test_models_of_another_kind_are_refused(
    tiny: TinyConfig, tokenizer: Tokenizer, tmp_path: Path, change: dict[str, object], complaint: str
) -> None:
    path = tmp_path / "model"
    save_hugging_face(path, Transformer(tiny("0_1", vocab_size=257), seed=1), tokenizer)
    (path / "manifest.json").unlink()
    data = msgspec.json.decode((path / "config.json").read_bytes()) | change
    data = {key: value for key, value in data.items() if value is not None}
    (path / "config.json").write_bytes(msgspec.json.encode(data))
    with pytest.raises(InputError, match=complaint):
        load_hugging_face(path)


def test_a_model_of_another_shape_than_its_configuration_is_refused_by_tensor(
    tiny: TinyConfig, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    path = tmp_path / "model"
    save_hugging_face(path, Transformer(tiny("0_1", vocab_size=257), seed=1), tokenizer)
    (path / "manifest.json").unlink()
    data = msgspec.json.decode((path / "config.json").read_bytes()) | {"intermediate_size": 50}
    (path / "config.json").write_bytes(msgspec.json.encode(data))
    with pytest.raises(CheckpointError, match=r"mlp\.gate_proj\.weight' has shape \[48, 32\].*\[50, 32\]"):
        load_hugging_face(path)
