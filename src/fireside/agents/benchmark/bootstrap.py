"""Bootstrap intervals of a mean over questions, and of the difference of two systems on the same questions.

Questions are resampled within their kind, because the total is the unweighted mean of the kinds' means (as
KARL's is of its six tasks): the composition of the set is fixed, its questions are drawn.

Shape legend: Q questions, K kinds, R resamples.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from fireside.core.errors import InputError
from fireside.core.seeding import RandomStreams

__all__ = ["Interval", "kind_means", "paired_difference", "total_interval"]

Float64Array = npt.NDArray[np.float64]

NUM_RESAMPLES = 2000


class Interval(msgspec.Struct, frozen=True):
    """A mean and its 95 % percentile interval, from `count` questions."""

    mean: float
    low: float
    high: float
    count: int


def kind_means(scores_Q: Float64Array, kinds_Q: Sequence[str], *, seed: int) -> dict[str, Interval]:
    """The mean score of each kind, kinds in alphabetical order.

    >>> kind_means(np.array([1.0, 1.0, 0.0]), ["a", "a", "b"], seed=0)["a"]
    Interval(mean=1.0, low=1.0, high=1.0, count=2)
    """
    return {kind: _interval([scores_Q[rows]], seed) for kind, rows in _rows_by_kind(kinds_Q).items()}


def total_interval(scores_Q: Float64Array, kinds_Q: Sequence[str], *, seed: int) -> Interval:
    """The unweighted mean over kinds of their mean scores.

    Args:
        scores_Q: float64.
        kinds_Q: the kind of each question.
        seed: of the resamples.

    Raises:
        InputError: there are no questions, or the lengths differ.

    >>> total_interval(np.array([1.0, 1.0, 0.0]), ["a", "a", "b"], seed=0).mean
    0.5
    """
    if not len(scores_Q) or len(scores_Q) != len(kinds_Q):
        raise InputError(f"{len(scores_Q)} scores for {len(kinds_Q)} kinds: give one of each a question")
    return _interval([scores_Q[rows] for rows in _rows_by_kind(kinds_Q).values()], seed)


def paired_difference(
    scores_Q: Float64Array, baseline_Q: Float64Array, kinds_Q: Sequence[str], *, seed: int
) -> Interval:
    """The total of `scores_Q - baseline_Q`, both on the same questions in the same order.

    >>> paired_difference(np.array([1.0, 0.5]), np.array([0.5, 0.0]), ["a", "a"], seed=0)
    Interval(mean=0.5, low=0.5, high=0.5, count=2)
    """
    if len(scores_Q) != len(baseline_Q):
        raise InputError(f"{len(scores_Q)} and {len(baseline_Q)} scores: compare on the same questions")
    return total_interval(scores_Q - baseline_Q, kinds_Q, seed=seed)


def _rows_by_kind(kinds_Q: Sequence[str]) -> dict[str, npt.NDArray[np.intp]]:
    kinds = np.array(kinds_Q)
    return {str(kind): np.flatnonzero(kinds == kind) for kind in np.unique(kinds)}


def _interval(strata: Sequence[Float64Array], seed: int) -> Interval:
    """The mean over strata of their means, each resampled with replacement."""
    generator = RandomStreams(seed).generator("bootstrap")
    means_KR = [
        stratum[generator.integers(len(stratum), size=(NUM_RESAMPLES, len(stratum)))].mean(axis=1)
        for stratum in strata
    ]
    low, high = np.quantile(np.mean(means_KR, axis=0), [0.025, 0.975])
    mean = float(np.mean([stratum.mean() for stratum in strata]))
    return Interval(mean, float(low), float(high), sum(len(stratum) for stratum in strata))
