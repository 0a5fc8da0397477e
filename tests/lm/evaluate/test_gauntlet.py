"""Averages above chance by hand, files of all kinds, and greedy continuations against the engine."""

import codecs
import json

import pytest
import torch

from fireside.core.errors import InputError
from fireside.core.protocols import Sample, SamplingParams
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


class Scribe:
    """Answers every prompt with the same text, and keeps the prompts."""

    model_name, context_length = "scribe", 1000

    def __init__(self, tokenizer, text):
        self.tokenizer, self.text, self.prompts = tokenizer, text, []

    def sample(self, requests):
        self.prompts = [self.tokenizer.decode(one.prompt_tokens) for one in requests]
        return [Sample((), (), self.text, "stop", 0) for _ in requests]


@pytest.fixture(scope="module")
def parts():
    tokenizer = Tokenizer.train_bpe(["low lower lowest"], vocab_size=270)
    config = ModelConfig(
        vocab_size=tokenizer.vocab_size, hidden_size=16, intermediate_size=24, num_heads=2, num_kv_heads=1,
        head_dim=8, layer_map="0_1s", context_length=512, initializer_range=0.5,
    )  # fmt: skip
    return Transformer(config, seed=3), tokenizer


SCRIPTS = {
    "greek": ("Η πρωτεύουσα της Γαλλίας είναι", ["το Παρίσι", "η Ρώμη"]),
    "chinese": ("法国的首都是", ["巴黎", "罗马", "伦敦"]),
    "arabic": ("عاصمة فرنسا هي", ["باريس", "روما"]),
    "hindi": ("फ़्रांस की राजधानी", ["पेरिस", "रोम"]),
    "marks": ("a\u2028b\u0085c\r\ttab", ["😀 👩‍👩‍👧", "e\u0301", "\u00e9"]),
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_texts_of_all_scripts_are_ranked_by_their_log_probability_a_byte(parts, tmp_path, script):
    model, tokenizer = parts
    query, choices = SCRIPTS[script]

    def per_byte(choice):
        before, whole = tokenizer.encode(query), tokenizer.encode(f"{query} {choice}")
        logprobs = model.logits(model(torch.tensor([whole[:-1]])))[0].log_softmax(-1)
        own = [logprobs[place - 1, whole[place]].item() for place in range(len(before), len(whole))]
        return sum(own) / len(f" {choice}".encode())

    with torch.no_grad():
        best = max(range(len(choices)), key=lambda number: per_byte(choices[number]))
    (tmp_path / script).mkdir()
    items = [{"query": query, "choices": choices, "gold": gold} for gold in range(len(choices))]
    lines = [json.dumps(one, ensure_ascii=False).encode() for one in items]
    (tmp_path / script / "x.jsonl").write_bytes(codecs.BOM_UTF8 + b"\r\n".join(lines))
    (benchmark,) = read_gauntlet(tmp_path)
    assert benchmark.items[0].pairs[0] == (query, f" {choices[0]}")
    score = score_benchmark(model, tokenizer, Scribe(tokenizer, ""), benchmark)
    assert score.accuracy == pytest.approx(1 / len(choices))  # one of the golds is the best
    (tmp_path / script / "x.jsonl").write_bytes(lines[best])
    (benchmark,) = read_gauntlet(tmp_path)
    assert score_benchmark(model, tokenizer, Scribe(tokenizer, ""), benchmark).accuracy == 1


def test_solved_items_are_others_each_once_and_the_same_for_equal_seeds(parts, tmp_path):
    model, tokenizer = parts
    (tmp_path / "qa").mkdir()
    lines = [f'{{"context": "Q{i}?", "answer": "A{i}", "aliases": ["B{i}"]}}' for i in range(4)]
    (tmp_path / "qa" / "x-2shot.jsonl").write_text("\n".join(lines))
    (benchmark,) = read_gauntlet(tmp_path)
    prompts = []
    for seed in (0, 0, 1):
        scribe = Scribe(tokenizer, " the B2, I think")
        score = score_benchmark(model, tokenizer, scribe, benchmark, seed=seed)
        assert (score.accuracy, score.num_shots, score.chance) == (0.25, 2, 0)
        prompts.append(scribe.prompts)
    assert prompts[0] == prompts[1] != prompts[2]
    for number, prompt in enumerate(prompts[0]):
        *solved, asked = prompt.split("\n")
        assert asked == f"Q{number}?"
        assert len(set(solved)) == 2
        assert set(solved) <= {f"Q{i}? A{i}" for i in range(4) if i != number}


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path):
    (tmp_path / "words" / "x.jsonl").mkdir(parents=True)
    with pytest.raises(InputError, match=r"words/x\.jsonl cannot be read"):
        read_gauntlet(tmp_path)


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
