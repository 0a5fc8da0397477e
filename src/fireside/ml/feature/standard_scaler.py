"""Centring and scaling features by their mean and standard deviation."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fireside.compute import Collective, Dataset, gang
from fireside.compute.threads import map_in_order
from fireside.core.errors import InputError
from fireside.ml.base import Estimator, Model
from fireside.ml.feature.unary import VectorColumn, VectorTransform
from fireside.ml.linalg import Vector, VectorBlock
from fireside.ml.linalg.fold import fold_rows
from fireside.ml.linalg.vectors import compressed_vector
from fireside.ml.param import Getter, Param, Setter, TypeConverters, param
from fireside.ml.persistence import VECTOR, SavedColumns
from fireside.ml.training_vectors import TrainingVectors

__all__ = ["StandardScaler", "StandardScalerModel"]

FloatArray = npt.NDArray[np.float64]


class StandardScalerParams(VectorColumn):
    """Params of `StandardScaler` and its model."""

    withMean: Param[bool] = param(
        TypeConverters.toBoolean, "whether means are subtracted; makes vectors dense", default=False
    )
    getWithMean = Getter(withMean)
    withStd: Param[bool] = param(
        TypeConverters.toBoolean, "whether entries are divided by standard deviations", default=True
    )
    getWithStd = Getter(withStd)


class StandardScaler(StandardScalerParams, Estimator["StandardScalerModel"]):
    """Learns the mean and the sample standard deviation (n - 1) of each feature.

    >>> from fireside.ml.linalg import Vectors
    >>> model = StandardScaler(inputCol="v", outputCol="s").fit({"v": [Vectors.dense(1), Vectors.dense(3)]})
    >>> model.mean, model.std
    (DenseVector([2.0]), DenseVector([1.4142]))
    """

    setWithMean = Setter(StandardScalerParams.withMean)
    setWithStd = Setter(StandardScalerParams.withStd)

    def _fit(self, dataset: Dataset) -> "StandardScalerModel":
        found = gang(dataset.select([self.getInputCol()]), moments, self)
        if found["count"] == 0:
            raise InputError(f"{self.uid}: there are no rows to fit to")
        std = np.sqrt(found["squares"] / max(found["count"] - 1, 1))
        return StandardScalerModel(compressed_vector(std), compressed_vector(found["mean"]))._fitted_by(self)


class StandardScalerModel(VectorTransform, StandardScalerParams, Model):
    """Subtracts means and divides by standard deviations; a feature that never varies becomes 0.

    Attributes:
        std: the standard deviations.
        mean: the means.
    """

    _saved: ClassVar = SavedColumns(std=VECTOR, mean=VECTOR)

    def __init__(self, std: Vector, mean: Vector) -> None:
        super().__init__()
        self.std = std
        self.mean = mean

    def __repr__(self) -> str:
        return (
            f"StandardScalerModel: uid={self.uid}, numFeatures={len(self.mean)}, "
            f"withMean={str(self.getWithMean()).lower()}, withStd={str(self.getWithStd()).lower()}"
        )

    def _vector_size(self) -> int:
        return len(self.mean)

    def _fitted_size(self) -> int:
        return len(self.mean)

    @cached_property
    def _scale(self) -> FloatArray:
        std = self.std.toArray()
        return np.divide(1.0, std, out=np.zeros(len(std)), where=std != 0)

    def _transformed(self, block: VectorBlock) -> VectorBlock:
        if self.getWithMean():
            centred = block.to_dense() - self.mean.toArray()
            return VectorBlock.from_dense(centred * self._scale if self.getWithStd() else centred)
        return block.scaled(self._scale) if self.getWithStd() else block


def moments(collective: Collective, rows: Dataset, stage: StandardScaler) -> Mapping[str, Any]:
    """Count, mean and summed squared deviations of each feature, in two passes over the rows.

    The second pass subtracts the mean of all rows before it squares, so that a large mean costs no digits.

    Returns:
        count: how many rows there are.
        mean: float64[D].
        squares: float64[D], sums of (x - mean)^2.
    """
    vectors = TrainingVectors(stage, rows, stage.getInputCol())
    sums = np.zeros(0)
    for part in map_in_order(VectorBlock.column_sums, vectors):
        sums = part + (sums if len(sums) else 0.0)
    size = vectors.agreed_size(collective)
    sums = collective.allreduce(sums if len(sums) else np.zeros(size))
    total = int(collective.allreduce(np.array([vectors.count]))[0])
    mean = sums / max(total, 1)
    squares = np.zeros(size)
    for part in map_in_order(lambda block: squared_deviations(block, mean), vectors):
        squares += part
    return {"count": total, "mean": mean, "squares": collective.allreduce(squares)}


def squared_deviations(block: VectorBlock, mean: FloatArray) -> FloatArray:
    """float64[D], sums of (x - mean)^2 over the vectors of a block."""
    if block.is_dense.all():
        centred = block.to_dense() - mean
        return fold_rows(np.add, np.square(centred, out=centred))
    squares = block.with_values(np.square(block.values - mean[block.indices])).column_sums()
    stored = block.with_values(np.ones(len(block.values))).column_sums()
    return squares + (len(block) - stored) * mean**2
