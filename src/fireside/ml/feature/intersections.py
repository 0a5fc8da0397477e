"""Sizes of the intersections of many pairs of sorted sets."""

from typing import Any

import numpy as np
import numpy.typing as npt

from fireside.core.extras import require

__all__ = ["count_common"]

numba = require("numba", extra="ml")
Int64Array = npt.NDArray[np.int64]


def count_common(
    members_a: Int64Array,
    bounds_a: Int64Array,
    members_b: Int64Array,
    bounds_b: Int64Array,
    rows_a: npt.NDArray[np.intp],
    rows_b: npt.NDArray[np.intp],
) -> Int64Array:
    """int64[P], how many members set `rows_a[p]` of one family and set `rows_b[p]` of another have in common.

    Args:
        members_a: int64[E], the members of all sets of the first family, ascending within each set.
        bounds_a: int64[N+1], where each set starts.
        members_b: of the second family.
        bounds_b: of the second family.
        rows_a: intp[P].
        rows_b: intp[P].

    >>> sets, bounds, one = np.array([1, 2, 5, 2, 5, 9]), np.array([0, 3, 6]), np.array([0])
    >>> count_common(sets, bounds, sets, bounds, one, one + 1)
    array([2])
    """
    common: Int64Array = _count(members_a, bounds_a, members_b, bounds_b, rows_a, rows_b)
    return common


@numba.njit(cache=True, nogil=True)
def _count(  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    members_a: Any, bounds_a: Any, members_b: Any, bounds_b: Any, rows_a: Any, rows_b: Any
):
    common = np.zeros(len(rows_a), np.int64)
    for pair in range(len(rows_a)):
        i, end_i = bounds_a[rows_a[pair]], bounds_a[rows_a[pair] + 1]
        j, end_j = bounds_b[rows_b[pair]], bounds_b[rows_b[pair] + 1]
        count = 0
        while i < end_i and j < end_j:
            if members_a[i] == members_b[j]:
                count += 1
                i += 1
                j += 1
            elif members_a[i] < members_b[j]:
                i += 1
            else:
                j += 1
        common[pair] = count
    return common
