"""`Estimate`: a mean over replicates of a sweep, with its interval.

The values are differences of two branches of one replicate, so what the branches have in common cancels; the
interval is Student's, for n - 1 degrees of freedom, the same as of a paired t-test. It says what other
replicates of the same kind would give, on the same held-out texts and questions.

Shape legend: R replicates, N quantities.
"""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from fireside.mixing.holm import holm
from fireside.mixing.student_t import t_quantile, two_sided_p

__all__ = ["Estimate", "estimate", "estimates", "judged_together"]

Float64Array = npt.NDArray[np.float64]

LEVEL = 0.05


class Estimate(msgspec.Struct, frozen=True):
    """A mean difference over replicates.

    Attributes:
        mean: over the replicates.
        count: how many replicates.
        low: lower end of the 95 % interval; `None` for one replicate, which tells nothing about noise.
        high: upper end.
        p: two-sided p-value of "the mean is 0"; `None` for one replicate.
        adjusted_p: `p` after Holm's correction over the table that the estimate stands in.
    """

    mean: float
    count: int
    low: float | None = None
    high: float | None = None
    p: float | None = None
    adjusted_p: float | None = None

    @property
    def excludes_zero(self) -> bool:
        """Whether 0 lies outside this interval, looked at alone."""
        return self.p is not None and self.p < LEVEL

    @property
    def holds(self) -> bool:
        """Whether it differs from 0 also when its whole table is looked at."""
        return self.adjusted_p is not None and self.adjusted_p < LEVEL


def estimate(values_R: Float64Array) -> Estimate | None:
    """The mean of the values that are there (NaN: a run that has not ended), with its 95 % t-interval.

    Returns:
        `None` where no value is there; an estimate without an interval where there is one.

    >>> one = estimate(np.array([0.1, 0.2, np.nan, 0.3]))
    >>> one.count, round(one.mean, 6), round(one.low, 4), round(one.high, 4), round(one.p, 4)
    (3, 0.2, -0.0484, 0.4484, 0.0742)
    >>> estimate(np.array([0.1]))
    Estimate(mean=0.1, count=1, low=None, high=None, p=None, adjusted_p=None)
    """
    values = np.asarray(values_R, dtype=np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    mean = float(values.mean())
    if len(values) == 1:
        return Estimate(mean=mean, count=1)
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    half = t_quantile(len(values) - 1) * error
    # Replicates that agree exactly have no noise: 0 is then either the mean or impossible.
    t = mean / error if error > 0 else 0.0 if mean == 0 else math.inf
    p = two_sided_p(t, len(values) - 1)
    return Estimate(mean=mean, count=len(values), low=mean - half, high=mean + half, p=p)


def estimates(values_RN: Float64Array) -> list[Estimate | None]:
    """One estimate a column."""
    return [estimate(values_R) for values_R in np.asarray(values_RN).T]


def judged_together(family: Sequence[Estimate | None]) -> list[Estimate | None]:
    """The same estimates, with p-values adjusted (Holm) for all of them that have one.

    >>> three = judged_together([Estimate(mean=1, count=3, p=0.01), None, Estimate(mean=1, count=3, p=0.04)])
    >>> [one and one.adjusted_p for one in three]
    [0.02, None, 0.04]
    """
    p_values = [one.p for one in family if one is not None and one.p is not None]
    adjusted = iter(holm(p_values))
    return [
        one if one is None or one.p is None else msgspec.structs.replace(one, adjusted_p=next(adjusted))
        for one in family
    ]
