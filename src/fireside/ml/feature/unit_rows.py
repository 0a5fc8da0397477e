"""The compiled kernel of `Normalizer`, for many rows."""

import numpy as np
import numpy.typing as npt

from fireside.core.extras import require

__all__ = ["unit_rows"]

numba = require("numba", extra="ml")

FloatArray = npt.NDArray[np.float64]


def unit_rows(values: FloatArray, indptr: npt.NDArray[np.integer]) -> FloatArray:
    """float64[E], the stored entries of rows, each divided by the length of its row where that is not 0.

    Args:
        values: float64[E], row after row.
        indptr: int[N+1], where rows start.

    >>> unit_rows(np.array([3.0, 4.0, 0.0]), np.array([0, 2, 3]))
    array([0.6, 0.8, 0. ])
    """
    scaled = np.empty_like(values)
    _scale(values, indptr, scaled)
    return scaled


@numba.njit(cache=True, nogil=True)
def _scale(values, indptr, scaled):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    for row in range(len(indptr) - 1):
        squares = 0.0
        for entry in range(indptr[row], indptr[row + 1]):
            squares += values[entry] * values[entry]
        length = np.sqrt(squares) if squares != 0.0 else 1.0
        for entry in range(indptr[row], indptr[row + 1]):
            scaled[entry] = values[entry] / length
