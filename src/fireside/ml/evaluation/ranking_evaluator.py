"""How good rankings are."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fireside.compute import Collective, Dataset, gang
from fireside.core.errors import InputError
from fireside.ml.evaluation.label_lists import LabelLists, LabelListsEvaluator
from fireside.ml.param import Param, TypeConverters, accessors, param
from fireside.ml.param.validators import gt, in_array

__all__ = ["RankingEvaluator"]

FloatArray = npt.NDArray[np.float64]


class RankingEvaluator(LabelListsEvaluator):
    """Mean average precision, precision, recall and NDCG of ranked lists against sets of relevant items.

    Predictions are lists of items, best first; labels are lists of the relevant ones, in any order. A row
    without relevant items counts as 0, as in Spark.

    >>> rows = {"prediction": [[1.0, 6.0, 2.0]], "label": [[1.0, 2.0, 3.0]]}
    >>> RankingEvaluator(metricName="precisionAtK", k=2).evaluate(rows)
    0.5
    """

    metricName: Param[str] = param(
        TypeConverters.toString,
        "'meanAveragePrecision', 'meanAveragePrecisionAtK', 'precisionAtK', 'ndcgAtK' or 'recallAtK'",
        default="meanAveragePrecision",
        check=in_array(
            ["meanAveragePrecision", "meanAveragePrecisionAtK", "precisionAtK", "ndcgAtK", "recallAtK"]
        ),
    )
    getMetricName, setMetricName = accessors(metricName)
    k: Param[int] = param(
        TypeConverters.toInt,
        "how many of the first items count, in the metrics at k",
        default=10,
        check=gt(0),
    )
    getK, setK = accessors(k)

    def _evaluate(self, dataset: Dataset) -> float:
        found = gang(self._checked(dataset), total_score, self)
        if not found["rows"]:
            raise InputError(f"{self.uid}: there are no rows to evaluate")
        return float(found["score"] / found["rows"])


def total_score(collective: Collective, rows: Dataset, stage: RankingEvaluator) -> Mapping[str, Any]:
    """The sum of the scores of all rows, and how many there are."""
    totals = np.zeros(2)
    for lists in stage._lists(rows):
        scores = ranking_scores(lists, stage.getMetricName(), stage.getK())
        totals += [scores.sum(), len(scores)]
    score, count = collective.allreduce(totals).tolist()
    return {"score": score, "rows": int(count)}


def ranking_scores(lists: LabelLists, metric: str, k: int) -> FloatArray:
    """float64[N], the score of each row.

    Sources: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002; Manning,
    Raghavan and Schütze, "Introduction to Information Retrieval", chapter 8.
    """
    predictions, labels = lists
    num_rows = len(predictions.lengths)
    predicted, relevant = lists.keys()
    # Labels are a set: each counts once.
    relevant, first = np.unique(relevant, return_index=True)
    num_relevant = np.bincount(labels.rows[first], minlength=num_rows)
    hits = np.isin(predicted, relevant)
    if metric != "meanAveragePrecision":
        hits = hits & (predictions.places < k)
    rows, places = predictions.rows[hits], predictions.places[hits]
    found = np.bincount(rows, minlength=num_rows)
    if metric == "precisionAtK":
        return found / k
    if metric == "recallAtK":
        return np.divide(found, num_relevant, out=np.zeros(num_rows), where=num_relevant > 0)
    if metric == "ndcgAtK":
        gains = np.bincount(rows, 1.0 / np.log(places + 2), minlength=num_rows)
        depth = np.minimum(num_relevant, k)
        ideal = np.concatenate([[0.0], np.cumsum(1.0 / np.log(np.arange(depth.max(initial=0)) + 2.0))])[depth]
        return np.divide(gains, ideal, out=np.zeros(num_rows), where=ideal > 0)
    # The how-manieth hit of its row each hit is.
    ordinal = np.arange(len(rows)) - np.concatenate([[0], np.cumsum(found)])[rows] + 1
    precisions = np.bincount(rows, ordinal / (places + 1), minlength=num_rows)
    most = num_relevant if metric == "meanAveragePrecision" else np.minimum(num_relevant, k)
    return np.divide(precisions, most, out=np.zeros(num_rows), where=most > 0)
