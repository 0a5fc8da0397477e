"""A vector that stores every entry."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from fireside.ml.linalg.vector import FloatArray, IndexArray, Vector, short_float
from fireside.ml.linalg.vector_type import DENSE

__all__ = ["DenseVector"]


class DenseVector(Vector):
    """A dense vector over a float64 array, which it shares with the caller where the type fits.

    Arithmetic operators work entry by entry; other attributes of the array (`sum`, `mean`, ...) pass through.

    Args:
        ar: the entries, or the bytes of a float64 array.

    >>> v = DenseVector([1.0, 2.0])
    >>> v + DenseVector([3.0, 4.0]), 2 - v, v.sum()
    (DenseVector([4.0, 6.0]), DenseVector([1.0, 0.0]), np.float64(3.0))
    """

    __slots__ = ("array",)

    array: FloatArray

    def __init__(self, ar: bytes | FloatArray | Iterable[float]) -> None:
        if isinstance(ar, bytes):
            self.array = np.frombuffer(ar, dtype=np.float64)
        elif isinstance(ar, np.ndarray):
            self.array = ar.astype(np.float64, copy=False)
        else:
            self.array = np.array(ar if isinstance(ar, (list, tuple)) else list(ar), dtype=np.float64)

    @property
    def values(self) -> FloatArray:
        """The entries, float64[size]."""
        return self.array

    def toArray(self) -> FloatArray:
        return self.array

    def active(self) -> tuple[IndexArray, FloatArray]:
        return np.arange(len(self.array), dtype=np.int32), self.array

    def to_struct(self) -> tuple[int, None, None, list[float]]:
        return DENSE, None, None, self.array.tolist()

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, item: Any) -> Any:
        return self.array[item]

    def __str__(self) -> str:
        return "[" + ",".join(str(value) for value in self.array.tolist()) + "]"

    def __repr__(self) -> str:
        return f"DenseVector([{', '.join(short_float(value) for value in self.array)}])"

    def __reduce__(self) -> tuple[type["DenseVector"], tuple[bytes]]:
        return DenseVector, (self.array.tobytes(),)

    def __getattr__(self, name: str) -> Any:
        # While unpickling or copying there is no array yet; asking for it here would not end.
        if name.startswith("__") or name == "array":
            raise AttributeError(name)
        return getattr(self.array, name)

    def __neg__(self) -> "DenseVector":
        return DenseVector(-self.array)

    def __add__(self, other: Any) -> "DenseVector":
        return DenseVector(self.array + _operand(other))

    def __sub__(self, other: Any) -> "DenseVector":
        return DenseVector(self.array - _operand(other))

    def __mul__(self, other: Any) -> "DenseVector":
        return DenseVector(self.array * _operand(other))

    def __truediv__(self, other: Any) -> "DenseVector":
        return DenseVector(self.array / _operand(other))

    def __mod__(self, other: Any) -> "DenseVector":
        return DenseVector(self.array % _operand(other))

    def __radd__(self, other: Any) -> "DenseVector":
        return DenseVector(_operand(other) + self.array)

    def __rsub__(self, other: Any) -> "DenseVector":
        return DenseVector(_operand(other) - self.array)

    def __rmul__(self, other: Any) -> "DenseVector":
        return DenseVector(_operand(other) * self.array)

    def __rtruediv__(self, other: Any) -> "DenseVector":
        return DenseVector(_operand(other) / self.array)

    def __rmod__(self, other: Any) -> "DenseVector":
        return DenseVector(_operand(other) % self.array)


def _operand(other: Any) -> Any:
    return other.array if isinstance(other, DenseVector) else np.asarray(other, dtype=np.float64)
