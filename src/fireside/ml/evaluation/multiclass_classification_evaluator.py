"""How often predicted classes are the right ones."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fireside.compute import Collective, Dataset, gang
from fireside.core.errors import InputError
from fireside.ml.columns import column_label, read_numbers, read_vectors, read_weights
from fireside.ml.evaluation.evaluator import Evaluator
from fireside.ml.param import Param, Setter, TypeConverters, accessors, param
from fireside.ml.param.shared import HasLabelCol, HasPredictionCol, HasProbabilityCol, HasWeightCol
from fireside.ml.param.validators import Check, gt, gt_eq, in_array
from fireside.ml.schema import input_field, is_numeric, vector_field
from fireside.ml.stat.grouped_sums import gather_groups, grouped_sums, merge_groups

__all__ = ["MulticlassClassificationEvaluator"]

FloatArray = npt.NDArray[np.float64]

METRICS = (
    "f1",
    "accuracy",
    "weightedPrecision",
    "weightedRecall",
    "weightedTruePositiveRate",
    "weightedFalsePositiveRate",
    "weightedFMeasure",
    "truePositiveRateByLabel",
    "falsePositiveRateByLabel",
    "precisionByLabel",
    "recallByLabel",
    "fMeasureByLabel",
    "logLoss",
    "hammingLoss",
)


class MulticlassClassificationEvaluator(
    HasLabelCol, HasPredictionCol, HasWeightCol, HasProbabilityCol, Evaluator
):
    """Accuracy, precision, recall, F measures, and losses of predicted classes.

    >>> rows = {"label": [0.0, 0.0, 1.0, 2.0], "prediction": [0.0, 1.0, 1.0, 2.0]}
    >>> MulticlassClassificationEvaluator(metricName="accuracy").evaluate(rows)
    0.75
    """

    metricName: Param[str] = param(
        TypeConverters.toString, f"one of {', '.join(METRICS)}", default="f1", check=in_array(METRICS)
    )
    getMetricName, setMetricName = accessors(metricName)
    metricLabel: Param[float] = param(
        TypeConverters.toFloat, "the class of the metrics by label", default=0.0, check=gt_eq(0)
    )
    getMetricLabel, setMetricLabel = accessors(metricLabel)
    beta: Param[float] = param(
        TypeConverters.toFloat,
        "how much recall weighs in weightedFMeasure and fMeasureByLabel, against precision",
        default=1.0,
        check=gt(0),
    )
    getBeta, setBeta = accessors(beta)
    eps: Param[float] = param(
        TypeConverters.toFloat,
        "logLoss takes probabilities below eps for eps, and those above 1 - eps for 1 - eps",
        default=1e-15,
        check=Check(lambda value: 0 < value < 0.5, "above 0 and below 0.5"),
    )
    getEps, setEps = accessors(eps)
    setWeightCol = Setter(HasWeightCol.weightCol)

    def isLargerBetter(self) -> bool:
        """Whether a larger number is a better one; not of losses and rates of false positives."""
        return self.getMetricName() not in (
            "weightedFalsePositiveRate",
            "falsePositiveRateByLabel",
            "logLoss",
            "hammingLoss",
        )

    def _evaluate(self, dataset: Dataset) -> float:
        weight = self._weight_column()
        losses = self.getMetricName() == "logLoss"
        columns = [self.getPredictionCol(), self.getLabelCol(), *([weight] if weight else [])]
        for column in columns:
            input_field(self, dataset.schema, column, wanted="a number", fits=is_numeric)
        if losses:
            vector_field(self, dataset.schema, self.getProbabilityCol())
            columns.append(self.getProbabilityCol())
        rows = dataset.select(list(dict.fromkeys(columns)))
        found = gang(rows, total_loss if losses else count_pairs, self, weight)
        if losses:
            if not found["rows"]:
                raise InputError(f"{self.uid}: there are no rows to evaluate")
            return float(found["loss"] / found["weight"])
        if not found["pairs"].shape[1]:
            raise InputError(f"{self.uid}: there are no rows to evaluate")
        return self._metric(Confusion(found["pairs"]))

    def _metric(self, confusion: "Confusion") -> float:
        name, shares = self.getMetricName(), confusion.totals / confusion.totals.sum()
        if name == "accuracy":
            return float(confusion.right.sum() / confusion.totals.sum())
        if name == "hammingLoss":
            return float(confusion.wrong / confusion.totals.sum())
        what = name.removeprefix("weighted").removesuffix("ByLabel").lower()
        if what == "precision":
            by_label = confusion.precision()
        elif what in ("recall", "truepositiverate"):
            by_label = confusion.recall()
        elif what == "falsepositiverate":
            by_label = confusion.false_positive_rate()
        else:
            by_label = confusion.f_measure(1.0 if name == "f1" else self.getBeta())
        if not name.endswith("ByLabel"):
            return float(by_label @ shares)
        found = np.flatnonzero(confusion.labels == self.getMetricLabel())
        if not len(found):
            raise InputError(
                f"{self.uid}: no row has the label {self.getMetricLabel()}: set metricLabel to one of "
                f"{', '.join(map(str, confusion.labels.tolist()))}"
            )
        return float(by_label[found[0]])


class Confusion:
    """Which classes were taken for which.

    Args:
        pairs: float64[3, P], the pairs of label and prediction that occur, and their weights.

    Attributes:
        labels: float64[L], the labels that occur, ascending.
        totals: float64[L], the weight of the rows that have each.
        right: float64[L], of those that were predicted so.
        false: float64[L], of those that were predicted so and are not.
        wrong: the weight of the rows whose prediction is wrong.
    """

    def __init__(self, pairs: FloatArray) -> None:
        labels, predictions, weights = pairs
        self.labels, places = np.unique(labels, return_inverse=True)
        size, is_right = len(self.labels), labels == predictions
        self.totals = np.bincount(places, weights, minlength=size)
        self.right = np.bincount(places, weights * is_right, minlength=size)
        taken = np.searchsorted(self.labels, predictions)
        known = (taken < size) & np.isin(predictions, self.labels) & ~is_right
        self.false = np.bincount(taken[known], weights[known], minlength=size).astype(np.float64)
        self.wrong = float(weights[~is_right].sum())

    def precision(self) -> FloatArray:
        """float64[L]; 0 for a class that was never predicted."""
        found = self.right + self.false
        return np.divide(self.right, found, out=np.zeros(len(found)), where=found != 0)

    def recall(self) -> FloatArray:
        """float64[L]."""
        with np.errstate(invalid="ignore"):
            return self.right / self.totals

    def false_positive_rate(self) -> FloatArray:
        """float64[L]; NaN where there is no other class."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.false / (self.totals.sum() - self.totals)

    def f_measure(self, beta: float) -> FloatArray:
        """float64[L], (1 + beta^2) p r / (beta^2 p + r); 0 where precision p and recall r are."""
        p, r = self.precision(), self.recall()
        return np.divide(
            (1 + beta * beta) * p * r, beta * beta * p + r, out=np.zeros(len(p)), where=p + r != 0
        )


def count_pairs(
    collective: Collective, rows: Dataset, stage: MulticlassClassificationEvaluator, weight: str | None
) -> Mapping[str, Any]:
    """The pairs of label and prediction that occur, float64[3, P] with their weights."""
    pairs = np.zeros((3, 0))
    for batch in rows.batches():
        labels = read_numbers(stage, batch, stage.getLabelCol())
        predictions = read_numbers(stage, batch, stage.getPredictionCol())
        part = grouped_sums([labels, predictions], [read_weights(stage, batch, weight)])
        pairs = merge_groups([pairs, part], 2)
    return {"pairs": gather_groups(collective, pairs, 2)}


def total_loss(
    collective: Collective, rows: Dataset, stage: MulticlassClassificationEvaluator, weight: str | None
) -> Mapping[str, Any]:
    """The sum of the weighted losses -log(p of the label), and of the weights."""
    totals, column = np.zeros(3), stage.getProbabilityCol()
    for batch in rows.batches():
        probabilities = read_vectors(stage, batch, column).to_dense()
        labels = read_numbers(stage, batch, stage.getLabelCol())
        fits = (labels >= 0) & (labels < probabilities.shape[1]) & (labels == np.floor(labels))
        if not fits.all():
            raise InputError(
                f"{column_label(stage, column)} has {probabilities.shape[1]} probabilities, but a label is "
                f"{labels[np.argmin(fits)]}: labels must be whole numbers from 0 on, as StringIndexer makes"
            )
        losses = log_losses(probabilities[np.arange(len(labels)), labels.astype(np.intp)], stage.getEps())
        weights = read_weights(stage, batch, weight)
        totals += [weights @ losses, weights.sum(), len(labels)]
    loss, weight_sum, count = collective.allreduce(totals).tolist()
    return {"loss": loss, "weight": weight_sum, "rows": int(count)}


def log_losses(p: FloatArray, eps: float) -> FloatArray:
    """float64[N], -log of probabilities, which are kept between eps and 1 - eps.

    >>> log_losses(np.array([1.0, 0.5]), 0.25).round(3)
    array([0.288, 0.693])
    """
    inner = -np.log(np.clip(p, eps, 1.0))
    # 1 - eps may round to 1, so its logarithm is taken of eps.
    return np.where(p < eps, -np.log(eps), np.where(p > 1 - eps, -np.log1p(-eps), inner))
