"""`DurationChoice`: how long to upsample, from what a sweep has measured.

The rule, in words:

1. Only replicates count in which every duration has ended, so that all are compared on the same ones.
2. A duration is admissible when its mean general gain is not below minus the tolerance.
3. Of the admissible ones, the one with the highest mean target gain is chosen.
4. A duration is tied with it when their target gains, paired by replicate, are not told apart: the p-value
   of a paired t-test, after Holm's correction over all durations compared, is 0.05 or more, or there is but
   one replicate.

The gain of the winner of many is flattered a little; its interval is not corrected for having won.

Shape legend: R replicates, D durations.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fireside.mixing.estimate import Estimate, estimate, estimates, judged_together

__all__ = ["DurationChoice", "choose_duration", "pareto_set"]

Float64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class DurationChoice:
    """What the rule says; durations are numbered as they were given.

    Attributes:
        best: the duration chosen; `None` where none is admissible, or none could be compared.
        tied: admissible durations that are not told apart from the best one.
        admissible: durations within the tolerance.
        pareto: durations that no other, and not the base mix, beats in one gain without losing in the other.
        target: the target gain of the best one.
        general: the general gain of the best one.
        num_replicates: how many replicates have every duration.
    """

    best: int | None
    tied: tuple[int, ...]
    admissible: tuple[int, ...]
    pareto: tuple[int, ...]
    target: Estimate | None
    general: Estimate | None
    num_replicates: int


def choose_duration(target_RD: Float64Array, general_RD: Float64Array, tolerance: float) -> DurationChoice:
    """Apply the rule above.

    Args:
        target_RD: gains over the base mix on the target domains; NaN where a run has not ended.
        general_RD: the same on the general domains.
        tolerance: how much general gain may be lost, in the unit of the gains; 0 or more.

    >>> target_RD = np.array([[0.10, 0.20, 0.30], [0.11, 0.19, 0.32], [0.09, 0.21, 0.28]])
    >>> general_RD = np.array([[-0.01, -0.03, -0.09], [-0.01, -0.02, -0.08], [0.0, -0.03, -0.1]])
    >>> choice = choose_duration(target_RD, general_RD, tolerance=0.05)
    >>> choice.best, choice.tied, choice.admissible, choice.pareto
    (1, (), (0, 1), (0, 1, 2))
    """
    there = np.flatnonzero((np.isfinite(target_RD) & np.isfinite(general_RD)).any(axis=0))
    both_RD = np.isfinite(target_RD[:, there]) & np.isfinite(general_RD[:, there])
    whole = np.flatnonzero(both_RD.all(axis=1)) if len(there) else np.array([], dtype=np.intp)
    if not len(whole):
        return DurationChoice(None, (), (), (), None, None, 0)
    target_WD, general_WD = target_RD[np.ix_(whole, there)], general_RD[np.ix_(whole, there)]
    target_D, general_D = target_WD.mean(axis=0), general_WD.mean(axis=0)
    pareto_D = pareto_set(np.append(target_D, 0.0), np.append(general_D, 0.0))[:-1]
    pareto = tuple(int(d) for d in there[pareto_D])
    # A mean of exactly the tolerance is within it, whatever the last bit of the subtraction says.
    admissible = np.flatnonzero(general_D >= -tolerance - 1e-12)
    if not len(admissible):
        return DurationChoice(None, (), (), pareto, None, None, len(whole))
    best = int(admissible[np.argmax(target_D[admissible])])
    rivals = [int(d) for d in admissible if d != best]
    leads = judged_together(estimates(target_WD[:, [best]] - target_WD[:, rivals]))
    return DurationChoice(
        best=int(there[best]),
        tied=tuple(
            int(there[d]) for d, lead in zip(rivals, leads, strict=True) if lead is None or not lead.holds
        ),
        admissible=tuple(int(there[d]) for d in admissible),
        pareto=pareto,
        target=estimate(target_WD[:, best]),
        general=estimate(general_WD[:, best]),
        num_replicates=len(whole),
    )


def pareto_set(first_N: Float64Array, second_N: Float64Array) -> BoolArray:
    """Which points no other point beats: at least as high in both, and higher in one.

    >>> pareto_set(np.array([1.0, 2.0, 1.0]), np.array([3.0, 1.0, 2.0])).tolist()
    [True, True, False]
    """
    as_high_NN = (first_N[:, None] >= first_N) & (second_N[:, None] >= second_N)
    higher_NN = (first_N[:, None] > first_N) | (second_N[:, None] > second_N)
    return np.asarray(~(as_high_NN & higher_NN).any(axis=0))
