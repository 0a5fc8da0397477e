"""How well predicted sets of labels agree with the true ones."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fireside.compute import Collective, Dataset, gang
from fireside.core.errors import InputError
from fireside.ml.evaluation.label_lists import LabelLists, LabelListsEvaluator
from fireside.ml.param import Param, TypeConverters, accessors, param
from fireside.ml.param.validators import gt_eq, in_array

__all__ = ["MultilabelClassificationEvaluator"]

FloatArray = npt.NDArray[np.float64]

METRICS = (
    "subsetAccuracy",
    "accuracy",
    "hammingLoss",
    "precision",
    "recall",
    "f1Measure",
    "precisionByLabel",
    "recallByLabel",
    "f1MeasureByLabel",
    "microPrecision",
    "microRecall",
    "microF1Measure",
)

SCORES = ("rows", "subsetAccuracy", "accuracy", "differences", "precision", "recall", "f1Measure")


class MultilabelClassificationEvaluator(LabelListsEvaluator):
    """Means over rows, over all labels of all rows, or of one label.

    Metrics of one label are 0 where it was never predicted rightly; Spark fails there.

    >>> rows = {"prediction": [[0.0, 1.0], [2.0]], "label": [[0.0, 2.0], [2.0]]}
    >>> MultilabelClassificationEvaluator(metricName="precision").evaluate(rows)
    0.75
    """

    metricName: Param[str] = param(
        TypeConverters.toString, f"one of {', '.join(METRICS)}", default="f1Measure", check=in_array(METRICS)
    )
    getMetricName, setMetricName = accessors(metricName)
    metricLabel: Param[float] = param(
        TypeConverters.toFloat, "the label of the metrics by label", default=0.0, check=gt_eq(0)
    )
    getMetricLabel, setMetricLabel = accessors(metricLabel)

    def isLargerBetter(self) -> bool:
        """Whether a larger number is a better one; not of the Hamming loss."""
        return self.getMetricName() != "hammingLoss"

    def _evaluate(self, dataset: Dataset) -> float:
        found = gang(self._checked(dataset), count_matches, self)
        sums: dict[str, float] = found["sums"]
        if not sums["rows"]:
            raise InputError(f"{self.uid}: there are no rows to evaluate")
        name = self.getMetricName()
        if name == "hammingLoss":
            return _ratio(sums["differences"], sums["rows"] * len(found["labels"]))
        if name.endswith("ByLabel"):
            place = np.flatnonzero(found["labels"] == self.getMetricLabel())
            if not len(place):
                raise InputError(
                    f"{self.uid}: no row has the label {self.getMetricLabel()}: set metricLabel to one of "
                    f"{', '.join(map(str, found['labels'].tolist()))}"
                )
            right, predicted, labelled = found["by_label"][:, place[0]].tolist()
            return _metric_of(name.removesuffix("ByLabel"), right, predicted, labelled, empty=0.0)
        if name.startswith("micro"):
            name = name.removeprefix("micro")
            totals = (sums["right"], sums["predicted"], sums["labelled"])
            return _metric_of(name[0].lower() + name[1:], *totals, empty=float("nan"))
        return sums[name] / sums["rows"]


def count_matches(
    collective: Collective, rows: Dataset, stage: MultilabelClassificationEvaluator
) -> Mapping[str, Any]:
    """Sums over all rows, and counts of each label that occurs.

    Returns:
        sums: name -> sum.
        labels: float64[L], the labels that occur, ascending.
        by_label: float64[3, L], how often each was predicted rightly, predicted, and true.
    """
    sums, counts = np.zeros(len(SCORES)), np.zeros((4, 0))
    for lists in stage._lists(rows):
        scores, more = match_lists(lists)
        sums += [float(scores[name].sum()) for name in SCORES]
        counts = _add_up([counts, more])
    counts = _add_up(collective.allgather(counts))
    found = dict(zip(SCORES, collective.allreduce(sums).tolist(), strict=True))
    by_label = counts[:, counts[3] > 0]
    found |= dict(zip(("right", "predicted", "labelled"), counts[1:].sum(axis=1).tolist(), strict=True))
    return {"sums": found, "labels": by_label[0], "by_label": by_label[1:]}


def match_lists(lists: LabelLists) -> tuple[dict[str, FloatArray], FloatArray]:
    """The scores of each row, float64[N] by name, and counts of each value, float64[4, V].

    A value that occurs twice in both lists is two matches, as in Spark. Counts are the values, and how often
    each was predicted rightly, predicted, and true.

    Source: Tsoumakas, Katakis and Vlahavas, "Mining multi-label data", 2010.
    """
    predictions, labels = lists
    num_rows = len(labels.lengths)
    distinct, places = np.unique(np.concatenate(lists.keys()), return_inverse=True)
    split, size = len(predictions.rows), len(distinct)
    predicted = np.bincount(places[:split], minlength=size)
    labelled = np.bincount(places[split:], minlength=size)
    right = np.minimum(predicted, labelled)
    rows, values = np.zeros(size, np.intp), np.zeros(size)
    rows[places] = np.concatenate([predictions.rows, labels.rows])
    values[places] = np.concatenate([predictions.values, labels.values])
    matches = np.bincount(rows, right, minlength=num_rows)
    p, t = predictions.lengths.astype(np.float64), labels.lengths.astype(np.float64)
    with np.errstate(invalid="ignore"):
        scores = {
            "rows": np.ones(num_rows),
            "subsetAccuracy": _same_lists(lists).astype(np.float64),
            "accuracy": matches / (p + t - matches),
            "differences": p + t - 2 * matches,
            "precision": np.divide(matches, p, out=np.zeros(num_rows), where=p > 0),
            "recall": matches / t,
            "f1Measure": 2.0 * matches / (p + t),
        }
    return scores, _add_up([np.stack([values, right, predicted, labelled]).astype(np.float64)])


def _same_lists(lists: LabelLists) -> npt.NDArray[np.bool_]:
    """bool[N], where both lists are the same, in the same order."""
    predictions, labels = lists
    same = predictions.lengths == labels.lengths
    ours, theirs = same[predictions.rows], same[labels.rows]
    differ = predictions.values[ours] != labels.values[theirs]
    same[predictions.rows[ours][differ]] = False
    return same


def _add_up(parts: list[FloatArray]) -> FloatArray:
    values, *counts = np.concatenate(parts, axis=1)
    distinct, places = np.unique(values, return_inverse=True)
    return np.stack([distinct, *(np.bincount(places, count, minlength=len(distinct)) for count in counts)])


def _metric_of(name: str, right: float, predicted: float, labelled: float, *, empty: float) -> float:
    """Precision, recall, or their harmonic mean.

    Args:
        name: which.
        right: how many were predicted rightly.
        predicted: how many were predicted.
        labelled: how many there are.
        empty: the value where a divisor is 0.
    """
    top, bottom = {
        "precision": (right, predicted),
        "recall": (right, labelled),
        "f1Measure": (2.0 * right, predicted + labelled),
    }[name]
    return top / bottom if bottom else empty


def _ratio(top: float, bottom: float) -> float:
    return top / bottom if bottom else float("nan")
