"""Conversion of a model on disk: what is written, measured and said."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from fireside.cli.main import main
from fireside.core.errors import ConfigError, InputError
from fireside.core.metrics import read_metrics
from fireside.lm.config import ModelConfig
from fireside.lm.convert.hugging_face import load_hugging_face, save_hugging_face
from fireside.lm.engine.kv_cache import cache_bytes
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer
from fireside.recipes.convert_model import (
    ConversionConfig,
    TokenRows,
    convert_model,
    split_rows,
    token_rows,
)

TEXTS = [f"Lighthouse {i}: height {i * 7 % 90} m, built in {1800 + i * 13 % 120}." for i in range(120)]
SMALL = {"layer_map": "0_1s_1s_0", "window": 8, "sequence_length": 24}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny tensors gain nothing from threads, and the machine may be shared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny full model on disk."""
    path = tmp_path_factory.mktemp("full") / "model"
    tokenizer = Tokenizer.train_bpe(TEXTS, vocab_size=300)
    config = ModelConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=32,
        intermediate_size=48,
        num_heads=4,
        num_kv_heads=2,
        head_dim=8,
        layer_map="0_1_2_3",
        context_length=64,
        initializer_range=0.2,
    )
    save_hugging_face(path, Transformer(config, seed=2), tokenizer)
    return path


def test_a_model_is_converted_healed_measured_and_written(source: Path, tmp_path: Path) -> None:
    settings = ConversionConfig(**SMALL, initialization="owner", heal_steps=40, learning_rate=1e-2)
    results = convert_model(source, tmp_path / "small", settings, TEXTS)
    full, _ = load_hugging_face(source)
    small, _ = load_hugging_face(tmp_path / "small")
    assert (small.config.layer_map, small.config.window) == ("0_1s_1s_0", 8)
    assert results["kv_bytes_before"] == cache_bytes(full.config, 64)
    assert results["kv_bytes"] == cache_bytes(small.config, 64)
    # The full model knows nothing, so that its loss is no mark; how far the new one is from it is.
    distances = [line["train/loss"] for line in read_metrics(tmp_path / "small.healing" / "metrics.jsonl")]
    assert len(distances) == 40
    assert distances[-1] < distances[0] / 2
    assert results["loss_after_healing"] != results["loss_after_surgery"]
    again = convert_model(source, tmp_path / "small", settings, TEXTS)
    assert again == results


def test_without_text_only_what_needs_none_is_done(source: Path, tmp_path: Path) -> None:
    results = convert_model(source, tmp_path / "small", ConversionConfig(**SMALL))
    assert "loss_before" not in results
    for changes in ({"initialization": "least-squares"}, {"initialization": "mean", "heal_steps": 1}):
        with pytest.raises(InputError, match="there is no text"):
            convert_model(source, tmp_path / "other", ConversionConfig(**SMALL, **changes))
    assert not (tmp_path / "other").exists()


def test_rows_hold_every_token_once_and_held_out_ones_are_apart(source: Path) -> None:
    _, tokenizer = load_hugging_face(source)
    rows = token_rows(tokenizer, TEXTS, 24)
    joined = [id for text in TEXTS for id in [*tokenizer.encode(text), tokenizer.eos_id]]
    assert rows.flatten().tolist() == joined[: rows.size]
    assert len(joined) - rows.size < 25
    training, held_out = split_rows(rows, ConversionConfig(**SMALL, held_out_every=5, held_out_rows=3))
    assert len(training) == len(rows) - len(rows) // 5
    assert len(held_out) == 3
    assert not {row.tobytes() for row in training} & {row.tobytes() for row in held_out}
    with pytest.raises(InputError, match="at least 50 are needed"):
        token_rows(tokenizer, ["short"], 24)


def test_every_pass_over_rows_has_an_order_of_its_own_and_any_step_can_be_asked_for() -> None:
    source = TokenRows(np.arange(70, dtype=np.int32).reshape(10, 7), batch_size=4, seed=1)
    firsts = [source.batch(step).inputs_BT[:, 0].tolist() for step in range(5)]
    order = [first for batch in firsts for first in batch]
    assert sorted(order[:10]) == sorted(order[10:]) == list(range(0, 70, 7))
    assert order[:10] != order[10:]
    assert source.batch(3).inputs_BT[:, 0].tolist() == firsts[3]
    other = TokenRows(np.arange(70, dtype=np.int32).reshape(10, 7), batch_size=4, seed=2)
    assert other.fingerprint != source.fingerprint


def test_the_command_says_bytes_and_perplexity(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "lights.txt").write_text("\n".join(TEXTS))
    with pytest.raises(SystemExit) as ended:
        main(
            [
                *("lm", "convert", str(source), str(tmp_path / "small"), "--map", "ma-offset"),
                *("--window", "8", "--sequence-length", "24", "--heal-steps", "2"),
                *("--text", str(tmp_path / "texts")),
            ]
        )
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for words in ("map: 0s_0s_2s_2s", "perplexity before: ", "perplexity after surgery: ", "after healing: "):
        assert words in said
    assert load_hugging_face(tmp_path / "small")[0].config.layer_map == "0s_0s_2s_2s"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--map", "0_1"], "has 2 layers, asked for are 4"),
        (["--map", "ma-pairs", "--init", "least-squares"], "there is no text"),
        (["--map", "ma-pairs", "--heal-steps", "-1"], "heal_steps must be at least 0"),
    ],
)
def test_what_cannot_be_converted_is_one_clear_line(
    source: Path, tmp_path: Path, options: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["lm", "convert", str(source), str(tmp_path / "small"), *options])
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.gguf is neither a file nor a directory"):
        convert_model(tmp_path / "none.gguf", tmp_path / "out", ConversionConfig(layer_map="ma-pairs"))
    with pytest.raises(ConfigError, match="held_out_every"):
        ConversionConfig(layer_map="ma-pairs", held_out_every=1)
