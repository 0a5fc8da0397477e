"""A vector that stores the entries that are not zero."""

from collections.abc import Iterable, Mapping
from typing import Any, overload

import numpy as np

from fireside.core.errors import InputError
from fireside.ml.linalg.vector import FloatArray, IndexArray, Vector, short_float
from fireside.ml.linalg.vector_type import SPARSE

__all__ = ["SparseVector"]


class SparseVector(Vector):
    """A sparse vector: a size, strictly increasing indices, and a value for each.

    Args:
        size: number of entries, stored or not.
        args: a mapping `{index: value}`, or pairs `(index, value)` in any order, or two sequences (or their
            bytes, int32 and float64) of strictly increasing indices and of values.

    Raises:
        InputError: an index is repeated, out of order, negative, or not below the size.

    >>> SparseVector(4, {1: 1.0, 3: 5.5})
    SparseVector(4, {1: 1.0, 3: 5.5})
    >>> SparseVector(4, {6: 1.0})
    Traceback (most recent call last):
    fireside.core.errors.InputError: index 6 is not below the size 4 of the vector
    """

    __slots__ = ("indices", "size", "values")

    size: int
    indices: IndexArray
    values: FloatArray

    @overload
    def __init__(self, size: int, pairs: Mapping[int, float] | Iterable[tuple[int, float]], /) -> None: ...

    @overload
    def __init__(
        self, size: int, indices: bytes | Iterable[int], values: bytes | Iterable[float], /
    ) -> None: ...

    def __init__(self, size: int, *args: Any) -> None:
        self.size = int(size)
        if len(args) == 1:
            pairs = sorted(args[0].items() if isinstance(args[0], Mapping) else args[0])
            self.indices = np.array([index for index, _ in pairs], dtype=np.int32)
            self.values = np.array([value for _, value in pairs], dtype=np.float64)
        elif len(args) == 2:
            self.indices = _array(args[0], np.int32)
            self.values = _array(args[1], np.float64)
        else:
            raise InputError(
                f"pass a size and pairs, or a size, indices and values; got {len(args) + 1} arguments"
            )
        _check(self.size, self.indices, self.values)

    @classmethod
    def unchecked(cls, size: int, indices: IndexArray, values: FloatArray) -> "SparseVector":
        """Over arrays that are known to be right: int32[nnz], strictly increasing, and float64[nnz]."""
        vector = cls.__new__(cls)
        vector.size, vector.indices, vector.values = size, indices, values
        return vector

    def toArray(self) -> FloatArray:
        dense = np.zeros(self.size)
        dense[self.indices] = self.values
        return dense

    def active(self) -> tuple[IndexArray, FloatArray]:
        return self.indices, self.values

    def to_struct(self) -> tuple[int, int, list[int], list[float]]:
        return SPARSE, self.size, self.indices.tolist(), self.values.tolist()

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> np.float64:
        if not isinstance(index, (int, np.integer)):
            raise TypeError(f"an index of a SparseVector is an integer, got {type(index).__name__}")
        if not -self.size <= index < self.size:
            raise IndexError(f"index {index} is out of range for a vector of size {self.size}")
        wanted = index + self.size if index < 0 else index
        place = int(np.searchsorted(self.indices, wanted))
        found = place < len(self.indices) and self.indices[place] == wanted
        return self.values[place] if found else np.float64(0.0)

    def __str__(self) -> str:
        indices = ",".join(str(index) for index in self.indices.tolist())
        values = ",".join(str(value) for value in self.values.tolist())
        return f"({self.size},[{indices}],[{values}])"

    def __repr__(self) -> str:
        pairs = zip(self.indices.tolist(), self.values, strict=True)
        return f"SparseVector({self.size}, {{{', '.join(f'{i}: {short_float(v)}' for i, v in pairs)}}})"

    def __reduce__(self) -> tuple[type["SparseVector"], tuple[int, bytes, bytes]]:
        return SparseVector, (self.size, self.indices.tobytes(), self.values.tobytes())


def _array(given: Any, dtype: type) -> Any:
    if isinstance(given, bytes):
        return np.frombuffer(given, dtype=dtype)
    return np.array(given if isinstance(given, (list, tuple, np.ndarray)) else list(given), dtype=dtype)


def _check(size: int, indices: IndexArray, values: FloatArray) -> None:
    if len(indices) != len(values):
        raise InputError(f"{len(indices)} indices but {len(values)} values: each index needs one value")
    if len(indices) == 0:
        return
    if (steps := np.diff(indices) <= 0).any():
        at = int(np.argmax(steps))
        raise InputError(f"indices must increase, but {indices[at]} is followed by {indices[at + 1]}")
    if indices[0] < 0:
        raise InputError(f"index {indices[0]} is negative")
    if indices[-1] >= size:
        raise InputError(f"index {indices[-1]} is not below the size {size} of the vector")
