"""Bucketed random projections: locality-sensitive hashing for the Euclidean distance."""

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from fireside.compute import Dataset
from fireside.core.errors import InputError
from fireside.ml.base import Estimator
from fireside.ml.feature.lsh import LSHModel, LSHParams, first_size
from fireside.ml.feature.pca import projected
from fireside.ml.java_random import JavaRandom
from fireside.ml.linalg import DenseMatrix, Matrix, VectorBlock
from fireside.ml.param import Getter, Param, Setter, TypeConverters, param
from fireside.ml.param.shared import HasSeed
from fireside.ml.param.validators import gt
from fireside.ml.persistence import MATRIX, SavedColumns

__all__ = ["BucketedRandomProjectionLSH", "BucketedRandomProjectionLSHModel"]

FloatArray = npt.NDArray[np.float64]


class BucketedRandomProjectionLSHParams(LSHParams):
    """Params of `BucketedRandomProjectionLSH` and its model."""

    bucketLength: Param[float] = param(
        TypeConverters.toFloat,
        "length of a bucket; longer ones find more of the near pairs, and take longer",
        check=gt(0),
    )
    getBucketLength = Getter(bucketLength)


class BucketedRandomProjectionLSH(
    BucketedRandomProjectionLSHParams, HasSeed, Estimator["BucketedRandomProjectionLSHModel"]
):
    """Draws random directions; equal seeds draw those of Spark.

    >>> from fireside.ml.linalg import Vectors
    >>> lsh = BucketedRandomProjectionLSH(inputCol="v", outputCol="h", seed=1, bucketLength=2.0)
    >>> lsh.fit({"v": [Vectors.dense(1, 0)]}).randUnitVectors.numRows
    1
    """

    setNumHashTables = Setter(LSHParams.numHashTables)
    setSeed = Setter(HasSeed.seed)
    setBucketLength = Setter(BucketedRandomProjectionLSHParams.bucketLength)

    def _fit(self, dataset: Dataset) -> "BucketedRandomProjectionLSHModel":
        self.getBucketLength()
        size, tables = first_size(self, dataset), self.getNumHashTables()
        random = JavaRandom(self.getSeed())
        directions = np.array([random.nextGaussian() for _ in range(tables * size)]).reshape(tables, size)
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        matrix = DenseMatrix(tables, size, directions.reshape(-1), isTransposed=True)
        return BucketedRandomProjectionLSHModel(matrix)._fitted_by(self)


class BucketedRandomProjectionLSHModel(BucketedRandomProjectionLSHParams, LSHModel):
    """Hashes a vector to floor(x . v / bucketLength) for each table's unit vector v.

    Attributes:
        randUnitVectors: one row for each table.
    """

    _saved: ClassVar = SavedColumns(randUnitVectors=MATRIX)

    def __init__(self, randUnitVectors: Matrix) -> None:
        super().__init__()
        self.randUnitVectors = randUnitVectors

    def __repr__(self) -> str:
        return f"BucketedRandomProjectionLSHModel: uid={self.uid}, numHashTables={self.getNumHashTables()}"

    def _hashes(self, block: VectorBlock, name: str) -> FloatArray:
        directions = self.randUnitVectors.toArray()
        if block.size != directions.shape[1]:
            raise InputError(
                f"{name} holds vectors of size {block.size}, but the model was fitted to size "
                f"{directions.shape[1]}: use the features it was fitted with"
            )
        # Adding 0 turns -0 into 0, which would be another bucket to Spark's comparison of bits.
        return np.floor(projected(block, directions.T).to_dense() / self.getBucketLength()) + 0.0

    def _distances(
        self, a: VectorBlock, b: VectorBlock, rows_a: npt.NDArray[np.intp], rows_b: npt.NDArray[np.intp]
    ) -> FloatArray:
        if a.is_dense.all() and b.is_dense.all():
            return np.linalg.norm(a.take(rows_a).to_dense() - b.take(rows_b).to_dense(), axis=1)
        difference = a.take(rows_a).to_csr() - b.take(rows_b).to_csr()
        return np.sqrt(np.asarray(difference.multiply(difference).sum(axis=1)).reshape(-1))
