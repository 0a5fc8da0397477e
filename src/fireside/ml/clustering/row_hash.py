"""A number for each row that depends on its content alone.

Random choices among rows are made with it. So they are the same in whatever order and on however many
processes the rows lie, and a fit gives the same model everywhere.
"""

import numpy as np
import numpy.typing as npt

from fireside.core.extras import require
from fireside.ml.clustering.matrix import FloatArray, Matrix

__all__ = ["row_hashes", "uniform"]

numba = require("numba", extra="ml")

UInt64Array = npt.NDArray[np.uint64]
_GOLDEN = 0x9E3779B97F4A7C15


def row_hashes(matrix: Matrix) -> UInt64Array:
    """uint64[N], equal for equal rows, dense or sparse.

    >>> from scipy.sparse import csr_array
    >>> rows = np.array([[1.0, 0.0], [0.0, 2.0]])
    >>> bool((row_hashes(rows) == row_hashes(csr_array(rows))).all()), len(set(row_hashes(rows).tolist()))
    (True, 2)
    """
    keys = _mixed(np.arange(1, matrix.shape[1] + 1, dtype=np.uint64)) | np.uint64(1)
    if isinstance(matrix, np.ndarray):
        sums = _sum_dense(np.ascontiguousarray(matrix).view(np.uint64), keys)
    else:
        bits = matrix.data.astype(np.float64, copy=False).view(np.uint64)
        sums = _sum_sparse(matrix.indptr, matrix.indices, bits, keys)
    return _mixed(sums)


def uniform(hashes: UInt64Array, seed: int, step: int) -> FloatArray:
    """float64[N], numbers between 0 and 1 (both excluded) that are fresh for each seed and step."""
    key = _mixed(np.array([(seed * 0x10001 + step) % 2**64], np.uint64))
    bits = _mixed(hashes ^ key) >> np.uint64(12)
    return (bits.astype(np.float64) + 0.5) / 2.0**52


def _mixed(values: UInt64Array) -> UInt64Array:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, 2014)."""
    mixed = values + np.uint64(_GOLDEN)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


@numba.njit(cache=True, nogil=True)
def _folded(bits):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    # The low bits of round numbers are all 0, and a product keeps only what is above them. -0 is 0.
    if bits == np.uint64(1 << 63):
        return np.uint64(0)
    return bits ^ (bits >> np.uint64(32))


@numba.njit(cache=True, nogil=True)
def _sum_dense(bits, keys):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    sums = np.zeros(bits.shape[0], np.uint64)
    for row in range(bits.shape[0]):
        for column in range(bits.shape[1]):
            sums[row] += _folded(bits[row, column]) * keys[column]
    return sums


@numba.njit(cache=True, nogil=True)
def _sum_sparse(indptr, indices, bits, keys):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    sums = np.zeros(len(indptr) - 1, np.uint64)
    for row in range(len(sums)):
        for entry in range(indptr[row], indptr[row + 1]):
            sums[row] += _folded(bits[entry]) * keys[indices[entry]]
    return sums
