"""Factory methods for local vectors."""

from collections.abc import Iterable, Mapping
from typing import Any, overload

import numpy as np

from fireside.ml.linalg.dense_vector import DenseVector
from fireside.ml.linalg.spark_vector import from_spark, is_spark_vector
from fireside.ml.linalg.sparse_vector import SparseVector
from fireside.ml.linalg.vector import FloatArray, Vector, sparse_is_smaller, vector_arrays

__all__ = ["Vectors", "as_vector", "compressed_vector"]


class Vectors:
    """Makes vectors, and works on anything that stands for one.

    >>> Vectors.dense(1, 2), Vectors.sparse(4, {1: 1.0, 3: 5.5})
    (DenseVector([1.0, 2.0]), SparseVector(4, {1: 1.0, 3: 5.5}))
    >>> Vectors.squared_distance(Vectors.zeros(2), Vectors.dense(3, 4))
    25.0
    """

    @staticmethod
    @overload
    def sparse(size: int, pairs: Mapping[int, float] | Iterable[tuple[int, float]], /) -> SparseVector: ...

    @staticmethod
    @overload
    def sparse(
        size: int, indices: bytes | Iterable[int], values: bytes | Iterable[float], /
    ) -> SparseVector: ...

    @staticmethod
    def sparse(size: int, *args: Any) -> SparseVector:
        """A sparse vector; the arguments are those of `SparseVector`."""
        return SparseVector(size, *args)

    @staticmethod
    def dense(*elements: Any) -> DenseVector:
        """A dense vector of some numbers, or of one sequence, array or bytes of them."""
        if len(elements) == 1 and not isinstance(elements[0], (int, float, np.number)):
            return DenseVector(elements[0])
        return DenseVector(elements)

    @staticmethod
    def zeros(size: int) -> DenseVector:
        """A dense vector of zeros."""
        return DenseVector(np.zeros(size))

    @staticmethod
    def squared_distance(v1: Any, v2: Any) -> float:
        """The squared Euclidean distance of two vectors, sequences or arrays."""
        return as_vector(v1).squared_distance(v2)

    @staticmethod
    def norm(vector: Any, p: float) -> float:
        """The p-norm of a vector, sequence or array."""
        return as_vector(vector).norm(p)


def as_vector(value: Any) -> Vector:
    """A vector of anything that stands for one.

    >>> as_vector([1, 2])
    DenseVector([1.0, 2.0])
    """
    if isinstance(value, list | tuple | range | np.ndarray):
        return DenseVector(value)
    if is_spark_vector(value):
        return from_spark(value)
    return value if isinstance(value, Vector) else SparseVector(*vector_arrays(value))


def compressed_vector(array: FloatArray) -> Vector:
    """A vector in the smaller of its forms, as models of Spark hold what they have learnt.

    >>> compressed_vector(np.array([0.0, 0.0, 0.0, 2.0])), compressed_vector(np.array([1.0, 2.0]))
    (SparseVector(4, {3: 2.0}), DenseVector([1.0, 2.0]))
    """
    nonzero = np.flatnonzero(array)
    if sparse_is_smaller(len(nonzero), len(array)):
        return SparseVector(len(array), nonzero, array[nonzero])
    return DenseVector(array)
