"""Majority vote over the answers of parallel rollouts: a diagnostic beside parallel thinking.

It costs nothing beyond the rollouts, so it tells what the aggregator adds or loses.
"""

import re
from collections.abc import Sequence

from fireside.agents.types import Attempt, Trajectory

__all__ = ["count_answers", "majority_attempt"]


def count_answers(answers: Sequence[str]) -> list[tuple[int, int]]:
    """Different answers as (position of the first that says it, how many do), most frequent first.

    Answers agree where they have the same words and numbers in the same order, case apart. Of equally
    frequent ones the earlier comes first. Empty answers are left out.

    >>> count_answers(["Paris", "Lyon.", "", "lyon"])
    [(1, 2), (0, 1)]
    """
    keys = [" ".join(re.findall(r"[^\W_]+(?:[.,]\d+)*", answer.lower())) for answer in answers]
    different = {key: (keys.index(key), keys.count(key)) for key in keys if key}
    return sorted(different.values(), key=lambda pair: (-pair[1], pair[0]))


def majority_attempt(attempt: Attempt) -> Attempt:
    """An attempt by parallel rollouts, with the majority's answer in place of the aggregator's."""
    rollouts: tuple[Trajectory, ...] = attempt.others or (attempt.final,)
    counted = count_answers([rollout.answer for rollout in rollouts])
    chosen = counted[0][0] if counted else 0
    return Attempt(final=rollouts[chosen], others=tuple(r for i, r in enumerate(rollouts) if i != chosen))
