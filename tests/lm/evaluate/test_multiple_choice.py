"""Scores of choices against the plain computation, one at a time, and models whose answer is known."""

import math

import numpy as np
import pytest
import torch

from fireside.core.errors import InputError
from fireside.lm.config import ModelConfig
from fireside.lm.evaluate.multiple_choice import (
    MultipleChoiceItem,
    choice_logprobs,
    multiple_choice,
    read_multiple_choice,
)
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer

TOKENIZER = Tokenizer.train_bpe(["the cat sat on the mat, the dog sat on the log"] * 3, vocab_size=280)
SHAPE = ModelConfig(
    vocab_size=280,
    hidden_size=16,
    intermediate_size=24,
    num_heads=2,
    num_kv_heads=1,
    head_dim=8,
    layer_map="0_1s",
    window=4,
    context_length=24,
    initializer_range=0.3,
)
ITEMS = [
    MultipleChoiceItem(context="the cat sat on", choices=[" the mat", " a dog", " it"], answer=0),
    MultipleChoiceItem(context="", choices=["the log", "thé chat"], answer=1),
    MultipleChoiceItem(context="the ca", choices=["t sat", "mel", "t"], answer=2),
    MultipleChoiceItem(
        context="a very long story of a dog and a log " * 4, choices=[" the", " on"], answer=1
    ),
]


def knows_nothing():
    model = Transformer(SHAPE, seed=0)
    with torch.no_grad():
        model.norm.weight.zero_()
    return model


def one_at_a_time(model, item, choice):
    """The last token of a context that would merge with the choice is scored with it."""
    whole, context = TOKENIZER.encode(item.context + choice), TOKENIZER.encode(item.context)
    first = 0
    while first < len(context) and context[first] == whole[first]:
        first += 1
    total = 0.0
    for place in range(first, len(whole)):
        start = max(0, len(whole) - 1 - SHAPE.context_length)
        before = whole[start:place] if first else [TOKENIZER.eos_id, *whole[:place]]
        logits = model.logits(model(torch.tensor([before]))[0, -1])
        total += torch.log_softmax(logits.double(), -1)[whole[place]].item()
    return total


def test_scores_are_those_of_one_choice_at_a_time():
    model = Transformer(SHAPE, seed=0)
    found = choice_logprobs(model, TOKENIZER, ITEMS)
    assert [len(logprobs) for logprobs in found] == [3, 2, 3, 2]
    for item, logprobs in zip(ITEMS, found, strict=True):
        with torch.no_grad():
            wanted = [one_at_a_time(model, item, choice) for choice in item.choices]
        np.testing.assert_allclose(logprobs, wanted, rtol=1e-5)


def test_scores_do_not_depend_on_the_batch(monkeypatch):
    model = Transformer(SHAPE, seed=0)
    together = choice_logprobs(model, TOKENIZER, ITEMS)
    monkeypatch.setattr("fireside.lm.evaluate.continuation.BATCH_TOKENS", 1)
    for one, other in zip(together, choice_logprobs(model, TOKENIZER, ITEMS), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_a_model_that_knows_nothing_prefers_few_tokens_and_per_byte_many_bytes_a_token():
    # Every token costs ln 280: " the" is one token of four bytes, "zz" two tokens of two bytes.
    item = MultipleChoiceItem(context="on", choices=["zz", " the"], answer=1)
    longer = MultipleChoiceItem(context="on", choices=[" the", " the the"], answer=0)
    assert len(TOKENIZER.encode(" the")) == 1
    zz, the = choice_logprobs(knows_nothing(), TOKENIZER, [item])[0] / -math.log(280)
    assert (zz, the) == pytest.approx((2, 1), rel=1e-6)
    score = multiple_choice(knows_nothing(), TOKENIZER, [item, longer])
    assert score.correct_N.tolist() == [True, True]
    assert score.correct_by_sum_N.tolist() == [True, True]


def test_sums_favour_short_choices_and_bytes_do_not():
    # "z" costs one token a byte, " the the" one token for four bytes.
    item = MultipleChoiceItem(context="on", choices=["z", " the the"], answer=1)
    score = multiple_choice(knows_nothing(), TOKENIZER, [item])
    assert (score.accuracy, score.accuracy_by_sum) == (1.0, 0.0)


def test_a_model_made_to_say_one_token_answers_with_it():
    (token,) = TOKENIZER.encode(" the")
    model = Transformer(SHAPE, seed=0)
    with torch.no_grad():
        model.embed_tokens.weight[token] = 0.0
        hidden = model(torch.tensor([TOKENIZER.encode("on")]))[0, -1]
        model.embed_tokens.weight[token] = 10 * hidden
    choices = [" on", " the", " log"]
    items = [MultipleChoiceItem(context="on", choices=choices, answer=answer) for answer in range(3)]
    score = multiple_choice(model, TOKENIZER, items)
    assert score.correct_N.tolist() == [False, True, False]
    assert score.accuracy == pytest.approx(1 / 3)


def test_chance_is_the_mean_over_items():
    assert multiple_choice(knows_nothing(), TOKENIZER, ITEMS).chance == pytest.approx((2 / 3 + 2 / 2) / 4)


def test_scoring_leaves_the_model_and_the_global_generator_as_they_are():
    model, state = Transformer(SHAPE, seed=0), torch.get_rng_state()
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    multiple_choice(model, TOKENIZER, ITEMS)
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert model.training
    assert torch.equal(state, torch.get_rng_state())


def test_what_does_not_fit_is_named():
    model = Transformer(SHAPE, seed=0)
    long = MultipleChoiceItem(context="x", choices=["q" * 25, "z"], answer=0)
    with pytest.raises(InputError, match=r"'qqq.* of 'x' has 25 tokens, the model reads 24"):
        multiple_choice(model, TOKENIZER, [ITEMS[0], long])
    small = Transformer(
        ModelConfig(**{**{f: getattr(SHAPE, f) for f in SHAPE.__slots__}, "vocab_size": 100}), seed=0
    )
    with pytest.raises(InputError, match="does not fit a vocabulary of 100: give the model's own tokenizer"):
        multiple_choice(small, TOKENIZER, ITEMS)
    with pytest.raises(InputError, match="there is no item"):
        multiple_choice(model, TOKENIZER, [])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: "),
        ('{"context": "a", "choices": ["b"], "answer": 0}', r"line 2: at least two different choices"),
        ('{"context": "a", "choices": ["b", "b"], "answer": 0}', r"line 2: at least two different choices"),
        ('{"context": "a", "choices": ["b", ""], "answer": 0}', r"line 2: at least two different choices"),
        ('{"context": "a", "choices": ["b", "c"], "answer": 2}', "line 2: answer 2 is not among 2 choices"),
        ('{"context": "a", "choices": ["b", "c"]}', "line 2: .*answer"),
    ],
)
def test_a_line_that_is_no_item_is_named(tmp_path, line, message):
    path = tmp_path / "task.jsonl"
    path.write_text('{"context": "a", "choices": ["b", "c"], "answer": 1}\n' + line + "\n")
    with pytest.raises(InputError, match=message):
        read_multiple_choice(path)


def test_a_file_without_items_is_named(tmp_path):
    with pytest.raises(InputError, match=r"missing\.jsonl cannot be read"):
        read_multiple_choice(tmp_path / "missing.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(InputError, match="holds no item"):
        read_multiple_choice(tmp_path / "empty.jsonl")
