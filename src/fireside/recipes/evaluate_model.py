"""A model measured: perplexity of a text, benchmarks by category, RULER by task and length."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from fireside.core.config import config, to_dict
from fireside.core.errors import ConfigError, InputError
from fireside.core.protocols import TokenSampler
from fireside.lm.engine.engine import Engine
from fireside.lm.engine.engine_config import EngineConfig
from fireside.lm.evaluate.gauntlet import Benchmark, category_scores, read_gauntlet, score_benchmark
from fireside.lm.evaluate.perplexity import held_out_loss
from fireside.lm.evaluate.ruler import (
    Prompting,
    RulerResult,
    RulerTexts,
    chat_prompting,
    endpoint_prompting,
    run_ruler,
    text_prompting,
)
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer
from fireside.recipes.convert_model import read_texts, rows_batch, token_rows
from fireside.recipes.model_files import load_model, load_tokenizer, name_of_model
from fireside.recipes.ruler_summary import ruler_summary
from fireside.recipes.ruler_texts import RulerFiles, ruler_texts

__all__ = [
    "RulerConfig",
    "engine_of",
    "evaluate_endpoint",
    "evaluate_gauntlet",
    "evaluate_model",
    "evaluate_perplexity",
    "evaluate_ruler",
]

Results = dict[str, Any]
OnDone = Callable[[str, float], None]


def ignore(what: str, score: float) -> None:
    """Tell nobody."""


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


def evaluate_model(
    path: Path | None,
    *,
    name: str | None = None,
    text: Path | None = None,
    sequence_length: int = 512,
    gauntlet: Path | None = None,
    ruler: RulerConfig | None = None,
    files: RulerFiles | None = None,
    on_done: OnDone = ignore,
) -> Results:
    """Measure whatever is asked for.

    Args:
        path: a model as for `load_model`.
        name: what tables call it; by default the name of its file or directory.
        text: a file or folder to take the perplexity of.
        sequence_length: tokens that the model sees of it at a time; no more than its context.
        gauntlet: a folder of benchmarks, see `fireside.lm.evaluate.gauntlet`.
        ruler: which of RULER's prompts.
        files: what these are made of.
        on_done: called with the name and the score of each part that has ended.

    Returns:
        JSON-ready: `model`, `perplexity`, `gauntlet` and `ruler`.

    Raises:
        InputError: nothing is asked for, a file cannot be used, or a length exceeds the model's context.
        CheckpointError: the model is damaged.
    """
    if text is None and gauntlet is None and ruler is None:
        raise InputError("there is nothing to measure: give --text, --gauntlet or --ruler")
    # Whatever the user gives is read before the model, so that a mistake shows at once.
    passages = [] if text is None else read_texts(text)
    benchmarks = [] if gauntlet is None else read_gauntlet(gauntlet)
    texts = RulerTexts() if ruler is None else ruler_texts(files, ruler.tasks)
    model, tokenizer = load_model(path)
    context_length = model.config.context_length
    if ruler is not None and max(ruler.lengths) > context_length:
        raise InputError(f"a length of {max(ruler.lengths)} exceeds the model's context of {context_length}")
    results: Results = {"model": _description(model, name or name_of_model(path))}
    if text is not None:
        results["perplexity"] = evaluate_perplexity(model, tokenizer, passages, sequence_length)
        on_done("perplexity", results["perplexity"]["perplexity"])
    if benchmarks or ruler is not None:
        engine, prompting = engine_of(model, tokenizer, results["model"]["name"])
        if benchmarks:
            results["gauntlet"] = evaluate_gauntlet(model, tokenizer, engine, benchmarks, on_done)
        if ruler is not None:
            results["ruler"] = evaluate_ruler(engine, prompting, texts, ruler, on_done)
    return results


def evaluate_endpoint(
    sampler: TokenSampler,
    path: Path | None,
    *,
    ruler: RulerConfig,
    files: RulerFiles | None = None,
    on_done: OnDone = ignore,
) -> Results:
    """RULER over a model elsewhere, which tells its answers and nothing else.

    Args:
        sampler: answers.
        path: the same model here, or one with the same vocabulary, whose tokenizer counts the lengths.
        ruler: which prompts.
        files: what these are made of.
        on_done: called with the name and the score of each part that has ended.
    """
    prompting = endpoint_prompting(sampler, load_tokenizer(path))
    texts = ruler_texts(files, ruler.tasks)
    scores = evaluate_ruler(sampler, prompting, texts, ruler, on_done)
    return {"model": {"name": sampler.model_name}, "ruler": scores}


def evaluate_ruler(
    sampler: TokenSampler,
    prompting: Prompting,
    texts: RulerTexts,
    settings: RulerConfig,
    on_done: OnDone = ignore,
) -> Results:
    """The summary of `ruler_summary`, the settings and every answer."""

    def told(task: str, length: int, done: list[RulerResult]) -> None:
        on_done(f"ruler {task} at {length:,} tokens", sum(one.score for one in done) / len(done))

    results = run_ruler(
        sampler,
        prompting,
        lengths=settings.lengths,
        num_samples=settings.num_samples,
        texts=texts,
        tasks=settings.tasks,
        seed=settings.seed,
        on_done=told,
    )
    return {
        "settings": to_dict(settings),
        **ruler_summary(results),
        "answers": msgspec.to_builtins(results),
    }


def evaluate_gauntlet(
    model: Transformer,
    tokenizer: Tokenizer,
    sampler: TokenSampler,
    benchmarks: list[Benchmark],
    on_done: OnDone = ignore,
) -> Results:
    """Scores of all benchmarks, and their averages above chance."""
    scores = []
    for one in benchmarks:
        scores.append(score_benchmark(model, tokenizer, sampler, one))
        on_done(f"{one.category}/{one.name}", scores[-1].accuracy)
    return {**msgspec.to_builtins(category_scores(scores)), "benchmarks": msgspec.to_builtins(scores)}


def evaluate_perplexity(
    model: Transformer, tokenizer: Tokenizer, texts: list[str], sequence_length: int
) -> Results:
    """The loss on texts in nats per token, its perplexity, and bits per byte.

    Bits per byte can be compared between models of different vocabularies, the others cannot.
    """
    start = np.array(tokenizer.start_ids, dtype=np.int32)
    room = model.config.context_length - len(start)
    rows = token_rows(tokenizer, texts, min(sequence_length, room))
    # What a model expects before any text stands before every row, or its first words would surprise it.
    rows = np.concatenate([np.tile(start, (len(rows), 1)), rows], axis=1)
    loss = held_out_loss(model, [rows_batch(row[None]) for row in rows])
    num_bytes = sum(len(tokenizer.decode(row[1:]).encode()) for row in rows.tolist())
    return {
        "loss": loss.loss,
        "perplexity": loss.perplexity,
        "bits_per_byte": loss.loss * loss.num_tokens / math.log(2) / num_bytes,
        "num_tokens": loss.num_tokens,
        "sequence_length": rows.shape[1] - 1,
    }


def engine_of(model: Transformer, tokenizer: Tokenizer, name: str) -> tuple[Engine, Prompting]:
    """An engine, and how it is asked: in a conversation where the model has a chat template."""
    engine = Engine(model, tokenizer, EngineConfig(model_name=name, remember_prefixes=False))
    if tokenizer.chat_template is None:
        return engine, text_prompting(tokenizer)
    return engine, chat_prompting(engine, tokenizer)


def _description(model: Transformer, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "layer_map": model.config.layer_map,
        "window": model.config.window,
        "context_length": model.config.context_length,
        "num_parameters": sum(weight.numel() for weight in model.parameters()),
    }
