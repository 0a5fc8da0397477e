"""The smallest form of a matrix, as Spark's models keep theirs."""

import numpy as np

from fireside.ml.linalg.dense_matrix import DenseMatrix
from fireside.ml.linalg.matrix import Matrix
from fireside.ml.linalg.sparse_matrix import SparseMatrix
from fireside.ml.linalg.vector import FloatArray

__all__ = ["compressed_matrix"]

# What three arrays and their headers cost more than one, in Spark's count of bytes.
_SPARSE_OVERHEAD = 24


def compressed_matrix(array: FloatArray) -> Matrix:
    """float64[R, C] as a dense matrix in rows, or a sparse one in columns or rows where that is smaller.

    `Matrix.compressed` of Spark: an entry of a dense matrix costs 8 bytes, one that is stored in a sparse
    matrix 12, and each column (or row) 4 more.

    >>> compressed_matrix(np.array([[1.0, 2.0]]))
    DenseMatrix(1, 2, [1.0, 2.0], True)
    >>> compressed_matrix(np.array([[0.0] * 12, [3.0] + [0.0] * 11])).isTransposed
    True
    """
    rows, columns = array.shape
    pointers = min(rows, columns) + 1
    if 8 * array.size <= 12 * np.count_nonzero(array) + 4 * pointers + _SPARSE_OVERHEAD:
        return DenseMatrix(rows, columns, np.ascontiguousarray(array).reshape(-1), True)
    in_rows = rows < columns
    major, minor = np.nonzero(array if in_rows else array.T)
    bounds = np.concatenate([[0], np.cumsum(np.bincount(major, minlength=min(rows, columns)))])
    values = array[major, minor] if in_rows else array[minor, major]
    return SparseMatrix(rows, columns, bounds, minor, values, in_rows)
