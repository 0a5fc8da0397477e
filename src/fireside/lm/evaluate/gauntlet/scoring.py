"""A benchmark's score: which items a model has right."""

import re
import string
from collections.abc import Sequence

import msgspec
import numpy as np

from fireside.core.protocols import SampleRequest, SamplingParams, TokenSampler
from fireside.core.seeding import RandomStreams
from fireside.lm.evaluate.continuation import continuation_scores
from fireside.lm.evaluate.gauntlet.files import Benchmark
from fireside.lm.evaluate.gauntlet.items import ExactItem, GeneratedItem, RankedItem
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer

__all__ = ["BenchmarkScore", "begins_with_an_answer", "score_benchmark"]

# Room beside the longest answer, as in llm-foundry.
_EXTRA_TOKENS = 10


class BenchmarkScore(msgspec.Struct, frozen=True, kw_only=True):
    """How a model did.

    Attributes:
        category: of the benchmark.
        name: of the benchmark.
        num_shots: solved items before each.
        num_items: how many were scored.
        accuracy: share of right ones.
        chance: accuracy of guesses.
    """

    category: str
    name: str
    num_shots: int
    num_items: int
    accuracy: float
    chance: float


def score_benchmark(
    model: Transformer, tokenizer: Tokenizer, sampler: TokenSampler, benchmark: Benchmark, *, seed: int = 0
) -> BenchmarkScore:
    """Score all items.

    Args:
        model: ranks and predicts.
        tokenizer: the model's.
        sampler: the same model, where something is to be written.
        benchmark: the items.
        seed: of the choice of solved items.

    Raises:
        InputError: an item does not fit the model's context.
    """
    shots = _shots(benchmark, seed)
    ranked, exact, generated = [], [], []
    for shot, item in zip(shots, benchmark.items, strict=True):
        if isinstance(item, RankedItem):
            ranked.append((shot, item))
        elif isinstance(item, ExactItem):
            exact.append((shot, item))
        else:
            generated.append((shot, item))
    right = [
        *_ranked_right(model, tokenizer, ranked),
        *_exact_right(model, tokenizer, exact),
        *_generated_right(sampler, tokenizer, generated),
    ]
    return BenchmarkScore(
        category=benchmark.category,
        name=benchmark.name,
        num_shots=benchmark.num_shots,
        num_items=len(right),
        accuracy=sum(right) / len(right),
        chance=benchmark.chance,
    )


def begins_with_an_answer(text: str, answers: Sequence[str]) -> bool:
    """Whether a text begins with one of the answers, but for case, articles, punctuation and blanks.

    As llm-foundry scores answers that are written.

    >>> begins_with_an_answer(" The Eiffel Tower, in Paris", ["eiffel tower"])
    True
    >>> begins_with_an_answer("Perhaps Paris", ["Paris"])
    False
    """
    plain = _plain(text)
    return any(plain.startswith(_plain(answer)) for answer in answers if _plain(answer))


def _plain(text: str) -> str:
    lower = text.lower().replace("_", " ")
    words = "".join(letter for letter in lower if letter not in string.punctuation).split()
    return re.sub(r"\b(a|an|the) ", "", " ".join(words))


def _shots(benchmark: Benchmark, seed: int) -> list[str]:
    """For each item, other items solved, one a line."""
    streams = RandomStreams(seed)
    texts = []
    for index in range(len(benchmark.items)):
        generator = streams.generator(f"shots/{benchmark.category}/{benchmark.name}", index)
        others = generator.choice(len(benchmark.items) - 1, benchmark.num_shots, replace=False)
        chosen = [int(other) + int(other >= index) for other in others]
        texts.append("".join(f"{benchmark.items[other].solved}\n" for other in chosen))
    return texts


def _ranked_right(
    model: Transformer, tokenizer: Tokenizer, items: Sequence[tuple[str, RankedItem]]
) -> list[bool]:
    pairs = [(shot + context, after) for shot, item in items for context, after in item.pairs]
    scores = iter(continuation_scores(model, tokenizer, pairs))
    right = []
    for _, item in items:
        per_byte = [next(scores).logprob / len(after.encode()) for _, after in item.pairs]
        right.append(int(np.argmax(per_byte)) == item.gold)
    return right


def _exact_right(
    model: Transformer, tokenizer: Tokenizer, items: Sequence[tuple[str, ExactItem]]
) -> list[bool]:
    pairs = [(shot + item.context, item.continuation) for shot, item in items]
    scores = continuation_scores(model, tokenizer, pairs, with_greedy=True)
    return [bool(one.is_greedy) for one in scores]


def _generated_right(
    sampler: TokenSampler, tokenizer: Tokenizer, items: Sequence[tuple[str, GeneratedItem]]
) -> list[bool]:
    if not items:
        return []
    answers = [answer for _, item in items for answer in item.answers]
    room = max(len(tokens) for tokens in tokenizer.encode_batch(answers)) + _EXTRA_TOKENS
    params = SamplingParams(max_tokens=room, temperature=0.0, stop=("\n",))
    prompts = [(*tokenizer.start_ids, *tokenizer.encode(shot + item.context)) for shot, item in items]
    samples = sampler.sample([SampleRequest(prompt, params) for prompt in prompts])
    return [
        begins_with_an_answer(sample.text, item.answers)
        for sample, (_, item) in zip(samples, items, strict=True)
    ]
