"""Sums of numbers by keys that are numbers too: `GROUP BY` on arrays.

Arrow's own grouping takes twenty times longer where keys are whole numbers in float64, whose hashes collide.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fireside.compute import Collective

__all__ = ["gather_groups", "grouped_counts", "grouped_sums", "merge_groups", "numbered"]

FloatArray = npt.NDArray[np.float64]

MOST_WHOLE = 1024
"""Whole numbers within so wide a range are their own numbering, without being sorted."""


def grouped_sums(keys: Sequence[npt.NDArray[Any]], values: Sequence[FloatArray]) -> FloatArray:
    """float64[K + V, G], the distinct combinations of K keys, in order, and the sums of V numbers of each.

    Args:
        keys: K arrays [N]; those of integers must be from 0 on.
        values: V arrays, float64[N].

    >>> grouped_sums([np.array([2.0, 1.0, 2.0]), np.array([0, 0, 0])], [np.array([1.0, 10.0, 100.0])])
    array([[  1.,   2.],
           [  0.,   0.],
           [ 10., 101.]])
    """
    groups = _grouped(keys, values)
    return np.delete(groups, len(keys), axis=0)


def grouped_counts(keys: Sequence[npt.NDArray[Any]]) -> FloatArray:
    """float64[K + 1, G], the distinct combinations of K keys, in order, and how often each occurs.

    >>> grouped_counts([np.array([2.0, 1.0, 2.0])])
    array([[1., 2.],
           [1., 2.]])
    """
    return _grouped(keys, [])


def numbered(key: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Numbers that hold all of a key, ascending, and int64[N], the place of each entry among them.

    >>> known, places = numbered(np.array([0.5, 2.0, 0.5]))
    >>> known.tolist(), places.tolist()
    ([0.5, 2.0], [0, 1, 0])
    """
    if np.issubdtype(key.dtype, np.integer):
        return np.arange(int(key.max()) + 1), key.astype(np.int64, copy=False)
    with np.errstate(invalid="ignore"):
        whole = key.astype(np.int64)
    low, high = int(whole.min()), int(whole.max())
    if high - low < MOST_WHOLE and np.array_equal(whole, key):
        return np.arange(low, high + 1, dtype=np.float64), whole - low if low else whole
    known, places = np.unique(key, return_inverse=True)
    return known, places


def _grouped(keys: Sequence[npt.NDArray[Any]], values: Sequence[FloatArray]) -> FloatArray:
    """float64[K + 1 + V, G], the distinct combinations of K keys, their counts, and sums of V numbers."""
    if not len(keys[0]):
        return np.zeros((len(keys) + 1 + len(values), 0))
    distinct, codes, cells = [], np.zeros(1, np.int64), 1
    for key in keys:
        known, places = numbered(key)
        if cells * len(known) >= 2**62:
            raise OverflowError(f"{cells} x {len(known)} combinations of keys cannot be numbered")
        distinct.append(known)
        codes = codes * len(known) + places if cells > 1 else places
        cells *= len(known)
    # A bin for each combination is fastest while there are not many more of them than rows.
    if cells <= 1_000_000 + 2 * len(codes):
        counts = np.bincount(codes, minlength=cells)
        found = np.flatnonzero(counts)
        sums = [counts[found], *(np.bincount(codes, value, minlength=cells)[found] for value in values)]
    else:
        found, places, counts = np.unique(codes, return_inverse=True, return_counts=True)
        sums = [counts, *(np.bincount(places, value, minlength=len(found)) for value in values)]
    columns = np.unravel_index(found, [len(known) for known in distinct])
    return np.stack(
        [*(k[c].astype(np.float64) for k, c in zip(distinct, columns, strict=True)), *sums]
    ).astype(np.float64, copy=False)


def merge_groups(parts: Sequence[FloatArray], num_keys: int) -> FloatArray:
    """The groups of several results of `grouped_sums`, added up."""
    every = np.concatenate(parts, axis=1)
    return grouped_sums(list(every[:num_keys]), list(every[num_keys:]))


def gather_groups(collective: Collective, groups: FloatArray, num_keys: int) -> FloatArray:
    """The groups of all processes, added up, on every process."""
    return groups if collective.world_size == 1 else merge_groups(collective.allgather(groups), num_keys)
