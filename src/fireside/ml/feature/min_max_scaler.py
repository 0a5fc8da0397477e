"""Scaling features to a range by their smallest and largest entry."""

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.compute import Dataset
from fireside.core.errors import InputError
from fireside.ml.base import Estimator, Model
from fireside.ml.feature.extremes import fit_extremes
from fireside.ml.feature.text.java_numbers import java_double
from fireside.ml.feature.unary import VectorColumn, VectorTransform
from fireside.ml.linalg import Vector, VectorBlock
from fireside.ml.linalg.vectors import compressed_vector
from fireside.ml.param import Param, TypeConverters, accessors, param
from fireside.ml.persistence import VECTOR, SavedColumns

__all__ = ["MinMaxScaler", "MinMaxScalerModel"]

FloatArray = npt.NDArray[np.float64]


class MinMaxScalerParams(VectorColumn):
    """Params of `MinMaxScaler` and its model."""

    min: Param[float] = param(TypeConverters.toFloat, "the lower end of the range", default=0.0)
    getMin, setMin = accessors(min)
    max: Param[float] = param(TypeConverters.toFloat, "the upper end of the range", default=1.0)
    getMax, setMax = accessors(max)

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        if not self.getMin() < self.getMax():
            raise InputError(f"{self.uid}: min ({self.getMin()}) must be below max ({self.getMax()})")
        return super()._output_fields(schema)


class MinMaxScaler(MinMaxScalerParams, Estimator["MinMaxScalerModel"]):
    """Learns the smallest and largest entry of each feature; NaN is passed over.

    >>> from fireside.ml.linalg import Vectors
    >>> model = MinMaxScaler(inputCol="v").fit({"v": [Vectors.dense(1), Vectors.dense(5)]})
    >>> model.originalMin, model.originalMax
    (DenseVector([1.0]), DenseVector([5.0]))
    """

    def _fit(self, dataset: Dataset) -> "MinMaxScalerModel":
        lowest, highest = fit_extremes(self, dataset)
        model = MinMaxScalerModel(compressed_vector(lowest), compressed_vector(highest))
        return model._fitted_by(self)


class MinMaxScalerModel(VectorTransform, MinMaxScalerParams, Model):
    """Moves each feature linearly to the range from `min` to `max`; one that never varies goes to its middle.

    Zeros become other numbers, so sparse vectors become dense, unless the result has many zeros. NaN stays.

    Attributes:
        originalMin: the smallest entries.
        originalMax: the largest entries.
    """

    _saved: ClassVar = SavedColumns(originalMin=VECTOR, originalMax=VECTOR)

    def __init__(self, originalMin: Vector, originalMax: Vector) -> None:
        super().__init__()
        self.originalMin = originalMin
        self.originalMax = originalMax

    def __repr__(self) -> str:
        return (
            f"MinMaxScalerModel: uid={self.uid}, numFeatures={len(self.originalMin)}, "
            f"min={java_double(self.getMin())}, max={java_double(self.getMax())}"
        )

    def _vector_size(self) -> int:
        return len(self.originalMin)

    def _fitted_size(self) -> int:
        return len(self.originalMin)

    def _transformed(self, block: VectorBlock) -> VectorBlock:
        lowest, highest = self.originalMin.toArray(), self.originalMax.toArray()
        scaled_ND = rescaled(block.to_dense(), lowest, highest, low=self.getMin(), high=self.getMax())
        return VectorBlock.from_dense(scaled_ND).compressed()


def rescaled(
    x_ND: FloatArray, lowest_D: FloatArray, highest_D: FloatArray, *, low: float, high: float
) -> FloatArray:
    """float64[N, D], each feature moved from [lowest, highest] to [low, high].

    >>> x_ND, lowest_D = np.array([[1.0, 7.0], [2.0, 7.0]]), np.array([1.0, 7.0])
    >>> rescaled(x_ND, lowest_D, np.array([3.0, 7.0]), low=0.0, high=1.0)
    array([[0. , 0.5],
           [0.5, 0.5]])
    """
    # Where a feature has no number, or an infinite one, the range is infinite; that is no error in Spark.
    with np.errstate(over="ignore", invalid="ignore"):
        spread_D = highest_D - lowest_D
        scale_D = np.divide(high - low, spread_D, out=np.zeros(len(spread_D)), where=spread_D != 0)
        moved_ND = (x_ND - lowest_D) * scale_D + low
    flat_D = scale_D == 0
    if flat_D.any():
        moved_ND[:, flat_D] = np.where(np.isnan(x_ND[:, flat_D]), np.nan, (low + high) / 2)
    return moved_ND
