"""The types of Spark's columns of vectors and matrices, for values that are not pyspark's own.

pyspark asks a value in a row for its `__UDT__`, and that type for what to store. Columns made so are Spark's
own, and come back with pyspark's vectors and matrices in them. Each type has the name of pyspark's, because
Spark finds a type by module and name, and equals it.
"""

from typing import Any

from pyspark.ml.linalg import Matrix as SparkMatrix
from pyspark.ml.linalg import MatrixUDT as SparkMatrixUDT
from pyspark.ml.linalg import Vector as SparkVector
from pyspark.ml.linalg import VectorUDT as SparkVectorUDT

__all__ = ["MatrixUDT", "VectorUDT"]


class VectorUDT(SparkVectorUDT):
    """Stores pyspark's vectors, and any other that has `to_struct`."""

    def serialize(self, obj: Any) -> Any:
        return super().serialize(obj) if isinstance(obj, SparkVector) else obj.to_struct()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SparkVectorUDT)

    def __hash__(self) -> int:
        return hash(SparkVectorUDT())


class MatrixUDT(SparkMatrixUDT):
    """Stores pyspark's matrices, and any other that has `to_struct`."""

    def serialize(self, obj: Any) -> Any:
        return super().serialize(obj) if isinstance(obj, SparkMatrix) else obj.to_struct()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SparkMatrixUDT)

    def __hash__(self) -> int:
        return hash(SparkMatrixUDT())
