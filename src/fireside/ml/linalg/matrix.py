"""What dense and sparse matrices share."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from fireside.core.errors import InputError
from fireside.ml.linalg.vector import FloatArray

__all__ = ["Matrix", "matrix_array"]


class Matrix(ABC):
    """A local matrix of float64; see `DenseMatrix` and `SparseMatrix`.

    Attributes:
        numRows: number of rows.
        numCols: number of columns.
        isTransposed: whether the values are stored row by row rather than column by column.
    """

    __slots__ = ("isTransposed", "numCols", "numRows")

    def __init__(self, numRows: int, numCols: int, isTransposed: bool = False) -> None:
        self.numRows = int(numRows)
        self.numCols = int(numCols)
        self.isTransposed = bool(isTransposed)

    @abstractmethod
    def toArray(self) -> FloatArray:
        """The entries as float64[numRows, numCols]."""

    @abstractmethod
    def to_struct(self) -> tuple[int, int, int, list[int] | None, list[int] | None, list[float], bool]:
        """The fields of `MATRIX_TYPE`: kind, rows, columns, pointers, indices, values, and the order."""

    @property
    def __UDT__(self) -> Any:
        """The type of a Spark column of such matrices, which `createDataFrame` asks values for."""
        from fireside.compute.spark.user_types import MatrixUDT

        return MatrixUDT()

    @abstractmethod
    def __getitem__(self, indices: tuple[int, int]) -> np.float64: ...

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Matrix) and np.array_equal(self.toArray(), other.toArray())

    def __hash__(self) -> int:
        return hash((self.numRows, self.numCols, self.toArray().tobytes()))

    def check_indices(self, row: int, column: int) -> None:
        """Raise `IndexError` where an index lies outside the matrix."""
        if not 0 <= row < self.numRows:
            raise IndexError(f"row index {row} is not from 0 to {self.numRows - 1}")
        if not 0 <= column < self.numCols:
            raise IndexError(f"column index {column} is not from 0 to {self.numCols - 1}")


def matrix_array(given: bytes | Iterable[Any], dtype: type, *, name: str, length: int) -> Any:
    """An array of `length` numbers from bytes or a sequence.

    Raises:
        InputError: the length is another.
    """
    if isinstance(given, bytes):
        array: npt.NDArray[Any] = np.frombuffer(given, dtype=dtype)
    else:
        array = np.asarray(given if isinstance(given, np.ndarray) else list(given), dtype=dtype)
    if array.shape != (length,):
        raise InputError(f"{name} must have {length} entries, got {array.size}")
    return array
