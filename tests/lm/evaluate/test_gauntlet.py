"""Averages above chance by hand, files of all kinds, and greedy continuations against the engine."""

import pytest

from fireside.core.errors import InputError
from fireside.core.protocols import SamplingParams
from fireside.lm.config import ModelConfig
from fireside.lm.engine.engine import Engine
from fireside.lm.evaluate.gauntlet import BenchmarkScore, category_scores, read_gauntlet, score_benchmark
from fireside.lm.evaluate.gauntlet.items import item_of
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer


def scored(category, accuracy, chance):
    return BenchmarkScore(
        category=category, name="x", num_shots=0, num_items=4, accuracy=accuracy, chance=chance
    )


def test_categories_are_averaged_above_chance():
    score = category_scores([scored("a", 0.625, 0.25), scored("a", 0.25, 0.25), scored("b", 1.0, 0.5)])
    assert score.categories == {"a": 0.25, "b": 1.0}
    assert score.average == 0.625


def test_what_the_engine_writes_is_what_counts_as_greedy(tmp_path):
    tokenizer = Tokenizer.train_bpe(["low lower lowest"], vocab_size=257)
    config = ModelConfig(
        vocab_size=257, hidden_size=16, intermediate_size=24, num_heads=2, num_kv_heads=1, head_dim=8,
        layer_map="0_1", context_length=64, initializer_range=0.5,
    )  # fmt: skip
    model = Transformer(config, seed=3)
    engine = Engine(model, tokenizer)
    (tmp_path / "words").mkdir()
    written = engine.generate("low ", SamplingParams(max_tokens=1, temperature=0.0)).tokens
    letters = [chr(97 + i) for i in range(26)]
    lines = "".join(f'{{"context": "low ", "continuation": "{letter}"}}\n' for letter in letters)
    (tmp_path / "words" / "next.jsonl").write_text(lines)
    (benchmark,) = read_gauntlet(tmp_path)
    score = score_benchmark(model, tokenizer, engine, benchmark)
    right = sum(tuple(tokenizer.encode(letter)) == written for letter in letters)
    assert (score.accuracy, score.chance, score.num_items) == (right / 26, 0.0, 26)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b'{"query": "q", "choices": ["a"], "gold": 0}', "two different choices"),
        (b'{"query": "q", "choices": ["a", "b"], "gold": 2}', "right choice is 2 of 2"),
        (b'{"context": "q"}', "of no known kind"),
        (b'{"context": "q", "continuation": " "}', "continuation is empty"),
        (b"[1]", "Expected `object`"),
    ],
)
def test_items_that_cannot_be_are_refused(line, complaint):
    with pytest.raises(InputError, match=complaint):
        item_of(line)


def test_an_empty_folder_says_what_belongs_there(tmp_path):
    with pytest.raises(InputError, match=r"put \.jsonl files into sub-folders"):
        read_gauntlet(tmp_path)
