"""Averages above chance: of a category over its benchmarks, of the whole over its categories."""

from collections.abc import Sequence

import msgspec

from fireside.core.errors import InputError
from fireside.lm.evaluate.gauntlet.scoring import BenchmarkScore

__all__ = ["GauntletScore", "category_scores", "normalized"]


class GauntletScore(msgspec.Struct, frozen=True):
    """The averages.

    Attributes:
        categories: the unweighted mean of each category's benchmarks, by name.
        average: the unweighted mean over categories.
    """

    categories: dict[str, float]
    average: float


def normalized(accuracy: float, chance: float) -> float:
    """(accuracy - chance) / (1 - chance): 0 for guesses, 1 for all right; negative below chance.

    Raises:
        InputError: chance is not from 0 to below 1.

    >>> normalized(0.625, 0.25), normalized(0.0, 0.5)
    (0.5, -1.0)
    """
    if not 0 <= chance < 1:
        raise InputError(f"chance is {chance}: it must be at least 0 and below 1")
    return (accuracy - chance) / (1 - chance)


def category_scores(scores: Sequence[BenchmarkScore]) -> GauntletScore:
    """Averages of benchmarks' scores above chance.

    Raises:
        InputError: there are none.
    """
    if not scores:
        raise InputError("there is no benchmark to average: score at least one")
    by_category: dict[str, list[float]] = {}
    for one in scores:
        by_category.setdefault(one.category, []).append(normalized(one.accuracy, one.chance))
    categories = {name: sum(values) / len(values) for name, values in sorted(by_category.items())}
    return GauntletScore(categories, sum(categories.values()) / len(categories))
