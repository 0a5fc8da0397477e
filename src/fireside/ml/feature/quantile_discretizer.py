"""Buckets that hold about equally many numbers."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.compute import Collective, Dataset, gang
from fireside.core.errors import InputError
from fireside.ml.base import Estimator
from fireside.ml.columns import as_floats, column_label
from fireside.ml.feature.bucketizer import Bucketizer
from fireside.ml.multi_column import column_pairs
from fireside.ml.param import Param, Setter, TypeConverters, accessors, param
from fireside.ml.param.shared import (
    HasInputCol,
    HasInputCols,
    HasOutputCol,
    HasOutputCols,
    HasRelativeError,
)
from fireside.ml.param.validators import Check, gt_eq, in_array
from fireside.ml.quantile_summary import QuantileSummary, insert_columns, merge_summaries
from fireside.ml.row_transform import AppendsColumns
from fireside.ml.schema import input_field, is_numeric

__all__ = ["QuantileDiscretizer"]

logger = logging.getLogger(__name__)


class QuantileDiscretizer(
    AppendsColumns,
    HasInputCol,
    HasOutputCol,
    HasInputCols,
    HasOutputCols,
    HasRelativeError,
    Estimator[Bucketizer],
):
    """Learns the splits of a `Bucketizer` from quantiles; null and NaN are left out.

    The quantiles are approximate: the rank of a split is off by at most `relativeError` times the number of
    rows. Rows in one partition give the splits of Spark exactly; several partitions (and several
    processes here) merge their summaries, and which of the numbers near a quantile becomes the split depends
    on how the rows are divided. Quantiles that are equal make fewer buckets, with a warning.

    >>> rows = {"x": [4.0, 1.0, 3.0, 2.0, 5.0, 6.0]}
    >>> QuantileDiscretizer(numBuckets=3, inputCol="x", outputCol="b").fit(rows).getSplits()
    [-inf, 2.0, 4.0, inf]
    """

    numBuckets: Param[int] = param(
        TypeConverters.toInt, "the most buckets of a column, at least 2", default=2, check=gt_eq(2)
    )
    getNumBuckets, setNumBuckets = accessors(numBuckets)
    numBucketsArray: Param[list[int]] = param(
        TypeConverters.toListInt,
        "the most buckets of each of inputCols; unset: numBuckets holds for all",
        check=Check(lambda values: all(value >= 2 for value in values), "numbers from 2 on"),
    )
    getNumBucketsArray, setNumBucketsArray = accessors(numBucketsArray)
    handleInvalid: Param[str] = param(
        TypeConverters.toString,
        "what the model does with NaN: 'error', 'skip' the row (null too), or 'keep' it in one more bucket",
        default="error",
        check=in_array(["skip", "error", "keep"]),
    )
    getHandleInvalid, setHandleInvalid = accessors(handleInvalid)
    setRelativeError = Setter(HasRelativeError.relativeError)

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        for source, _ in column_pairs(self):
            input_field(self, schema, source, wanted="a number", fits=is_numeric)
        return [pa.field(target, pa.float64()) for _, target in column_pairs(self)]

    def _fit(self, dataset: Dataset) -> Bucketizer:
        sources = [source for source, _ in column_pairs(self)]
        shares = [[i / buckets for i in range(buckets + 1)] for buckets in self._buckets(len(sources))]
        # One query for the shares of all columns, since an answer depends on the one before it.
        together = sorted(set().union(*shares))
        found = gang(
            dataset.select(list(dict.fromkeys(sources))),
            column_quantiles,
            sources,
            together,
            self.getRelativeError(),
        )
        splits = []
        for place, source in enumerate(sources):
            quantiles = dict(zip(together, found[str(place)], strict=True))
            if np.isnan(quantiles[0.0]):
                raise InputError(
                    f"{column_label(self, source)}: there are no rows with a number in it to fit to"
                )
            splits.append(distinct_splits([quantiles[share] for share in shares[place]]))
            if len(splits[-1]) < len(shares[place]):
                logger.warning(
                    "%s: %d of the quantiles of column %r are equal, so there are %d buckets",
                    self.uid,
                    len(shares[place]) - len(splits[-1]),
                    source,
                    len(splits[-1]) - 1,
                )
        model = Bucketizer(splitsArray=splits) if self.isSet("inputCols") else Bucketizer(splits=splits[0])
        return model._fitted_by(self)

    def _buckets(self, columns: int) -> list[int]:
        if not (self.isSet("inputCols") and self.isSet("numBucketsArray")):
            return [self.getNumBuckets()] * columns
        buckets = self.getNumBucketsArray()
        if len(buckets) != columns:
            raise InputError(
                f"{self.uid}: {columns} inputCols need as many numbers in numBucketsArray, got {len(buckets)}"
            )
        return buckets


def column_quantiles(
    collective: Collective,
    rows: Dataset,
    columns: Sequence[str],
    probabilities: Sequence[float],
    relative_error: float,
) -> Mapping[str, npt.NDArray[Any]]:
    """The approximate quantiles of each column of numbers, float64[P], by the place of the column."""
    summaries = [QuantileSummary(relative_error) for _ in columns]
    for batch in rows.batches():
        insert_columns(summaries, (as_floats(batch.column(column)) for column in columns))
    merged = merge_summaries(collective, summaries)
    return {str(place): summary.query(probabilities) for place, summary in enumerate(merged)}


def distinct_splits(quantiles: Sequence[float]) -> list[float]:
    """Splits from quantiles: without bounds at the ends, each once, no -0.0.

    >>> distinct_splits([1.0, 2.0, 2.0, 9.0])
    [-inf, 2.0, inf]
    """
    inner = [float(quantile) + 0.0 for quantile in quantiles[1:-1]]
    return sorted({-np.inf, *inner, np.inf})
