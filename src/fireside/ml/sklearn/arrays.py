"""Arrays of scikit-learn as columns, and back.

Shapes: N rows, D features.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array, issparse

from fireside.ml.linalg import VectorBlock

__all__ = ["FEATURES", "LABEL", "WEIGHT", "matrix_of", "table_of"]

FEATURES, LABEL, WEIGHT = "features", "label", "weight"


def table_of(
    features: Any,
    labels: npt.NDArray[Any] | None = None,
    weights: npt.NDArray[np.float64] | None = None,
) -> pa.Table:
    """A table of vectors, and of labels and weights where there are any.

    Args:
        features: float64[N, D], dense or any of scipy's sparse formats.
        labels: numbers, [N].
        weights: float64[N].
    """
    if issparse(features):
        matrix = csr_array(features)
        matrix.sum_duplicates()
        block = VectorBlock.from_csr(matrix)
    else:
        block = VectorBlock.from_dense(features)
    columns = {FEATURES: block.to_arrow()}
    if labels is not None:
        columns[LABEL] = pa.array(labels.astype(np.float64))
    if weights is not None:
        columns[WEIGHT] = pa.array(weights)
    return pa.table(columns)


def matrix_of(column: pa.ChunkedArray, *, sparse: bool = False) -> Any:
    """float64[N, D] of a column of vectors: dense, or CSR.

    >>> matrix_of(table_of(np.array([[1.0, 2.0]]))[FEATURES])
    array([[1., 2.]])
    """
    block = VectorBlock.from_arrow(column)
    # Arrow memory is read-only, and the caller's array should not be.
    return (block.to_csr() if sparse else block.to_dense()).copy()
