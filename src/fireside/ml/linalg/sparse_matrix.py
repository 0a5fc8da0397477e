"""A matrix that stores the entries that are not zero, in compressed columns."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fireside.core.errors import InputError
from fireside.ml.linalg.dense_matrix import DenseMatrix
from fireside.ml.linalg.matrix import Matrix, matrix_array
from fireside.ml.linalg.vector import FloatArray, IndexArray, short_float
from fireside.ml.linalg.vector_type import SPARSE

__all__ = ["SparseMatrix"]

_SHOWN = 16


class SparseMatrix(Matrix):
    """A sparse matrix in compressed sparse columns (CSC), or rows (CSR) where it is transposed.

    Args:
        numRows: number of rows.
        numCols: number of columns.
        colPtrs: where each column (row, if transposed) starts in the arrays below, and the end of the last.
        rowIndices: the row (column, if transposed) of each value.
        values: the stored entries.
        isTransposed: the arrays describe rows rather than columns.

    >>> SparseMatrix(2, 2, [0, 1, 2], [0, 1], [2.0, 3.0]).toArray()
    array([[2., 0.],
           [0., 3.]])
    """

    __slots__ = ("colPtrs", "rowIndices", "values")

    colPtrs: IndexArray
    rowIndices: IndexArray
    values: FloatArray

    def __init__(
        self,
        numRows: int,
        numCols: int,
        colPtrs: bytes | Iterable[int],
        rowIndices: bytes | Iterable[int],
        values: bytes | Iterable[float],
        isTransposed: bool = False,
    ) -> None:
        super().__init__(numRows, numCols, isTransposed)
        lines = numRows if isTransposed else numCols
        self.colPtrs = matrix_array(colPtrs, np.int32, name="colPtrs", length=lines + 1)
        stored = int(self.colPtrs[-1])
        self.rowIndices = matrix_array(rowIndices, np.int32, name="rowIndices", length=stored)
        self.values = matrix_array(values, np.float64, name="values", length=stored)
        across = numCols if isTransposed else numRows
        if stored and not (self.rowIndices.min() >= 0 and self.rowIndices.max() < across):
            raise InputError(f"rowIndices must be from 0 to {across - 1}")

    def toArray(self) -> FloatArray:
        array = np.zeros((self.numRows, self.numCols), order="F")
        lines = np.repeat(np.arange(len(self.colPtrs) - 1), np.diff(self.colPtrs))
        if self.isTransposed:
            array[lines, self.rowIndices] = self.values
        else:
            array[self.rowIndices, lines] = self.values
        return array

    def to_struct(self) -> tuple[int, int, int, list[int], list[int], list[float], bool]:
        arrays = self.colPtrs.tolist(), self.rowIndices.tolist(), self.values.tolist()
        return SPARSE, self.numRows, self.numCols, *arrays, self.isTransposed

    def toDense(self) -> DenseMatrix:
        """The same matrix with all entries stored."""
        return DenseMatrix(self.numRows, self.numCols, self.toArray().ravel(order="F"))

    def __getitem__(self, indices: tuple[int, int]) -> np.float64:
        row, column = indices
        self.check_indices(row, column)
        line, across = (row, column) if self.isTransposed else (column, row)
        start, end = self.colPtrs[line], self.colPtrs[line + 1]
        found = np.flatnonzero(self.rowIndices[start:end] == across)
        return self.values[start + found[0]] if len(found) else np.float64(0.0)

    def __str__(self) -> str:
        lines = np.repeat(np.arange(len(self.colPtrs) - 1), np.diff(self.colPtrs))
        rows, columns = (lines, self.rowIndices) if self.isTransposed else (self.rowIndices, lines)
        entries = [
            f"({row},{column}) {short_float(value)}"
            for row, column, value in zip(rows[:_SHOWN], columns, self.values, strict=False)
        ]
        title = f"{self.numRows} X {self.numCols} {'CSR' if self.isTransposed else 'CSC'}Matrix"
        return "\n".join([title, *entries, *([".."] * 2 if len(self.values) > _SHOWN else [])])

    def __repr__(self) -> str:
        pointers = _shortened(self.colPtrs.tolist())
        rows = _shortened(self.rowIndices.tolist())
        values = _shortened([short_float(value) for value in self.values])
        return (
            f"SparseMatrix({self.numRows}, {self.numCols}, [{pointers}], [{rows}], [{values}], "
            f"{self.isTransposed})"
        )

    def __reduce__(self) -> tuple[type["SparseMatrix"], tuple[int, int, bytes, bytes, bytes, bool]]:
        arrays = (self.colPtrs.tobytes(), self.rowIndices.tobytes(), self.values.tobytes())
        return SparseMatrix, (self.numRows, self.numCols, *arrays, self.isTransposed)


def _shortened(entries: Sequence[Any]) -> str:
    shown = [str(entry) for entry in entries]
    if len(shown) > _SHOWN:
        shown = [*shown[: _SHOWN // 2], "...", *shown[-_SHOWN // 2 :]]
    return ", ".join(shown)
