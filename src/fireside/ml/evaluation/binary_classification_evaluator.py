"""How well scores tell two classes apart."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.compute import Collective, Dataset, gang
from fireside.core.errors import InputError
from fireside.ml.columns import column_label, read_numbers, read_vectors, read_weights
from fireside.ml.evaluation.evaluator import Evaluator
from fireside.ml.linalg.vector_type import is_vector_like
from fireside.ml.param import Param, Setter, TypeConverters, accessors, param
from fireside.ml.param.shared import HasLabelCol, HasRawPredictionCol, HasWeightCol
from fireside.ml.param.validators import gt_eq, in_array
from fireside.ml.schema import input_field, is_numeric

__all__ = ["BinaryClassificationEvaluator"]

FloatArray = npt.NDArray[np.float64]


class BinaryClassificationEvaluator(HasLabelCol, HasRawPredictionCol, HasWeightCol, Evaluator):
    """The area under the ROC curve, or under the curve of precision over recall.

    Scores are numbers, or the second entry of vectors. Where there are many distinct scores the curves are
    drawn through about `numBins` points; Spark does so within each of its partitions, here there is but one.

    >>> rows = {"label": [0, 1, 0, 1], "rawPrediction": [0.1, 0.4, 0.5, 0.9]}
    >>> BinaryClassificationEvaluator().evaluate(rows)
    0.75
    """

    metricName: Param[str] = param(
        TypeConverters.toString,
        "'areaUnderROC' or 'areaUnderPR'",
        default="areaUnderROC",
        check=in_array(["areaUnderROC", "areaUnderPR"]),
    )
    getMetricName, setMetricName = accessors(metricName)
    numBins: Param[int] = param(
        TypeConverters.toInt,
        "about how many points the curves have, where there are more scores; 0 for one for each",
        default=1000,
        check=gt_eq(0),
    )
    getNumBins, setNumBins = accessors(numBins)
    setWeightCol = Setter(HasWeightCol.weightCol)

    def _evaluate(self, dataset: Dataset) -> float:
        score, label = self.getRawPredictionCol(), self.getLabelCol()
        weight = self._weight_column()
        input_field(
            self,
            dataset.schema,
            score,
            wanted="a vector or a number",
            fits=lambda kind: is_vector_like(kind) or is_numeric(kind),
        )
        for column in filter(None, [label, weight]):
            input_field(self, dataset.schema, column, wanted="a number", fits=is_numeric)
        columns = list(dict.fromkeys(filter(None, [score, label, weight])))
        found = gang(dataset.select(columns), count_scores, self, weight)
        counts = found["counts"]
        if not counts.shape[1]:
            raise InputError(f"{self.uid}: there are no rows to evaluate")
        area = area_under_roc if self.getMetricName() == "areaUnderROC" else area_under_pr
        return area(*cumulative_counts(counts, self.getNumBins()))


def count_scores(
    collective: Collective, rows: Dataset, stage: BinaryClassificationEvaluator, weight: str | None
) -> Mapping[str, Any]:
    """Distinct scores with the weights of the positive and the negative rows that have them.

    Returns:
        counts: float64[3, S], scores ascending, and both weights.
    """
    merged, waiting, size = np.zeros((3, 0)), [np.zeros((3, 0))], 0
    for batch in rows.batches():
        waiting.append(_score_columns(stage, batch, weight))
        size += waiting[-1].shape[1]
        # Merged now and then, so that memory grows with the distinct scores, not with the rows.
        if size > 1_000_000 + merged.shape[1]:
            merged, waiting, size = merge_scores([merged, *waiting]), [], 0
    mine = merge_scores([merged, *waiting])
    return {"counts": merge_scores(collective.allgather(mine))}


def merge_scores(parts: list[FloatArray]) -> FloatArray:
    """float64[3, S], distinct scores with the sums of their weights.

    >>> merge_scores([np.array([[0.5, 0.2, 0.5], [1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])])
    array([[0.2, 0.5],
           [0. , 1. ],
           [1. , 1. ]])
    """
    scores, *weights = np.concatenate(parts, axis=1)
    distinct, places = np.unique(scores, return_inverse=True)
    return np.stack([distinct, *(np.bincount(places, w, minlength=len(distinct)) for w in weights)])


def cumulative_counts(counts: FloatArray, num_bins: int) -> tuple[FloatArray, FloatArray]:
    """float64[P] true and float64[P] false positives, as the threshold falls from score to score.

    Args:
        counts: float64[3, S], of `merge_scores`.
        num_bins: about how many points are wanted; 0 for all.
    """
    positives, negatives = np.cumsum(counts[1:, ::-1], axis=1)
    step = counts.shape[1] // num_bins if num_bins else 1
    if step < 2:
        return positives, negatives
    # The last score of each group stands for it, and the last group may be smaller.
    ends = np.append(np.arange(step - 1, counts.shape[1] - 1, step), counts.shape[1] - 1)
    return positives[ends], negatives[ends]


def area_under_roc(positives: FloatArray, negatives: FloatArray) -> float:
    """The area under the true-positive rate over the false-positive rate, by trapezoids.

    >>> area_under_roc(np.array([1.0, 2.0]), np.array([0.0, 2.0]))
    0.75
    """
    rates = [
        counts / counts[-1] if counts[-1] else np.zeros(len(counts)) for counts in (negatives, positives)
    ]
    return _trapezoids(*(np.concatenate([[0.0], rate, [1.0]]) for rate in rates))


def area_under_pr(positives: FloatArray, negatives: FloatArray) -> float:
    """The area under precision over recall, by trapezoids.

    At recall 0 precision is that of the first point.

    >>> area_under_pr(np.array([1.0, 2.0]), np.array([0.0, 2.0]))
    0.875
    """
    found = positives + negatives
    precision = np.divide(positives, found, out=np.ones(len(found)), where=found > 0)
    recall = positives / positives[-1] if positives[-1] else np.zeros(len(positives))
    return _trapezoids(np.concatenate([[0.0], recall]), np.concatenate([precision[:1], precision]))


def _trapezoids(x: FloatArray, y: FloatArray) -> float:
    return float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2.0))


def _score_columns(
    stage: BinaryClassificationEvaluator, batch: pa.RecordBatch, weight: str | None
) -> FloatArray:
    """float64[3, N], the score of each row, and its weight as a positive and as a negative one."""
    column = stage.getRawPredictionCol()
    if is_vector_like(batch.schema.field(column).type):
        block = read_vectors(stage, batch, column)
        if block.size < 2:
            raise InputError(
                f"{column_label(stage, column)} has vectors of size {block.size}, but a score is the second "
                "entry: name a column with one entry for each of two classes, or with numbers"
            )
        scores = block.to_dense()[:, 1]
        if np.isnan(scores).any():
            raise InputError(f"{column_label(stage, column)} has NaN: fill it, or leave such rows out")
    else:
        scores = read_numbers(stage, batch, column)
    positive = read_numbers(stage, batch, stage.getLabelCol()) > 0.5
    weights = read_weights(stage, batch, weight)
    return np.stack([scores, weights * positive, weights * ~positive])
