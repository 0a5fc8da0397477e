"""A model measured: RULER by task and length, benchmarks by category, perplexity of a text."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from fireside.agents.benchmark.bootstrap import total_interval
from fireside.core.atomic import write_bytes
from fireside.core.config import config, to_dict
from fireside.core.errors import ConfigError, InputError
from fireside.core.protocols import TokenSampler
from fireside.lm.engine.engine import Engine
from fireside.lm.engine.engine_config import EngineConfig
from fireside.lm.evaluate.gauntlet import category_scores, read_gauntlet, score_benchmark
from fireside.lm.evaluate.perplexity import held_out_loss
from fireside.lm.evaluate.ruler import (
    Prompting,
    RulerResult,
    RulerTexts,
    chat_prompting,
    run_ruler,
    text_prompting,
)
from fireside.lm.evaluate.wilson import wilson_interval
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer
from fireside.recipes.convert_model import read_texts, rows_batch, token_rows

__all__ = [
    "RulerConfig",
    "effective_length",
    "evaluate_gauntlet",
    "evaluate_perplexity",
    "evaluate_ruler",
    "read_evaluation",
    "summary_of",
    "write_evaluation",
]

THRESHOLD = 0.856
"""Llama 2 7B's average at 4,096 tokens, which the paper calls good enough (section 4)."""


@config
class RulerConfig:
    """Which prompts.

    Attributes:
        lengths: tokens of prompt and answer together.
        tasks: names; all thirteen where there are none.
        num_samples: of each task at each length.
        seed: of the prompts.
    """

    lengths: tuple[int, ...] = (1024, 2048)
    tasks: tuple[str, ...] = ()
    num_samples: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.lengths or min(self.lengths) < 1 or self.num_samples < 1:
            raise ConfigError(
                f"lengths are {self.lengths}, num_samples is {self.num_samples}: give lengths and samples of "
                "at least 1"
            )


def evaluate_ruler(
    sampler: TokenSampler,
    prompting: Prompting,
    texts: RulerTexts,
    settings: RulerConfig,
    on_done: Callable[[str, int, list[RulerResult]], None] = lambda task, length, results: None,
) -> dict[str, Any]:
    """JSON-ready: every answer, and the summary of `summary_of`."""
    results = run_ruler(
        sampler,
        prompting,
        lengths=settings.lengths,
        num_samples=settings.num_samples,
        texts=texts,
        tasks=settings.tasks,
        seed=settings.seed,
        on_done=on_done,
    )
    return {
        "settings": to_dict(settings),
        **summary_of(results, seed=settings.seed),
        "answers": msgspec.to_builtins(results),
    }


def summary_of(results: Sequence[RulerResult], *, seed: int = 0) -> dict[str, Any]:
    """Means by task and length with Wilson's intervals, averages over tasks with bootstrap ones."""
    cells: dict[str, dict[str, Any]] = {}
    averages = {}
    for length in sorted({one.length for one in results}):
        here = [one for one in results if one.length == length]
        for task in dict.fromkeys(one.task for one in here):
            scores = [one.score for one in here if one.task == task]
            mean = sum(scores) / len(scores)
            low, high = wilson_interval(mean, len(scores))
            cell = {"score": mean, "low": low, "high": high, "count": len(scores)}
            cells.setdefault(task, {})[str(length)] = cell
        total = total_interval(np.array([one.score for one in here]), [one.task for one in here], seed=seed)
        averages[str(length)] = {
            "score": total.mean,
            "low": total.low,
            "high": total.high,
            "count": total.count,
        }
    scores_by_length = {int(length): one["score"] for length, one in averages.items()}
    return {
        "tasks": cells,
        "averages": averages,
        "threshold": THRESHOLD,
        "effective_length": effective_length(scores_by_length),
    }


def effective_length(averages: dict[int, float], threshold: float = THRESHOLD) -> int | None:
    """The greatest length up to which every average reaches the threshold; `None` where the first does not.

    >>> effective_length({1024: 0.95, 2048: 0.9, 4096: 0.5}), effective_length({1024: 0.1})
    (2048, None)
    """
    effective = None
    for length in sorted(averages):
        if averages[length] < threshold:
            break
        effective = length
    return effective


def engine_of(model: Transformer, tokenizer: Tokenizer, name: str) -> tuple[Engine, Prompting]:
    """An engine, and how it is asked: in a conversation where the model has a chat template."""
    engine = Engine(model, tokenizer, EngineConfig(model_name=name, remember_prefixes=False))
    if tokenizer.chat_template is None:
        return engine, text_prompting(tokenizer)
    return engine, chat_prompting(engine, tokenizer)


def evaluate_gauntlet(
    model: Transformer, tokenizer: Tokenizer, sampler: TokenSampler, folder: Path
) -> dict[str, Any]:
    """Scores of all benchmarks of a folder, and their averages above chance."""
    scores = [score_benchmark(model, tokenizer, sampler, one) for one in read_gauntlet(folder)]
    return {**msgspec.to_builtins(category_scores(scores)), "benchmarks": msgspec.to_builtins(scores)}


def evaluate_perplexity(
    model: Transformer, tokenizer: Tokenizer, source: Path, sequence_length: int
) -> dict[str, Any]:
    """The loss on a text, in nats per token, its perplexity and the tokens predicted."""
    rows = token_rows(tokenizer, read_texts(source), min(sequence_length, model.config.context_length))
    loss = held_out_loss(model, [rows_batch(row[None]) for row in rows])
    return {"loss": loss.loss, "perplexity": loss.perplexity, "num_tokens": loss.num_tokens}


def write_evaluation(path: Path, results: dict[str, Any]) -> None:
    """Write results as JSON."""
    write_bytes(path, msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")


def read_evaluation(path: Path) -> dict[str, Any]:
    """What `write_evaluation` wrote.

    Raises:
        InputError: it is not there, or something else.
    """
    try:
        results = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError) as error:
        raise InputError(f"{path} is no evaluation ({error}): write one with `fireside lm eval`") from error
    if "model" not in results:
        raise InputError(f"{path} names no model: write one with `fireside lm eval --out`")
    return results
