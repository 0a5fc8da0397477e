"""Rows of features as a dense array or a CSR matrix, and the few operations that clustering needs of either.

Shapes: N rows, D features, K centres.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Union

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = [
    "FloatArray",
    "Matrix",
    "dense_product",
    "nearest_centres",
    "squared_distances",
    "squared_norms",
    "stack",
    "sums_by_group",
]

FloatArray = npt.NDArray[np.float64]
Matrix = Union[FloatArray, "csr_array"]


def stack(parts: Sequence[Matrix]) -> Matrix:
    """All rows of some matrices; dense where all are."""
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate(parts)
    from scipy.sparse import csr_array, vstack

    return csr_array(vstack([csr_array(part) for part in parts]))


def squared_norms(matrix: Matrix) -> FloatArray:
    """float64[N], the squared length of each row."""
    if isinstance(matrix, np.ndarray):
        return np.einsum("nd,nd->n", matrix, matrix)
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    sums = np.bincount(rows, np.square(matrix.data), minlength=matrix.shape[0])
    return sums.astype(np.float64, copy=False)


def dense_product(matrix: Matrix, centres: Matrix) -> FloatArray:
    """float64[N, K], all dot products of rows and centres."""
    # A column-major right-hand side would be copied by scipy on each call.
    other = np.ascontiguousarray(centres.T) if isinstance(centres, np.ndarray) else centres.T
    product: Any = matrix @ other
    return product if isinstance(product, np.ndarray) else product.toarray()


def squared_distances(matrix: Matrix, centres: Matrix, norms: FloatArray | None = None) -> FloatArray:
    """float64[N, K], |x|^2 - 2 x . c + |c|^2, never below 0.

    Args:
        matrix: [N, D].
        centres: [K, D].
        norms: `squared_norms(matrix)`, where they are known.

    >>> squared_distances(np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 0.0]]))
    array([[ 0.],
           [25.]])
    """
    distances = dense_product(matrix, centres)
    distances *= -2.0
    distances += squared_norms(centres)
    distances += (squared_norms(matrix) if norms is None else norms)[:, None]
    return np.maximum(distances, 0.0, out=distances)


def nearest_centres(matrix: Matrix, centres: FloatArray) -> npt.NDArray[np.intp]:
    """intp[N], the nearest centre of each row; the first of several.

    >>> nearest_centres(np.array([[0.0], [9.0]]), np.array([[1.0], [8.0]]))
    array([0, 1])
    """
    # |x|^2 is the same for all centres, so it need not be added.
    scores = dense_product(matrix, centres)
    scores *= -2.0
    scores += squared_norms(centres)
    return scores.argmin(axis=1)


def sums_by_group(matrix: Matrix, weights: FloatArray, groups: npt.NDArray[np.intp], k: int) -> FloatArray:
    """float64[K, D], the weighted sum of the rows of each group.

    >>> sums_by_group(np.array([[1.0], [2.0], [4.0]]), np.ones(3), np.array([0, 1, 1]), 2)
    array([[1.],
           [6.]])
    """
    from scipy.sparse import csr_array

    rows = len(groups)
    indicator = csr_array((weights, groups, np.arange(rows + 1)), shape=(rows, k)).T
    summed: Any = indicator @ matrix
    return summed if isinstance(summed, np.ndarray) else summed.toarray()
