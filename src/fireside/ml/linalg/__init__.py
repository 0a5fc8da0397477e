"""Local vectors and matrices, as `pyspark.ml.linalg` has them, and their columnar form.

`DenseVector`, `SparseVector`, `DenseMatrix` and `SparseMatrix` are what a user holds in the hand; kernels
never see them, they work on the arrays of a `VectorBlock`. Knows nothing about stages or frames.
"""

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
