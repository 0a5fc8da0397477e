"""Majority vote over the answers of parallel rollouts: a diagnostic beside parallel thinking.

It costs nothing beyond the rollouts, so it tells what the aggregator adds or loses.
"""

import re
from collections import Counter
from collections.abc import Sequence

from fireside.agents.types import Attempt, Trajectory

__all__ = ["majority_answer", "majority_attempt"]


def majority_answer(answers: Sequence[str]) -> int | None:
    """Position of the first answer that says what most say; `None` where all are empty.

    Answers agree where they have the same words and numbers in the same order, case apart. The earlier of two
    equally frequent ones wins.

    >>> majority_answer(["Paris", "Lyon.", "lyon"])
    1
    """
    keys = [" ".join(re.findall(r"[^\W_]+(?:[.,]\d+)*", answer.lower())) for answer in answers]
    counts = Counter(key for key in keys if key)
    if not counts:
        return None
    return keys.index(max(counts, key=lambda key: (counts[key], -keys.index(key))))


def majority_attempt(attempt: Attempt) -> Attempt:
    """An attempt by parallel rollouts, with the majority's answer in place of the aggregator's."""
    rollouts: tuple[Trajectory, ...] = attempt.others or (attempt.final,)
    chosen = majority_answer([rollout.answer for rollout in rollouts]) or 0
    return Attempt(final=rollouts[chosen], others=tuple(r for i, r in enumerate(rollouts) if i != chosen))
