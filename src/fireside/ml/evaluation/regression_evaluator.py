"""How far predicted numbers are from the true ones."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from fireside.compute import Collective, Dataset, gang
from fireside.core.errors import InputError
from fireside.ml.columns import read_numbers, read_weights
from fireside.ml.evaluation.evaluator import Evaluator
from fireside.ml.linalg import VectorBlock
from fireside.ml.param import Param, Setter, TypeConverters, accessors, param
from fireside.ml.param.shared import HasLabelCol, HasPredictionCol, HasWeightCol
from fireside.ml.param.validators import in_array
from fireside.ml.schema import input_field, is_numeric
from fireside.ml.stat.moments import Moments, gather_moments, merge_moments, moments_of

__all__ = ["RegressionEvaluator"]


class RegressionEvaluator(HasLabelCol, HasPredictionCol, HasWeightCol, Evaluator):
    """Mean errors, R^2, or explained variance.

    With weights, R^2 takes the unbiased variance of the labels times (sum of weights - 1), as Spark does.

    >>> rows = {"label": [1.0, 2.0, 3.0], "prediction": [1.0, 2.0, 6.0]}
    >>> RegressionEvaluator(metricName="mae").evaluate(rows)
    1.0
    """

    metricName: Param[str] = param(
        TypeConverters.toString,
        "'rmse' or 'mse', the (root) mean squared error; 'mae', the mean absolute error; 'r2'; or 'var', the "
        "explained variance",
        default="rmse",
        check=in_array(["mse", "rmse", "r2", "mae", "var"]),
    )
    getMetricName, setMetricName = accessors(metricName)
    throughOrigin: Param[bool] = param(
        TypeConverters.toBoolean, "whether R^2 compares with 0 rather than with the mean label", default=False
    )
    getThroughOrigin, setThroughOrigin = accessors(throughOrigin)
    setWeightCol = Setter(HasWeightCol.weightCol)

    def isLargerBetter(self) -> bool:
        """Whether a larger number is a better one: of R^2 and explained variance alone."""
        return self.getMetricName() in ("r2", "var")

    def _evaluate(self, dataset: Dataset) -> float:
        columns = [self.getPredictionCol(), self.getLabelCol()]
        weight = self._weight_column()
        columns += [weight] if weight else []
        for column in columns:
            input_field(self, dataset.schema, column, wanted="a number", fits=is_numeric)
        found = gang(dataset.select(list(dict.fromkeys(columns))), error_moments, self, weight)
        if not found["totals"][0]:
            raise InputError(f"{self.uid}: there are no rows to evaluate")
        moments = Moments(**found)
        return regression_metric(moments, self.getMetricName(), through_origin=self.getThroughOrigin())


def error_moments(
    collective: Collective, rows: Dataset, stage: RegressionEvaluator, weight: str | None
) -> Mapping[str, Any]:
    """The moments of labels, errors (label - prediction) and predictions."""
    found = Moments.none(3)
    for batch in rows.batches():
        labels = read_numbers(stage, batch, stage.getLabelCol())
        predictions = read_numbers(stage, batch, stage.getPredictionCol())
        columns = np.stack([labels, labels - predictions, predictions], axis=1)
        weights = read_weights(stage, batch, weight)
        found = merge_moments(found, moments_of(VectorBlock.from_dense(columns), weights))
    return gather_moments(collective, found)._asdict()


def regression_metric(moments: Moments, metric: str, *, through_origin: bool = False) -> float:
    """One metric.

    Args:
        moments: of labels, errors and predictions, in this order.
        metric: its name.
        through_origin: whether R^2 compares with 0.
    """
    weight, squared_error = moments.weight, float(moments.l2[1])
    if metric == "mse":
        return squared_error / weight
    if metric == "rmse":
        return math.sqrt(squared_error / weight)
    if metric == "mae":
        return float(moments.l1[1]) / weight
    if metric == "var":
        spread = moments.squares[2] + weight * (moments.mean[2] - moments.mean[0]) ** 2
        return float(spread) / weight
    total = moments.l2[0] if through_origin else moments.variance[0] * (weight - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(1.0 - np.float64(squared_error) / np.float64(total))
