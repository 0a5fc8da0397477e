"""A matrix that stores every entry, column by column."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from fireside.ml.linalg.matrix import Matrix, matrix_array
from fireside.ml.linalg.vector import FloatArray, short_float
from fireside.ml.linalg.vector_type import DENSE

if TYPE_CHECKING:
    from fireside.ml.linalg.sparse_matrix import SparseMatrix

__all__ = ["DenseMatrix"]

_SHOWN = 16


class DenseMatrix(Matrix):
    """A dense matrix in column-major order.

    Args:
        numRows: number of rows.
        numCols: number of columns.
        values: numRows x numCols entries, or the bytes of a float64 array.
        isTransposed: the values are in row-major order.

    >>> DenseMatrix(2, 2, [1, 2, 3, 4]).toArray()
    array([[1., 3.],
           [2., 4.]])
    """

    __slots__ = ("values",)

    values: FloatArray

    def __init__(
        self, numRows: int, numCols: int, values: bytes | Iterable[float], isTransposed: bool = False
    ) -> None:
        super().__init__(numRows, numCols, isTransposed)
        self.values = matrix_array(values, np.float64, name="values", length=numRows * numCols)

    def toArray(self) -> FloatArray:
        shape = (self.numRows, self.numCols)
        return self.values.reshape(shape, order="C" if self.isTransposed else "F")

    def to_struct(self) -> tuple[int, int, int, None, None, list[float], bool]:
        return DENSE, self.numRows, self.numCols, None, None, self.values.tolist(), self.isTransposed

    def toSparse(self) -> "SparseMatrix":
        """The same matrix in compressed columns, without the zeros."""
        from fireside.ml.linalg.sparse_matrix import SparseMatrix

        columns, rows = np.nonzero(self.toArray().T)
        counts = np.bincount(columns, minlength=self.numCols)
        pointers = np.concatenate([[0], np.cumsum(counts)])
        return SparseMatrix(self.numRows, self.numCols, pointers, rows, self.toArray()[rows, columns])

    def __getitem__(self, indices: tuple[int, int]) -> np.float64:
        self.check_indices(*indices)
        entry: np.float64 = self.toArray()[indices]
        return entry

    def __str__(self) -> str:
        lines = repr(self.toArray()).splitlines()
        # The name is six letters longer than "array", so the rows below move to the right.
        return "\n".join([lines[0].replace("array", "DenseMatrix"), *(" " * 6 + line for line in lines[1:])])

    def __repr__(self) -> str:
        shown = [short_float(value) for value in self.values]
        if len(shown) > _SHOWN:
            shown = [*shown[: _SHOWN // 2], "...", *shown[-_SHOWN // 2 :]]
        return f"DenseMatrix({self.numRows}, {self.numCols}, [{', '.join(shown)}], {self.isTransposed})"

    def __reduce__(self) -> tuple[type["DenseMatrix"], tuple[int, int, bytes, bool]]:
        return DenseMatrix, (self.numRows, self.numCols, self.values.tobytes(), self.isTransposed)
