"""Pairs of rows that agree in at least one hash table."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

__all__ = ["candidate_pairs"]

FloatArray = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

PAIRS_AT_ONCE = 4_000_000
"""About how many candidate pairs are held in memory at a time."""


def candidate_pairs(hashes_a: FloatArray, hashes_b: FloatArray) -> Iterator[tuple[Rows, Rows]]:
    """All pairs that agree in a table, each once, a few rows of the first side at a time.

    Args:
        hashes_a: float64[N, T].
        hashes_b: float64[M, T].

    Yields:
        Rows of the first side and, aligned, rows of the second, in ascending order.

    >>> pairs = candidate_pairs(np.array([[1.0, 5.0], [2.0, 6.0]]), np.array([[2.0, 5.0], [9.0, 5.0]]))
    >>> [(left.tolist(), right.tolist()) for left, right in pairs]
    [([0, 0, 1], [0, 1, 0])]
    """
    orders = [np.argsort(column, kind="stable") for column in hashes_b.T]
    starts, counts = _matches(hashes_a, hashes_b, orders)
    per_row = np.cumsum(counts.sum(axis=1))
    first = 0
    while first < len(hashes_a):
        done = per_row[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(per_row, done + PAIRS_AT_ONCE, side="right")))
        rows = slice(first, last)
        keys = np.concatenate(
            [
                _expand(starts[rows, table], counts[rows, table], order, first, len(hashes_b))
                for table, order in enumerate(orders)
            ]
        )
        keys = np.unique(keys)
        if len(keys):
            yield keys // len(hashes_b), keys % len(hashes_b)
        first = last


def _matches(hashes_a: FloatArray, hashes_b: FloatArray, orders: list[Rows]) -> tuple[Rows, Rows]:
    """intp[N, T] each: where equal values start in the sorted second side, and how many there are."""
    starts = np.zeros(hashes_a.shape, np.intp)
    counts = np.zeros(hashes_a.shape, np.intp)
    for table, order in enumerate(orders):
        values = hashes_b[order, table]
        starts[:, table] = np.searchsorted(values, hashes_a[:, table], side="left")
        counts[:, table] = np.searchsorted(values, hashes_a[:, table], side="right") - starts[:, table]
    return starts, counts


def _expand(starts: Rows, counts: Rows, order: Rows, first: int, width: int) -> Rows:
    """One integer for each pair: row of the first side times `width`, plus row of the second."""
    left = np.repeat(np.arange(first, first + len(counts)), counts)
    ends = np.cumsum(counts)
    within = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
    return left * width + order[np.repeat(starts, counts) + within]
