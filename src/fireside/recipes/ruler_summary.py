"""RULER's answers summed up: scores by task and length, averages, and how far a model reads well."""

from collections.abc import Sequence
from typing import Any

from fireside.lm.evaluate.ruler import RulerResult
from fireside.lm.evaluate.wilson import wilson_interval

__all__ = ["GOOD_ENOUGH", "effective_length", "ruler_summary"]

GOOD_ENOUGH = 0.856
"""Llama 2 7B's average at 4,096 tokens, which the paper calls good enough (section 4)."""


def ruler_summary(results: Sequence[RulerResult]) -> dict[str, Any]:
    """JSON-ready means with Wilson's 95 % intervals.

    Returns:
        `tasks`: task -> length -> score; `averages`: length -> score, the mean over tasks, which all have
        the same number of samples; `effective_length`.

    >>> one = dict(index=0, num_tokens=900, answer="a", references=("a",), length=1024)
    >>> results = [RulerResult(task="vt", score=1.0, **one), RulerResult(task="cwe", score=0.5, **one)]
    >>> summary = ruler_summary(results)
    >>> summary["averages"]["1024"]["score"], summary["tasks"]["cwe"]["1024"]["count"]
    (0.75, 1)
    """
    tasks: dict[str, dict[str, Any]] = {}
    averages: dict[str, dict[str, Any]] = {}
    for length in sorted({one.length for one in results}):
        here = [one for one in results if one.length == length]
        for task in dict.fromkeys(one.task for one in here):
            scores = [one.score for one in here if one.task == task]
            tasks.setdefault(task, {})[str(length)] = _cell(scores)
        averages[str(length)] = _cell([one.score for one in here])
    means = {int(length): cell["score"] for length, cell in averages.items()}
    return {
        "tasks": tasks,
        "averages": averages,
        "good_enough": GOOD_ENOUGH,
        "effective_length": effective_length(means),
    }


def effective_length(averages: dict[int, float], good_enough: float = GOOD_ENOUGH) -> int | None:
    """The greatest length up to which every average is good enough; `None` where the first is not.

    >>> effective_length({1024: 0.95, 2048: 0.9, 4096: 0.5}), effective_length({1024: 0.1})
    (2048, None)
    """
    effective = None
    for length in sorted(averages):
        if averages[length] < good_enough:
            break
        effective = length
    return effective


def _cell(scores: Sequence[float]) -> dict[str, float | int]:
    mean = sum(scores) / len(scores)
    low, high = wilson_interval(mean, len(scores))
    return {"score": mean, "low": low, "high": high, "count": len(scores)}
