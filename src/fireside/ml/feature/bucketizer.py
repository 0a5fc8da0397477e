"""Numbers to the indices of buckets."""

import bisect
import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.core.errors import InputError
from fireside.ml.attributes import ordinal_field
from fireside.ml.base import Model
from fireside.ml.columns import as_floats, column_label
from fireside.ml.feature.text.java_numbers import java_double
from fireside.ml.multi_column import column_pairs
from fireside.ml.param import Param, TypeConverters, accessors, param
from fireside.ml.param.shared import HasInputCol, HasInputCols, HasOutputCol, HasOutputCols
from fireside.ml.param.validators import Check, in_array
from fireside.ml.row_function import Row, RowFunction, UnusualValue, present
from fireside.ml.row_transform import RowTransform
from fireside.ml.schema import input_field, is_numeric

__all__ = ["Bucketizer"]

FloatArray = npt.NDArray[np.float64]

FEW_SPLITS = 50
"""So many comparisons of all numbers are faster than a search for each."""


def are_splits(values: Sequence[float]) -> bool:
    """Whether numbers are the bounds of buckets: at least three, each above the one before.

    >>> are_splits([0.0, 1.0, float("inf")]), are_splits([0.0, 1.0, 1.0])
    (True, False)
    """
    return len(values) >= 3 and all(low < high for low, high in itertools.pairwise(values))


class Bucketizer(RowTransform, HasInputCol, HasOutputCol, HasInputCols, HasOutputCols, Model):
    """Replaces a number by the index of its bucket: n + 1 splits bound n buckets [x, y), the last one [x, y].

    A number outside the splits is always an error; use -inf and inf to have none. `handleInvalid` decides on
    NaN. A null stays null as in Spark, unless rows are skipped; NaN in a pandas column means null.

    >>> inf = float("inf")
    >>> bucketizer = Bucketizer(splits=[-inf, 0.0, 10.0, inf], inputCol="x", outputCol="b")
    >>> bucketizer.transform({"x": [-3.0, 0.0, 99.0]})["b"]
    [0.0, 1.0, 2.0]
    """

    splits: Param[list[float]] = param(
        TypeConverters.toListFloat,
        "the bounds of the buckets of inputCol, strictly increasing, at least three",
        check=Check(are_splits, "at least three strictly increasing numbers"),
    )
    getSplits, setSplits = accessors(splits)
    splitsArray: Param[list[list[float]]] = param(
        TypeConverters.toListListFloat,
        "the bounds of the buckets of each of inputCols",
        check=Check(
            lambda values: all(map(are_splits, values)),
            "lists of at least three strictly increasing numbers",
        ),
    )
    getSplitsArray, setSplitsArray = accessors(splitsArray)
    handleInvalid: Param[str] = param(
        TypeConverters.toString,
        "what to do with NaN: 'error', 'skip' the row (null too), or 'keep' it in one more bucket",
        default="error",
        check=in_array(["skip", "error", "keep"]),
    )
    getHandleInvalid, setHandleInvalid = accessors(handleInvalid)

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        fields = []
        for source, target, splits in self._columns():
            input_field(self, schema, source, wanted="a number", fits=is_numeric)
            bounds = [java_double(split) for split in splits]
            names = [f"{low}, {high}" for low, high in itertools.pairwise(bounds)]
            fields.append(ordinal_field(target, pa.float64(), names))
        return fields

    def _kept_rows(self, batch: pa.RecordBatch) -> npt.NDArray[np.bool_] | None:
        if self.getHandleInvalid() != "skip":
            return None
        kept = np.ones(batch.num_rows, np.bool_)
        for source, _ in column_pairs(self):
            kept &= ~np.isnan(as_floats(batch.column(source)))
        return kept

    def _output_columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        return [self._buckets(batch, source, splits) for source, _, splits in self._columns()]

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        columns = self._columns()
        usual = all(schema.field(source).type in (pa.float64(), pa.int64()) for source, *_ in columns)

        def function(row: Row) -> Row:
            for source, target, splits in columns:
                number = present(row[source])
                # Zeros of either sign differ here; NaN compares as false.
                if number == 0 or not splits[0] <= number <= splits[-1]:
                    raise UnusualValue
                row[target] = float(min(bisect.bisect_right(splits, number), len(splits) - 1) - 1)
            return row

        return function if usual else None

    def _buckets(self, batch: pa.RecordBatch, column: str, splits: list[float]) -> pa.Array:
        values = batch.column(column)
        null = values.is_null().to_numpy(zero_copy_only=False)
        numbers = as_floats(values)
        buckets = bucket_indices(numbers, np.array(splits))
        invalid = np.isnan(numbers) & ~null
        if invalid.any() and self.getHandleInvalid() == "error":
            raise InputError(
                f"{column_label(self, column)} has NaN (row {int(np.argmax(invalid))} of its batch): "
                "fill it first, or set handleInvalid to 'skip' or 'keep'"
            )
        if (outside := np.isnan(buckets) & ~np.isnan(numbers)).any():
            row = int(np.argmax(outside))
            raise InputError(
                f"{column_label(self, column)} has {numbers[row]} (row {row} of its batch), which is outside "
                f"the splits {splits[0]} to {splits[-1]}: widen them, to -inf and inf for all numbers"
            )
        return pa.array(np.where(invalid, len(splits) - 1.0, buckets), mask=null)

    def _columns(self) -> list[tuple[str, str, list[float]]]:
        """Input, output and splits of each column."""
        pairs = column_pairs(self)
        if self.isSet("inputCol"):
            return [(*pairs[0], self.getSplits())]
        several = self.getSplitsArray()
        if len(several) != len(pairs):
            raise InputError(
                f"{self.uid}: {len(pairs)} inputCols need as many lists in splitsArray, got {len(several)}"
            )
        return [(*pair, splits) for pair, splits in zip(pairs, several, strict=True)]


def bucket_indices(numbers: FloatArray, splits: FloatArray) -> FloatArray:
    """float64[N], the bucket of each number; NaN where there is none.

    Java's order of numbers holds, in which -0.0 comes before 0.0.

    >>> bucket_indices(np.array([0.0, 1.0, 2.0, 3.0, np.nan]), np.array([0.0, 1.0, 2.0]))
    array([ 0.,  1.,  1., nan, nan])
    """
    places = num_at_most(splits, numbers)
    if ((splits == 0) & ~np.signbit(splits)).any():
        places -= (numbers == 0) & np.signbit(numbers)
    found = places.astype(np.float64)
    found -= 1
    # The last bucket has both of its bounds.
    beyond = places == len(splits)
    found[beyond] = np.where(numbers[beyond] == splits[-1], len(splits) - 2, np.nan)
    found[(places <= 0) | np.isnan(numbers)] = np.nan
    return found


def num_at_most(splits: FloatArray, numbers: FloatArray) -> npt.NDArray[np.int64]:
    """int64[N], how many of some ascending splits are at most each number.

    >>> num_at_most(np.array([0.0, 1.0]), np.array([-1.0, 0.5, 1.0])).tolist()
    [0, 1, 2]
    """
    if len(splits) > FEW_SPLITS:
        return np.searchsorted(splits, numbers, side="right")
    counts = np.zeros(len(numbers), np.uint8)
    for split in splits:
        counts += (numbers >= split).view(np.uint8)
    return counts.astype(np.int64)
