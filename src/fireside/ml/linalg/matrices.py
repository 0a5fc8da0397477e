"""Factory methods for local matrices."""

from collections.abc import Iterable

from fireside.ml.linalg.dense_matrix import DenseMatrix
from fireside.ml.linalg.sparse_matrix import SparseMatrix

__all__ = ["Matrices"]


class Matrices:
    """Makes matrices.

    >>> Matrices.dense(1, 2, [3.0, 4.0])
    DenseMatrix(1, 2, [3.0, 4.0], False)
    """

    @staticmethod
    def dense(numRows: int, numCols: int, values: bytes | Iterable[float]) -> DenseMatrix:
        """A dense matrix from its entries in column-major order."""
        return DenseMatrix(numRows, numCols, values)

    @staticmethod
    def sparse(
        numRows: int,
        numCols: int,
        colPtrs: bytes | Iterable[int],
        rowIndices: bytes | Iterable[int],
        values: bytes | Iterable[float],
    ) -> SparseMatrix:
        """A sparse matrix from compressed columns."""
        return SparseMatrix(numRows, numCols, colPtrs, rowIndices, values)
