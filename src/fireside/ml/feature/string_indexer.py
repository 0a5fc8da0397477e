"""Labels to indices."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fireside.compute import Collective, Dataset, gang
from fireside.compute.threads import map_in_order
from fireside.core.errors import InputError
from fireside.ml.attributes import nominal_field
from fireside.ml.base import Estimator, Model
from fireside.ml.columns import column_label
from fireside.ml.feature.text.java_numbers import java_strings
from fireside.ml.gather import gather_table
from fireside.ml.multi_column import column_pairs
from fireside.ml.param import Getter, Param, Setter, TypeConverters, accessors, param
from fireside.ml.param.shared import HasInputCol, HasInputCols, HasOutputCol, HasOutputCols
from fireside.ml.param.validators import in_array
from fireside.ml.persistence import STRING_LISTS, STRINGS, SavedColumns
from fireside.ml.row_function import Row, RowFunction, UnusualValue, present
from fireside.ml.row_transform import AppendsColumns, RowTransform
from fireside.ml.schema import input_field, is_numeric, is_string

__all__ = ["StringIndexer", "StringIndexerModel"]

UNKNOWN = "__unknown"
logger = logging.getLogger(__name__)


class StringIndexerParams(HasInputCol, HasOutputCol, HasInputCols, HasOutputCols):
    """Params of `StringIndexer` and its model."""

    handleInvalid: Param[str] = param(
        TypeConverters.toString,
        "what to do with null and unseen labels: 'error', 'skip' the row, or 'keep' them as one more index",
        default="error",
        check=in_array(["skip", "error", "keep"]),
    )
    getHandleInvalid, setHandleInvalid = accessors(handleInvalid)
    stringOrderType: Param[str] = param(
        TypeConverters.toString,
        "which label gets index 0: 'frequencyDesc', 'frequencyAsc', 'alphabetDesc' or 'alphabetAsc'; equally "
        "frequent labels are in alphabetical order",
        default="frequencyDesc",
        check=in_array(["frequencyDesc", "frequencyAsc", "alphabetDesc", "alphabetAsc"]),
    )
    getStringOrderType = Getter(stringOrderType)


class StringIndexer(AppendsColumns, StringIndexerParams, Estimator["StringIndexerModel"]):
    """Learns the labels of columns of strings or numbers. Null is no label; neither is NaN.

    >>> StringIndexer(inputCol="c", outputCol="i").fit({"c": ["b", "a", "b"]}).labels
    ['b', 'a']
    """

    setStringOrderType = Setter(StringIndexerParams.stringOrderType)

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        for source, _ in column_pairs(self):
            _label_field(self, schema, source)
        return [nominal_field(target, pa.float64()) for _, target in column_pairs(self)]

    def _fit(self, dataset: Dataset) -> "StringIndexerModel":
        sources = [source for source, _ in column_pairs(self)]
        found = gang(dataset.select(list(dict.fromkeys(sources))), count_labels, sources)
        order = self.getStringOrderType()
        labels = [ordered_labels(found[str(place)], order) for place in range(len(sources))]
        return StringIndexerModel(labels)._fitted_by(self)


class StringIndexerModel(RowTransform, StringIndexerParams, Model):
    """Replaces labels by their indices.

    A column that the frame lacks is left out, with a warning, as in Spark: new rows have no label column yet.

    Attributes:
        labelsArray: the labels of each column, in the order of their indices.
    """

    _saved: ClassVar = SavedColumns(labelsArray=STRING_LISTS)
    _saved_by_spark_2: ClassVar = SavedColumns(labels=STRINGS)

    def __init__(self, labelsArray: Sequence[Sequence[str]]) -> None:
        super().__init__()
        self.labelsArray = [list(labels) for labels in labelsArray]
        self._absent: set[str] = set()

    @classmethod
    def _from_spark_2(cls, row: Mapping[str, Any]) -> Self:
        return cls([row["labels"]])

    @classmethod
    def from_labels(
        cls,
        labels: Sequence[str],
        inputCol: str,
        outputCol: str | None = None,
        handleInvalid: str | None = None,
    ) -> "StringIndexerModel":
        """A model of one column whose labels were not learnt."""
        model = cls([labels])
        return model.setParams(inputCol=inputCol, outputCol=outputCol, handleInvalid=handleInvalid)

    @classmethod
    def from_arrays_of_labels(
        cls,
        arrayOfLabels: Sequence[Sequence[str]],
        inputCols: Sequence[str],
        outputCols: Sequence[str] | None = None,
        handleInvalid: str | None = None,
    ) -> "StringIndexerModel":
        """A model of several columns whose labels were not learnt."""
        model = cls(arrayOfLabels)
        return model.setParams(inputCols=inputCols, outputCols=outputCols, handleInvalid=handleInvalid)

    @property
    def labels(self) -> list[str]:
        """The labels of a model of one column."""
        if len(self.labelsArray) != 1:
            raise InputError(f"{self.uid} has {len(self.labelsArray)} columns: use labelsArray")
        return self.labelsArray[0]

    def __repr__(self) -> str:
        order = f", stringOrderType={self.getStringOrderType()}" if self.isSet("stringOrderType") else ""
        read = f", numInputCols={len(self.getInputCols())}" if self.isSet("inputCols") else ""
        made = f", numOutputCols={len(self.getOutputCols())}" if self.isSet("outputCols") else ""
        shown = f"uid={self.uid}, handleInvalid={self.getHandleInvalid()}{order}{read}{made}"
        return f"StringIndexerModel: {shown}"

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        fields = []
        for source, target, labels in self._columns(schema):
            _label_field(self, schema, source)
            known = [*labels, UNKNOWN] if self.getHandleInvalid() == "keep" else labels
            fields.append(nominal_field(target, pa.float64(), labels=known))
        return fields

    def _kept_rows(self, batch: pa.RecordBatch) -> npt.NDArray[np.bool_] | None:
        if self.getHandleInvalid() != "skip":
            return None
        kept = np.ones(batch.num_rows, np.bool_)
        for source, _, labels in self._columns(batch.schema):
            kept &= _indices(batch.column(source), labels).is_valid().to_numpy(zero_copy_only=False)
        return kept

    def _output_columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        columns = []
        for source, _, labels in self._columns(batch.schema):
            indices = _indices(batch.column(source), labels)
            if indices.null_count and self.getHandleInvalid() == "error":
                row = int(np.argmax(indices.is_null().to_numpy(zero_copy_only=False)))
                label = batch.column(source)[row].as_py()
                what = "a null" if label is None else f"the unseen label {label!r}"
                raise InputError(
                    f"{column_label(self, source)} has {what} (row {row} of its batch): "
                    "set handleInvalid to 'skip' or 'keep'"
                )
            columns.append(indices.fill_null(len(labels)).cast(pa.float64()))
        return columns

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        columns = [
            (source, target, {label: float(place) for place, label in enumerate(labels)}, float(len(labels)))
            for source, target, labels in self._columns(schema)
        ]
        keeps = self.getHandleInvalid() == "keep"

        def function(row: Row) -> Row:
            for source, target, places, unseen in columns:
                place = places.get(present(row[source]), unseen)
                if place == unseen and not keeps:
                    raise UnusualValue
                row[target] = place
            return row

        return function if all(is_string(schema.field(source).type) for source, *_ in columns) else None

    def _columns(self, schema: pa.Schema) -> list[tuple[str, str, list[str]]]:
        """Input, output and labels of the columns that are there."""
        pairs = column_pairs(self)
        if len(pairs) != len(self.labelsArray):
            raise InputError(
                f"{self.uid} has labels of {len(self.labelsArray)} columns, but {len(pairs)} inputCols"
            )
        found = []
        for (source, target), labels in zip(pairs, self.labelsArray, strict=True):
            if source in schema.names:
                found.append((source, target, labels))
            elif source not in self._absent:
                # Once: a server asks for the schema of each request.
                self._absent.add(source)
                logger.warning("%s: there is no column %r, so %r is not made", self.uid, source, target)
        return found


def count_labels(collective: Collective, rows: Dataset, columns: Sequence[str]) -> Mapping[str, Any]:
    """How often each label occurs in each column: place of the column -> {labels, counts}."""
    found = {}
    for place, column in enumerate(columns):
        counts: Counter[str] = Counter()
        batches = (batch.column(column) for batch in rows.batches())
        for values in map_in_order(lambda part: part.value_counts(), batches):
            labels = _labels(values.field(0))
            for label, count in zip(labels.to_pylist(), values.field(1).to_pylist(), strict=True):
                if label is not None:
                    counts[label] += count
        mine = pa.table(
            {"label": pa.array(list(counts), pa.string()), "count": pa.array(counts.values(), pa.int64())}
        )
        table = gather_table(collective, mine).group_by("label").aggregate([("count", "sum")])
        found[str(place)] = {
            "labels": table["label"].to_pylist(),
            "counts": table["count_sum"].to_pylist(),
        }
    return found


def ordered_labels(counted: Mapping[str, Any], order: str) -> list[str]:
    """Labels in the order of their indices.

    >>> ordered_labels({"labels": ["a", "b", "c"], "counts": [1, 1, 2]}, "frequencyDesc")
    ['c', 'a', 'b']
    """
    counts = dict(zip(counted["labels"], counted["counts"], strict=True))
    alphabetical = sorted(counts)
    if order == "alphabetAsc":
        return alphabetical
    if order == "alphabetDesc":
        return alphabetical[::-1]
    sign = -1 if order == "frequencyDesc" else 1
    return sorted(alphabetical, key=lambda label: sign * counts[label])


def _label_field(stage: StringIndexerParams, schema: pa.Schema, column: str) -> pa.Field:
    return input_field(
        stage,
        schema,
        column,
        wanted="a string or a number",
        fits=lambda kind: is_string(kind) or is_numeric(kind),
    )


def _labels(column: pa.Array) -> pa.StringArray:
    """A column as labels; null and NaN are null."""
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    return column.cast(pa.string()) if is_string(column.type) else java_strings(column)


def _indices(column: pa.Array, labels: Sequence[str]) -> pa.Int32Array:
    """int32[N], the place of each label among those known, or null."""
    known = pa.array(labels, pa.string())
    if is_string(column.type):
        return pc.index_in(_labels(column), value_set=known, skip_nulls=True)
    # Distinct numbers are few: they alone are written as strings.
    distinct = column.dictionary_encode()
    return pc.index_in(_labels(distinct.dictionary), value_set=known, skip_nulls=True).take(distinct.indices)
