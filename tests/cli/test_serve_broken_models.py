"""`fireside serve` with models that are damaged or contradict themselves: one line names what is wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from fireside.cli.main import main
from fireside.core.checkpoint import MANIFEST
from fireside.lm.config import ModelConfig
from fireside.lm.convert.hugging_face import save_hugging_face
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer

Weights = dict[str, torch.Tensor]
K_PROJ = "model.layers.1.self_attn.k_proj.weight"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    tokenizer = Tokenizer.train_bpe(["a fire by the sea"], vocab_size=270)
    config = ModelConfig(
        vocab_size=tokenizer.vocab_size, hidden_size=16, intermediate_size=24, num_heads=2, num_kv_heads=1,
        head_dim=8, layer_map="0_1s_1s_0", window=4, context_length=64,
    )  # fmt: skip
    save_hugging_face(tmp_path / "model", Transformer(config, seed=1), tokenizer)
    # Without checksums, as models from elsewhere are.
    (tmp_path / "model" / MANIFEST).unlink()
    return tmp_path / "model"


def changed_weights(change: Callable[[Weights], Any]) -> Callable[[Path], None]:
    def damage(model: Path) -> None:
        weights = load_file(model / "model.safetensors")
        change(weights)
        save_file(weights, model / "model.safetensors")

    return damage


def changed_config(**changes: Any) -> Callable[[Path], None]:
    def damage(model: Path) -> None:
        path = model / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return damage


def cut_short(model: Path) -> None:
    path = model / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def other_tokenizer(model: Path) -> None:
    Tokenizer.train_bpe(["a fire by the sea, a light on the shore"] * 9, vocab_size=290).save(model)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (
            changed_weights(lambda weights: weights.pop(K_PROJ)),
            "no tensor 'layers.1.self_attn.k_proj.weight'",
        ),
        (
            changed_weights(lambda weights: weights.update({K_PROJ: torch.zeros(9, 16)})),
            "'layers.1.self_attn.k_proj.weight' has shape [9, 16], the model's configuration needs [8, 16]",
        ),
        (
            changed_weights(lambda weights: weights.update({"extra": torch.zeros(1)})),
            "a tensor 'extra' that the model's configuration does not use",
        ),
        (
            changed_weights(lambda weights: weights["model.norm.weight"].fill_(float("nan"))),
            "tensor 'norm.weight' has 16 of 16 weights that are NaN or infinite",
        ),
        (cut_short, "model.safetensors cannot be read"),
        (
            lambda model: (model / "model.safetensors").write_bytes(b"\0" * 200),
            "model.safetensors cannot be read",
        ),
        (lambda model: (model / "config.json").write_text("{"), "config.json cannot be read"),
        (lambda model: (model / "tokenizer.json").write_text("{}"), "tokenizer.json cannot be read"),
        (changed_config(layer_map="0_2_2_3"), "layer 1 reads the K/V of layer 2"),
        # Keys and values that the map wants and the file has not, and the other way round.
        (changed_config(layer_map="0_1s_2s_0"), "no tensor 'layers.2.self_attn.k_proj.weight'"),
        (changed_config(layer_map="0_0s_0s_0"), "layer 1 has a window of 4 and reads the K/V of layer 0"),
        (changed_config(layer_map="0_1s_1s"), "a tensor 'layers.3."),
        (changed_config(hidden_size=32), "tensor 'embed_tokens.weight' has shape"),
        (changed_config(hidden_size="wide"), "config.json has a value of the wrong type"),
        (changed_config(window=4.5), "window"),
        (other_tokenizer, "they do not belong together"),
    ],
)
def test_a_broken_model_is_refused_in_one_line(
    model: Path, damage: Callable[[Path], Any], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(model)
    with pytest.raises(SystemExit) as ended:
        main(["serve", str(model), "--port", "0"])
    shown = capsys.readouterr()
    assert ended.value.code == 2, shown
    assert len(shown.err.splitlines()) == 1
    assert complaint in shown.err


def test_a_broken_gguf_file_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "small.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_embedding_length(16)
    writer.add_tensor("token_embd.weight", np.zeros((8, 16), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    for content, complaint in (
        (path.read_bytes(), "lacks 'llama."),
        (path.read_bytes()[:60], "is damaged or cut short"),
        (b"GGML" + path.read_bytes()[4:], "is not a GGUF file"),
    ):
        (tmp_path / "x.gguf").write_bytes(content)
        with pytest.raises(SystemExit) as ended:
            main(["serve", str(tmp_path / "x.gguf"), "--port", "0"])
        said = capsys.readouterr().err
        assert (ended.value.code, len(said.splitlines())) == (2, 1)
        assert complaint in said
