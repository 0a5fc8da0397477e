"""Centring and scaling features by quantiles, which outliers do not move."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from fireside.compute import Collective, Dataset, gang
from fireside.core.errors import InputError
from fireside.ml.base import Estimator, Model
from fireside.ml.columns import column_label
from fireside.ml.feature.unary import VectorColumn, VectorTransform
from fireside.ml.linalg import Vector, VectorBlock
from fireside.ml.linalg.vectors import compressed_vector
from fireside.ml.param import Getter, Param, Setter, TypeConverters, param
from fireside.ml.param.shared import HasRelativeError
from fireside.ml.param.validators import Check
from fireside.ml.persistence import VECTOR, SavedColumns
from fireside.ml.quantile_summary import QuantileSummary, insert_columns, merge_summaries
from fireside.ml.training_vectors import TrainingVectors

__all__ = ["RobustScaler", "RobustScalerModel"]

_SHARE = Check(lambda value: 0 < value < 1, "above 0 and below 1")


class RobustScalerParams(VectorColumn, HasRelativeError):
    """Params of `RobustScaler` and its model."""

    lower: Param[float] = param(
        TypeConverters.toFloat, "the quantile at which the range begins", default=0.25, check=_SHARE
    )
    getLower = Getter(lower)
    upper: Param[float] = param(
        TypeConverters.toFloat, "the quantile at which the range ends", default=0.75, check=_SHARE
    )
    getUpper = Getter(upper)
    withCentering: Param[bool] = param(
        TypeConverters.toBoolean, "whether medians are subtracted; makes vectors dense", default=False
    )
    getWithCentering = Getter(withCentering)
    withScaling: Param[bool] = param(
        TypeConverters.toBoolean, "whether entries are divided by the range of their feature", default=True
    )
    getWithScaling = Getter(withScaling)


class RobustScaler(RobustScalerParams, Estimator["RobustScalerModel"]):
    """Learns the median of each feature, and the range between two of its quantiles; NaN is passed over.

    Quantiles are approximate, within `relativeError`, as `QuantileDiscretizer` explains. Every feature needs
    memory for some 60,000 numbers while it is fitted.

    >>> from fireside.ml.linalg import Vectors
    >>> rows = {"v": [Vectors.dense(x) for x in (1.0, 2.0, 3.0, 4.0, 1000.0)]}
    >>> model = RobustScaler(inputCol="v").fit(rows)
    >>> model.median, model.range
    (DenseVector([3.0]), DenseVector([2.0]))
    """

    setLower = Setter(RobustScalerParams.lower)
    setUpper = Setter(RobustScalerParams.upper)
    setWithCentering = Setter(RobustScalerParams.withCentering)
    setWithScaling = Setter(RobustScalerParams.withScaling)
    setRelativeError = Setter(HasRelativeError.relativeError)

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        if not self.getLower() < self.getUpper():
            raise InputError(f"{self.uid}: lower ({self.getLower()}) must be below upper ({self.getUpper()})")
        return super()._output_fields(schema)

    def _fit(self, dataset: Dataset) -> "RobustScalerModel":
        found = gang(dataset.select([self.getInputCol()]), feature_quantiles, self)
        if found["count"] == 0:
            raise InputError(f"{self.uid}: there are no rows to fit to")
        lower, median, upper = found["quantiles"].T
        if (unknown := np.isnan(median)).any():
            raise InputError(
                f"{column_label(self, self.getInputCol())} has nothing but NaN in feature "
                f"{int(np.argmax(unknown))}: fill it, or leave the feature out"
            )
        model = RobustScalerModel(compressed_vector(upper - lower), compressed_vector(median))
        return model._fitted_by(self)


class RobustScalerModel(VectorTransform, RobustScalerParams, Model):
    """Subtracts medians and divides by ranges; a feature whose range is 0 becomes 0.

    Attributes:
        range: for each feature, the distance between its lower and its upper quantile.
        median: the medians.
    """

    _saved: ClassVar = SavedColumns(range=VECTOR, median=VECTOR)

    def __init__(self, range: Vector, median: Vector) -> None:
        super().__init__()
        self.range = range
        self.median = median

    def __repr__(self) -> str:
        return (
            f"RobustScalerModel: uid={self.uid}, numFeatures={len(self.median)}, "
            f"withCentering={str(self.getWithCentering()).lower()}, "
            f"withScaling={str(self.getWithScaling()).lower()}"
        )

    def _vector_size(self) -> int:
        return len(self.median)

    def _fitted_size(self) -> int:
        return len(self.median)

    def _transformed(self, block: VectorBlock) -> VectorBlock:
        spread = self.range.toArray()
        scale = np.divide(1.0, spread, out=np.zeros(len(spread)), where=spread != 0)
        if self.getWithCentering():
            block = VectorBlock.from_dense(block.to_dense() - self.median.toArray())
        return block.scaled(scale) if self.getWithScaling() else block


def feature_quantiles(collective: Collective, rows: Dataset, stage: RobustScaler) -> Mapping[str, Any]:
    """The quantiles of each feature that a `RobustScaler` needs.

    Returns:
        count: how many rows there are.
        quantiles: float64[D, 3], the lower quantile, the median and the upper one; NaN where all are NaN.
    """
    vectors = TrainingVectors(stage, rows, stage.getInputCol())
    summaries: list[QuantileSummary] = []
    for block in vectors:
        if not summaries:
            summaries = [QuantileSummary(stage.getRelativeError()) for _ in range(block.size)]
        insert_columns(summaries, block.to_dense().T)
    size = vectors.agreed_size(collective)
    if not summaries:
        summaries = [QuantileSummary(stage.getRelativeError()) for _ in range(size)]
    shares = (stage.getLower(), 0.5, stage.getUpper())
    # Asked one by one, as Spark does: an answer depends on those before it in the same query.
    quantiles = [
        [summary.query([share])[0] for share in shares] for summary in merge_summaries(collective, summaries)
    ]
    total = int(collective.allreduce(np.array([vectors.count]))[0])
    return {"count": total, "quantiles": np.array(quantiles).reshape(size, 3)}
