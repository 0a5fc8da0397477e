"""What dense and sparse vectors share: equality, hash, dot product, distance, norm.

All arithmetic is on the active entries (indices and values), so it costs what the vectors store.
"""

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from fireside.core.errors import InputError

__all__ = ["FloatArray", "IndexArray", "Vector", "short_float", "sparse_is_smaller", "vector_arrays"]

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int32]

_HASHED_ENTRIES = 128


class Vector(ABC):
    """A local vector of float64; see `DenseVector` and `SparseVector`."""

    __slots__ = ()

    @abstractmethod
    def toArray(self) -> FloatArray:
        """The entries as float64[size]."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def active(self) -> tuple[IndexArray, FloatArray]:
        """The stored entries: strictly increasing int32[nnz] indices, and float64[nnz] values."""

    @abstractmethod
    def to_struct(self) -> tuple[int, int | None, list[int] | None, list[float]]:
        """The fields of `VECTOR_TYPE`: kind, size, indices, values."""

    @property
    def __UDT__(self) -> Any:
        """The type of a Spark column of such vectors, which `createDataFrame` asks values for."""
        from fireside.compute.spark.user_types import VectorUDT

        return VectorUDT()

    def numNonzeros(self) -> int:
        """How many stored entries are not 0."""
        return int(np.count_nonzero(self.active()[1]))

    def norm(self, p: float) -> float:
        """The p-norm, p at least 1 or `inf`.

        >>> from fireside.ml.linalg import Vectors
        >>> Vectors.sparse(4, [0, 1], [3.0, -4.0]).norm(2)
        5.0
        """
        return float(np.linalg.norm(self.active()[1], p))

    def dot(self, other: Any) -> Any:
        """The dot product with a vector, sequence, scipy column, or NumPy array of one or two dimensions.

        Raises:
            InputError: the sizes differ.

        >>> from fireside.ml.linalg import Vectors
        >>> Vectors.dense(1, 2).dot(Vectors.sparse(2, {1: 3.0}))
        6.0
        """
        indices, values = self.active()
        if isinstance(other, np.ndarray):
            if other.ndim not in (1, 2):
                raise InputError(f"dot takes an array of 1 or 2 dimensions, got {other.ndim}")
            _check_sizes(len(self), other.shape[0])
            product = np.dot(values, other[indices])
            return float(product) if other.ndim == 1 else product
        size, other_indices, other_values = vector_arrays(other)
        _check_sizes(len(self), size)
        _, mine, theirs = np.intersect1d(indices, other_indices, assume_unique=True, return_indices=True)
        return float(np.dot(values[mine], other_values[theirs]))

    def squared_distance(self, other: Any) -> float:
        """The squared Euclidean distance to a vector, sequence, array or scipy column.

        Raises:
            InputError: the sizes differ.

        >>> from fireside.ml.linalg import Vectors
        >>> Vectors.dense(1, 2).squared_distance([4, 6])
        25.0
        """
        size, other_indices, other_values = vector_arrays(other)
        _check_sizes(len(self), size)
        indices, values = self.active()
        both, position = np.unique(np.concatenate([indices, other_indices]), return_inverse=True)
        difference = np.zeros(len(both))
        difference[position[: len(indices)]] = values
        difference[position[len(indices) :]] -= other_values
        return float(np.dot(difference, difference))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vector):
            return False
        if len(self) != len(other):
            return False
        (indices, values), (other_indices, other_values) = self._nonzero(), other._nonzero()
        return np.array_equal(indices, other_indices) and np.array_equal(values, other_values)

    def __hash__(self) -> int:
        indices, values = self._nonzero()
        first = slice(0, _HASHED_ENTRIES)
        return hash((len(self), indices[first].tobytes(), values[first].tobytes()))

    def _nonzero(self) -> tuple[IndexArray, FloatArray]:
        indices, values = self.active()
        kept = values != 0
        return indices[kept], values[kept]


def vector_arrays(value: Any) -> tuple[int, IndexArray, FloatArray]:
    """Size, indices and values of anything that stands for a vector.

    Raises:
        InputError: it is not a vector, a sequence, a one-dimensional array, or a scipy column.
    """
    if isinstance(value, Vector):
        return (len(value), *value.active())
    if isinstance(value, (list, tuple, range)) or type(value).__module__ == "array":
        value = np.asarray(value, dtype=np.float64)
    if isinstance(value, np.ndarray):
        if value.ndim != 1 and value.shape[1:] != (1,):
            raise InputError(f"an array of shape {value.shape} is not a vector: pass one dimension")
        flat = value.reshape(-1).astype(np.float64, copy=False)
        return len(flat), np.arange(len(flat), dtype=np.int32), flat
    import scipy.sparse

    if scipy.sparse.issparse(value):
        if value.ndim != 2 or value.shape[1] != 1:
            raise InputError(f"a sparse array of shape {value.shape} is not a vector: pass one column")
        column = value.tocsc()
        column.sum_duplicates()
        return value.shape[0], column.indices.astype(np.int32), column.data.astype(np.float64)
    raise InputError(f"{type(value).__name__} is not a vector: pass a Vector, a sequence or an array")


def sparse_is_smaller(num_nonzeros: Any, size: int) -> Any:
    """Whether a vector takes less room without its zeros, as `Vector.compressed` of Spark 4.3 decides.

    It counts 12 nnz + 28 bytes for a sparse vector and 8 D + 12 for a dense one.

    Args:
        num_nonzeros: nnz, an integer or an array of them.
        size: D.

    >>> sparse_is_smaller(2, 5), sparse_is_smaller(2, 6)
    (False, True)
    """
    return 12 * num_nonzeros + 28 < 8 * size + 12


def short_float(value: float, digits: int = 4) -> str:
    """A number as representations of vectors show it: rounded to four digits.

    >>> short_float(0.123456), short_float(2.0)
    ('0.1235', '2.0')
    """
    text = str(round(float(value), digits)) if math.isfinite(value) else str(float(value))
    return text[: text.index(".") + 1 + digits] if "." in text else text


def _check_sizes(one: int, other: int) -> None:
    if one != other:
        raise InputError(f"the vectors have sizes {one} and {other}: they must be equal")
