"""Sparse vectors from buckets: what `FeatureHasher` does after it has hashed.

Shapes: N rows, C columns.
"""

import numpy as np
import numpy.typing as npt

from fireside.core.extras import require
from fireside.ml.linalg import VectorBlock

__all__ = ["summed"]

numba = require("numba", extra="ml")


def summed(buckets_CN: npt.NDArray[np.int32], values_CN: npt.NDArray[np.float64], size: int) -> VectorBlock:
    """Sparse vectors of a size: for each row the values of each bucket added up, from the first column on.

    Args:
        buckets_CN: int32[C, N]; what is in bucket `size` is left out.
        values_CN: float64[C, N].
        size: the number of buckets.

    >>> buckets, values = np.array([[4, 2], [1, 9], [4, 9]], np.int32), np.array([[1.0, 3], [2, 0], [0.5, 0]])
    >>> summed(buckets, values, 9).to_vectors()
    [SparseVector(9, {1: 2.0, 4: 1.5}), SparseVector(9, {2: 3.0})]
    """
    columns, rows = buckets_CN.shape
    indices, values = np.empty(rows * columns, np.int32), np.empty(rows * columns)
    indptr = np.zeros(rows + 1, np.int64)
    _sum_rows(buckets_CN, values_CN, size, indices, values, indptr)
    return VectorBlock(size, indptr, values[: indptr[-1]], indices[: indptr[-1]])


@numba.njit(cache=True, nogil=True)
def _sum_rows(buckets, added, size, indices, values, indptr):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    columns, rows = buckets.shape
    end = 0
    for row in range(rows):
        start = end
        for column in range(columns):
            bucket = buckets[column, row]
            if bucket == size:
                continue
            # Columns are few, so the place among those before is found by looking from the right.
            place = end
            while place > start and indices[place - 1] >= bucket:
                place -= 1
            if place < end and indices[place] == bucket:
                values[place] += added[column, row]
                continue
            for other in range(end, place, -1):
                indices[other], values[other] = indices[other - 1], values[other - 1]
            indices[place], values[place] = bucket, added[column, row]
            end += 1
        indptr[row + 1] = end
