"""Summaries of a column of vectors: mean, variance, extremes and the like, of each entry."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from fireside.compute import Collective, Dataset, TableDataset, gang
from fireside.compute.threads import map_in_order
from fireside.core.errors import InputError
from fireside.ml.column_function import is_spark_column
from fireside.ml.columns import read_weights
from fireside.ml.frame import open_frame, return_frame
from fireside.ml.linalg import VectorBlock
from fireside.ml.param import Params
from fireside.ml.schema import input_field, is_numeric, vector_field
from fireside.ml.stat.feature_test import reader_named
from fireside.ml.stat.moments import Moments, gather_moments, merge_moments, moments_of
from fireside.ml.training_vectors import TrainingVectors

__all__ = ["METRICS", "Summarizer", "Summary", "SummaryBuilder", "column_moments"]

METRICS = ("count", "max", "mean", "min", "normL1", "normL2", "numNonZeros", "std", "sum", "variance")


class Summary:
    """What is to be computed, of which columns; `over` computes it.

    Args:
        metrics: names of metrics, which name the columns of the result.
        featuresCol: name of the column of vectors.
        weightCol: name of the column of weights; without it every row weighs 1.
        single: the result is one metric, whose column is called `metric(featuresCol)`.
    """

    def __init__(
        self, metrics: tuple[str, ...], featuresCol: str, weightCol: str | None, *, single: bool = False
    ) -> None:
        for column in (featuresCol, weightCol):
            if not (column is None or isinstance(column, str)):
                raise InputError(
                    f"columns are given by name here, got {column!r}: call "
                    "Summarizer.metrics(...).summary('features').over(frame)"
                )
        self.metrics = metrics
        self.featuresCol = featuresCol
        self.weightCol = weightCol
        self._single = single

    def over(self, dataset: Any) -> Any:
        """Compute the metrics of a frame.

        Args:
            dataset: any frame or path that `fireside.compute.as_dataset` takes.

        Returns:
            The kind of frame that came in, with one row and a column for each metric.

        Raises:
            InputError: there are no rows with a weight above 0.
        """
        stage = reader_named("Summarizer")
        moments = column_moments(stage, open_frame(dataset), self.featuresCol, self.weightCol)
        columns = {name: metric_column(moments, name) for name in self.metrics}
        if self._single:
            columns = {f"{name}({self.featuresCol})": column for name, column in columns.items()}
        return return_frame(TableDataset(pa.table(columns)), dataset)


class SummaryBuilder:
    """Some metrics, of columns that are named later."""

    def __init__(self, metrics: tuple[str, ...]) -> None:
        unknown = [name for name in metrics if name not in METRICS]
        if unknown or not metrics:
            given = f"got {unknown[0]!r}" if unknown else "got none"
            raise InputError(f"metrics are {', '.join(METRICS)}; {given}")
        self._metrics = metrics

    def summary(self, featuresCol: Any, weightCol: Any = None) -> Any:
        """These metrics of a column: a `Summary` for its name, an expression for a column of Spark."""
        if is_spark_column(featuresCol):
            from fireside.compute.spark.summary import summary_expression

            return summary_expression(self._metrics, featuresCol, weightCol)
        return Summary(self._metrics, featuresCol, weightCol)


class Summarizer:
    """Makes summaries of columns by name, which `over(frame)` computes.

    A column of Spark instead of a name gives Spark's own expression, for its `select`.
    Variances are unbiased; rows of weight 0 count for nothing.

    >>> from fireside.ml.linalg import Vectors
    >>> rows = {"f": [Vectors.dense(1, 2), Vectors.dense(3, 2)], "w": [1.0, 3.0]}
    >>> Summarizer.metrics("mean", "count").summary("f", "w").over(rows)
    {'mean': [DenseVector([2.5, 2.0])], 'count': [2]}
    >>> Summarizer.max("f").over(rows)
    {'max(f)': [DenseVector([3.0, 2.0])]}
    """

    @staticmethod
    def metrics(*metrics: str) -> SummaryBuilder:
        """Some of count, max, mean, min, normL1, normL2, numNonZeros, std, sum, variance."""
        return SummaryBuilder(metrics)

    @staticmethod
    def mean(col: Any, weightCol: Any = None) -> Any:
        """The weighted mean."""
        return _metric("mean", col, weightCol)

    @staticmethod
    def sum(col: Any, weightCol: Any = None) -> Any:
        """The weighted sum."""
        return _metric("sum", col, weightCol)

    @staticmethod
    def variance(col: Any, weightCol: Any = None) -> Any:
        """The unbiased variance."""
        return _metric("variance", col, weightCol)

    @staticmethod
    def std(col: Any, weightCol: Any = None) -> Any:
        """The square root of the variance."""
        return _metric("std", col, weightCol)

    @staticmethod
    def count(col: Any, weightCol: Any = None) -> Any:
        """How many rows have a weight above 0."""
        return _metric("count", col, weightCol)

    @staticmethod
    def numNonZeros(col: Any, weightCol: Any = None) -> Any:
        """How many of those are not 0, entry by entry."""
        return _metric("numNonZeros", col, weightCol)

    @staticmethod
    def max(col: Any, weightCol: Any = None) -> Any:
        """The largest number."""
        return _metric("max", col, weightCol)

    @staticmethod
    def min(col: Any, weightCol: Any = None) -> Any:
        """The smallest number."""
        return _metric("min", col, weightCol)

    @staticmethod
    def normL1(col: Any, weightCol: Any = None) -> Any:
        """The weighted sum of magnitudes."""
        return _metric("normL1", col, weightCol)

    @staticmethod
    def normL2(col: Any, weightCol: Any = None) -> Any:
        """The square root of the weighted sum of squares."""
        return _metric("normL2", col, weightCol)


def _metric(name: str, column: Any, weights: Any) -> Any:
    if is_spark_column(column):
        from fireside.compute.spark.summary import metric_expression

        return metric_expression(name, column, weights)
    return Summary((name,), column, weights, single=True)


def column_moments(stage: Params, rows: Dataset, features: str, weights: str | None = None) -> Moments:
    """The moments of a column of vectors, in one pass.

    Raises:
        SchemaError: a column is missing or of the wrong type.
        InputError: a weight is negative, or there are no rows with a weight above 0.
    """
    vector_field(stage, rows.schema, features)
    if weights is not None:
        input_field(stage, rows.schema, weights, wanted="a number", fits=is_numeric)
    columns = list(dict.fromkeys(filter(None, [features, weights])))
    moments = Moments(**gang(rows.select(columns), _moments, stage, features, weights))
    if not moments.num_rows:
        raise InputError(f"{stage.uid}: there are no rows, or none with a weight above 0")
    return moments


def _moments(
    collective: Collective, rows: Dataset, stage: Params, features: str, weights: str | None
) -> Mapping[str, Any]:
    vectors = TrainingVectors(stage, rows, features)
    pairs = ((vectors.read(batch), read_weights(stage, batch, weights)) for batch in rows.batches())
    found = Moments.none()
    for part in map_in_order(lambda given: moments_of(*given), pairs):
        found = merge_moments(found, part)
    size = vectors.agreed_size(collective)
    return gather_moments(collective, found if vectors.count else Moments.none(size))._asdict()


def metric_column(moments: Moments, name: str) -> pa.Array:
    """One metric as a column of one row."""
    if name == "count":
        return pa.array([moments.num_rows], pa.int64())
    if name in ("std", "variance"):
        values = moments.variance if name == "variance" else np.sqrt(moments.variance)
    elif name == "sum":
        values = moments.mean * moments.weight
    elif name == "normL2":
        values = np.sqrt(moments.l2)
    else:
        values = getattr(moments, {"normL1": "l1", "numNonZeros": "nonzeros"}.get(name, name))
    return VectorBlock.from_dense(values.reshape(1, -1)).to_arrow()
