"""Reducing a matrix to one row or one column, where rows are short."""

import numpy as np

from fireside.ml.linalg.vector import FloatArray

__all__ = ["fold_columns", "fold_rows"]

WIDTH = 1024
FEW_COLUMNS = 8


def fold_rows(ufunc: np.ufunc, x_ND: FloatArray) -> FloatArray:
    """float64[D], `ufunc.reduce` over the rows, with several short rows taken for one long one.

    NumPy reduces row by row, so that short rows cost it ten times what their entries do. Sums differ from
    those of `reduce` by rounding.

    Args:
        ufunc: associative and commutative, such as `np.add` or `np.fmin`.
        x_ND: float64[N, D], C-contiguous, with at least one row.

    >>> fold_rows(np.add, np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    array([ 9., 12.])
    """
    rows, size = x_ND.shape
    at_once = WIDTH // max(size, 1)
    if not size or rows < 2 * at_once or at_once < 2:
        return ufunc.reduce(x_ND, axis=0)
    whole = rows - rows % at_once
    long = ufunc.reduce(x_ND[:whole].reshape(-1, at_once * size), axis=0).reshape(at_once, size)
    return ufunc.reduce(np.concatenate([long, x_ND[whole:]]), axis=0)


def fold_columns(ufunc: np.ufunc, x_ND: FloatArray) -> FloatArray:
    """float64[N, 1], `ufunc.reduce` over the entries of each row, from the first to the last.

    Of few columns NumPy makes a loop for each row; here it is one for each column.

    >>> fold_columns(np.add, np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[3.0], [7.0]]
    """
    if not 0 < x_ND.shape[1] < FEW_COLUMNS:
        return np.asarray(ufunc.reduce(x_ND, axis=1, keepdims=True))
    folded = x_ND[:, 0].copy()
    for column in x_ND.T[1:]:
        ufunc(folded, column, out=folded)
    return folded[:, None]
