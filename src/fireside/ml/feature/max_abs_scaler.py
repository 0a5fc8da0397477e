"""Scaling features to [-1, 1] by their largest magnitude."""

from typing import ClassVar

import numpy as np

from fireside.compute import Dataset
from fireside.ml.base import Estimator, Model
from fireside.ml.feature.extremes import fit_extremes
from fireside.ml.feature.unary import VectorColumn, VectorTransform
from fireside.ml.linalg import Vector, VectorBlock
from fireside.ml.linalg.vectors import compressed_vector
from fireside.ml.persistence import VECTOR, SavedColumns

__all__ = ["MaxAbsScaler", "MaxAbsScalerModel"]


class MaxAbsScaler(VectorColumn, Estimator["MaxAbsScalerModel"]):
    """Learns the largest magnitude of each feature; NaN is passed over.

    >>> from fireside.ml.linalg import Vectors
    >>> MaxAbsScaler(inputCol="v").fit({"v": [Vectors.dense(1, -8), Vectors.dense(2, 4)]}).maxAbs
    DenseVector([2.0, 8.0])
    """

    def _fit(self, dataset: Dataset) -> "MaxAbsScalerModel":
        lowest, highest = fit_extremes(self, dataset)
        largest = np.maximum(np.abs(lowest), np.abs(highest))
        return MaxAbsScalerModel(compressed_vector(largest))._fitted_by(self)


class MaxAbsScalerModel(VectorTransform, Model):
    """Divides each feature by its largest magnitude; sparse vectors stay sparse.

    Attributes:
        maxAbs: the largest magnitudes.
    """

    _saved: ClassVar = SavedColumns(maxAbs=VECTOR)

    def __init__(self, maxAbs: Vector) -> None:
        super().__init__()
        self.maxAbs = maxAbs

    def __repr__(self) -> str:
        return f"MaxAbsScalerModel: uid={self.uid}, numFeatures={len(self.maxAbs)}"

    def _vector_size(self) -> int:
        return len(self.maxAbs)

    def _fitted_size(self) -> int:
        return len(self.maxAbs)

    def _transformed(self, block: VectorBlock) -> VectorBlock:
        largest = self.maxAbs.toArray()
        return block.scaled(1.0 / np.where(largest == 0, 1.0, largest))
