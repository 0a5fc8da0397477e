"""Local vectors and matrices, as `pyspark.ml.linalg` has them, and their columnar form.

`DenseVector`, `SparseVector`, `DenseMatrix` and `SparseMatrix` are what a user holds in the hand; kernels
never see them, they work on the arrays of a `VectorBlock`. `VectorUDT` and `MatrixUDT` are the types of
Spark's columns of them, and need pyspark. Knows nothing about stages or frames.
"""

from typing import Any

from fireside.core.extras import require
from fireside.ml.linalg.dense_matrix import DenseMatrix
from fireside.ml.linalg.dense_vector import DenseVector
from fireside.ml.linalg.matrices import Matrices
from fireside.ml.linalg.matrix import Matrix
from fireside.ml.linalg.sparse_matrix import SparseMatrix
from fireside.ml.linalg.sparse_vector import SparseVector
from fireside.ml.linalg.vector import Vector
from fireside.ml.linalg.vector_block import VectorBlock
from fireside.ml.linalg.vector_type import VECTOR_TYPE, is_vector_type
from fireside.ml.linalg.vectors import Vectors

__all__ = [
    "VECTOR_TYPE",
    "DenseMatrix",
    "DenseVector",
    "Matrices",
    "Matrix",
    "SparseMatrix",
    "SparseVector",
    "Vector",
    "VectorBlock",
    "Vectors",
    "is_vector_type",
]


def __getattr__(name: str) -> Any:
    # Only who names Spark's types loads pyspark.
    if name in ("MatrixUDT", "VectorUDT"):
        return getattr(require("fireside.compute.spark.user_types", extra="spark"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
