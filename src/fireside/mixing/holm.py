"""Holm's correction: of many comparisons, which hold when all are looked at together.

Of 40 intervals of 95 % about two exclude 0 by chance. Where comparisons with an adjusted p below 0.05 are
believed, at most 5 of 100 tables have even one mistake among them, however the comparisons depend on one
another: those of one sweep do, because they share runs.

Source: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6
(1979), 65-70.
"""

from collections.abc import Sequence

__all__ = ["holm"]


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values of one family, in the order given.

    The i-th smallest of m (from 0) is multiplied by m - i; none is smaller than one before it, or above 1.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = min(1.0, max(largest, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted
