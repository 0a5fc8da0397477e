"""Vectors of pyspark in the hand, which Spark's frames give back: taken for ours."""

from typing import Any

from fireside.ml.linalg.dense_vector import DenseVector
from fireside.ml.linalg.sparse_vector import SparseVector
from fireside.ml.linalg.vector import Vector

__all__ = ["from_spark", "is_spark_vector", "is_vector"]


def is_vector(value: object) -> bool:
    """Whether an object is a vector, ours or pyspark's."""
    return isinstance(value, Vector) or is_spark_vector(value)


def is_spark_vector(value: object) -> bool:
    """Whether an object is a vector of `pyspark.ml` or `pyspark.mllib`, which is not imported for that."""
    kind = type(value)
    theirs = kind.__module__ in ("pyspark.ml.linalg", "pyspark.mllib.linalg")
    return theirs and kind.__name__ in ("DenseVector", "SparseVector")


def from_spark(vector: Any) -> Vector:
    """The same vector as one of this package."""
    if type(vector).__name__ == "SparseVector":
        return SparseVector(vector.size, vector.indices, vector.values)
    return DenseVector(vector.toArray())
