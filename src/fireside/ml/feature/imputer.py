"""Filling what is missing with a mean, a median or the most frequent value."""

import decimal
import functools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fireside.compute import Collective, Dataset, gang, map_batches
from fireside.compute.threads import map_in_order
from fireside.core.errors import CorruptFileError, InputError
from fireside.ml.base import Estimator, Model
from fireside.ml.columns import as_floats, column_label
from fireside.ml.feature.text.java_numbers import java_double
from fireside.ml.gather import gather_table
from fireside.ml.multi_column import column_pairs
from fireside.ml.param import Getter, Param, Setter, TypeConverters, param
from fireside.ml.param.shared import (
    HasInputCol,
    HasInputCols,
    HasOutputCol,
    HasOutputCols,
    HasRelativeError,
)
from fireside.ml.param.validators import in_array
from fireside.ml.persistence import DOUBLE, SavedColumns
from fireside.ml.persistence.metadata import Metadata
from fireside.ml.quantile_summary import QuantileSummary, insert_columns, merge_summaries
from fireside.ml.row_function import Row, RowFunction, usual_number
from fireside.ml.schema import append_fields, input_field, is_numeric
from fireside.ml.stat.grouped_sums import grouped_counts

__all__ = ["Imputer", "ImputerModel"]

FloatArray = npt.NDArray[np.float64]


class ImputerParams(HasInputCol, HasOutputCol, HasInputCols, HasOutputCols, HasRelativeError):
    """Params of `Imputer` and its model, and the columns that both make."""

    strategy: Param[str] = param(
        TypeConverters.toString,
        "what is filled in: the 'mean', the 'median' or the 'mode' of the values that are there",
        default="mean",
        check=in_array(["mean", "median", "mode"]),
    )
    getStrategy = Getter(strategy)
    missingValue: Param[float] = param(
        TypeConverters.toFloat, "the value that counts as missing; null always does", default=math.nan
    )
    getMissingValue = Getter(missingValue)

    def transformSchema(self, schema: pa.Schema) -> pa.Schema:
        """The columns after this stage; an output column that is also an input is replaced."""
        sources = [source for source, _ in column_pairs(self)]
        for source, target in column_pairs(self):
            field = input_field(self, schema, source, wanted="a number", fits=is_numeric)
            made = pa.field(target, pa.float64() if pa.types.is_null(field.type) else field.type)
            if target in sources and target in schema.names:
                schema = schema.set(schema.get_field_index(target), made)
            else:
                schema = append_fields(self, schema, [made])
        return schema


class Imputer(ImputerParams, Estimator["ImputerModel"]):
    """Learns what to fill in for each column of numbers; missing values are left out of what is learnt.

    The median is approximate, within `relativeError`, as `QuantileDiscretizer` explains. Among the most
    frequent values, `mode` takes the smallest.

    >>> Imputer(inputCol="x", outputCol="y").fit({"x": [1.0, None, 3.0]}).transform({"x": [None]})
    {'x': [None], 'y': [2.0]}
    """

    setStrategy = Setter(ImputerParams.strategy)
    setMissingValue = Setter(ImputerParams.missingValue)
    setRelativeError = Setter(HasRelativeError.relativeError)

    def _fit(self, dataset: Dataset) -> "ImputerModel":
        sources = list(dict.fromkeys(source for source, _ in column_pairs(self)))
        strategy = {"mean": column_means, "median": column_medians, "mode": column_modes}[self.getStrategy()]
        found = gang(dataset.select(sources), strategy, sources, self)["surrogates"]
        surrogates = dict(zip(sources, found.tolist(), strict=True))
        for source, value in surrogates.items():
            if math.isnan(value):
                raise InputError(
                    f"{column_label(self, source)}: there are no rows to fit to, all are null, NaN or "
                    f"missingValue ({self.getMissingValue()}): leave the column out"
                )
        return ImputerModel(surrogates)._fitted_by(self)


class ImputerModel(ImputerParams, Model):
    """Replaces null and `missingValue`; columns of integers take the integral part of what is filled in.

    As in Spark, an output column may be the input column itself. Integers that are not missing stay as they
    are; Spark turns them into float64 and back, which costs those above 2^53 their last digits.

    Args:
        surrogates: input column -> what is filled in.
    """

    def __init__(self, surrogates: Mapping[str, float]) -> None:
        super().__init__()
        self._surrogates = dict(surrogates)

    @property
    def surrogateDF(self) -> pa.Table:
        """What is filled in: one row, float64, with the input columns."""
        return pa.table({name: [float(value)] for name, value in self._surrogates.items()})

    def __repr__(self) -> str:
        read = f", numInputCols={len(self.getInputCols())}" if self.isSet("inputCols") else ""
        made = f", numOutputCols={len(self.getOutputCols())}" if self.isSet("outputCols") else ""
        missing = java_double(self.getMissingValue())
        return (
            f"ImputerModel: uid={self.uid}, strategy={self.getStrategy()}, missingValue={missing}{read}{made}"
        )

    def _transform(self, dataset: Dataset) -> Dataset:
        schema = self.transformSchema(dataset.schema)
        return map_batches(dataset, functools.partial(imputed_batch, self, schema), schema)

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        pairs, missing = column_pairs(self), self.getMissingValue()
        if not all(usual_number(schema.field(source).type) for source, _ in pairs):
            return None
        filling = {
            source: surrogate_of(schema.field(source).type, self._surrogate(source)).as_py()
            for source, _ in pairs
        }

        def is_missing(value: Any) -> bool:
            # NaN is no equal of itself.
            return value is None or value == missing or (missing != missing and value != value)

        def function(row: Row) -> Row:
            values = [(target, source, row[source]) for source, target in pairs]
            for target, source, value in values:
                row[target] = filling[source] if is_missing(value) else value
            return row

        return function

    def _surrogate(self, column: str) -> float:
        if column not in self._surrogates:
            known = ", ".join(self._surrogates)
            raise InputError(f"{self.uid} was not fitted to column {column!r}, only to {known}: fit it again")
        return self._surrogates[column]

    def _write_to(self, directory: Path) -> None:
        super()._write_to(directory)
        columns = SavedColumns(**dict.fromkeys(self._surrogates, DOUBLE))
        columns.write(directory / "data", [self._surrogates])

    @classmethod
    def _read_from(cls, directory: Path, metadata: Metadata) -> Self:
        values = metadata.paramMap
        names = values["inputCols"] if "inputCols" in values else [values.get("inputCol")]
        rows = SavedColumns(**dict.fromkeys(names, DOUBLE)).read(directory / "data")
        if len(rows) != 1:
            raise CorruptFileError(f"{directory / 'data'} must hold 1 row, found {len(rows)}: save it again")
        model = cls(rows[0])
        metadata.restore(model, path=directory / "metadata")
        return model


def imputed_batch(stage: ImputerModel, schema: pa.Schema, batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch with the columns that an `ImputerModel` makes."""
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    for source, target in column_pairs(stage):
        surrogate, kind = stage._surrogate(source), schema.field(target).type
        columns[target] = imputed(batch.column(source).cast(kind), surrogate, stage.getMissingValue())
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


def imputed(column: pa.Array, surrogate: float, missing: float) -> pa.Array:
    """A column of numbers with null and `missing` replaced.

    >>> imputed(pa.array([1, None, 7]), 2.9, 7.0).to_pylist()
    [1, 2, 2]
    """
    filling = surrogate_of(column.type, surrogate)
    null = column.is_null().to_numpy(zero_copy_only=False)
    return pc.if_else(pa.array(null | equals(as_floats(column), missing)), filling, column)


def surrogate_of(kind: pa.DataType, surrogate: float) -> pa.Scalar:
    """A surrogate as a value of a column's type: integers lose the fraction, decimals round half up.

    >>> surrogate_of(pa.int32(), -4.9).as_py(), str(surrogate_of(pa.decimal128(9, 2), 2.125).as_py())
    (-4, '2.13')
    """
    if pa.types.is_decimal(kind):
        unit = decimal.Decimal(1).scaleb(-kind.scale)
        rounded = decimal.Decimal(repr(surrogate)).quantize(unit, decimal.ROUND_HALF_UP)
        return pa.scalar(rounded, kind)
    return pa.scalar(surrogate).cast(kind, safe=False)


def equals(numbers: FloatArray, value: float) -> npt.NDArray[np.bool_]:
    """bool[N], which numbers are a value, where NaN is NaN."""
    return np.isnan(numbers) if math.isnan(value) else numbers == value


def present(column: pa.Array, missing: float) -> FloatArray:
    """The numbers of a column that are neither null, nor NaN, nor `missing`."""
    numbers = as_floats(column)
    return numbers[~(np.isnan(numbers) | equals(numbers, missing))]


def column_means(
    collective: Collective, rows: Dataset, columns: Sequence[str], stage: Imputer
) -> Mapping[str, Any]:
    """float64[C], the mean of each column; NaN where nothing is present."""
    totals = np.zeros((2, len(columns)))
    for batch in rows.batches():
        for place, column in enumerate(columns):
            numbers = present(batch.column(column), stage.getMissingValue())
            totals[:, place] += numbers.sum(), len(numbers)
    sums, counts = collective.allreduce(totals)
    return {"surrogates": np.divide(sums, counts, out=np.full(len(columns), np.nan), where=counts > 0)}


def column_medians(
    collective: Collective, rows: Dataset, columns: Sequence[str], stage: Imputer
) -> Mapping[str, Any]:
    """float64[C], the approximate median of each column; NaN where nothing is present."""
    summaries = [QuantileSummary(stage.getRelativeError()) for _ in columns]
    for batch in rows.batches():
        numbers = (present(batch.column(column), stage.getMissingValue()) for column in columns)
        insert_columns(summaries, numbers)
    merged = merge_summaries(collective, summaries)
    return {"surrogates": np.array([summary.query([0.5])[0] for summary in merged])}


def column_modes(
    collective: Collective, rows: Dataset, columns: Sequence[str], stage: Imputer
) -> Mapping[str, Any]:
    """float64[C], the most frequent value of each column, the smallest of several; NaN where none is."""
    modes = []
    for column in columns:
        counts = counted(np.zeros(0))
        numbers = (present(batch.column(column), stage.getMissingValue()) for batch in rows.batches())
        for more in map_in_order(counted, numbers):
            counts = summed_counts(pa.concat_tables([counts, more]))
        counts = summed_counts(gather_table(collective, counts))
        ordered = counts.sort_by([("count", "descending"), ("value", "ascending")])
        modes.append(ordered["value"][0].as_py() if len(ordered) else math.nan)
    return {"surrogates": np.array(modes)}


def counted(numbers: FloatArray) -> pa.Table:
    """How often each number occurs; -0.0 is 0.0."""
    values, counts = grouped_counts([numbers + 0.0])
    return pa.table({"value": values, "count": counts.astype(np.int64)})


def summed_counts(counts: pa.Table) -> pa.Table:
    """The counts of each value together."""
    summed = counts.group_by("value").aggregate([("count", "sum")])
    return summed.select(["value", "count_sum"]).rename_columns(["value", "count"])
