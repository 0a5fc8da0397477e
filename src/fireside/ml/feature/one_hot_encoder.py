"""Category indices to vectors with a single 1."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.compute import Collective, Dataset, gang
from fireside.core.errors import InputError, SchemaError
from fireside.ml.attributes import attributes_of, vector_field_of, vector_field_of_entries
from fireside.ml.base import Estimator, Model
from fireside.ml.columns import as_floats, column_label, column_without_nulls
from fireside.ml.linalg import VectorBlock
from fireside.ml.multi_column import column_pairs
from fireside.ml.param import Param, TypeConverters, accessors, param
from fireside.ml.param.shared import HasInputCol, HasInputCols, HasOutputCol, HasOutputCols
from fireside.ml.param.validators import in_array
from fireside.ml.persistence import INTS, SavedColumns
from fireside.ml.row_function import Row, RowFunction, UnusualValue, present, usual_number
from fireside.ml.row_transform import AppendsColumns, RowTransform
from fireside.ml.schema import input_field, is_numeric

__all__ = ["OneHotEncoder", "OneHotEncoderModel"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


class OneHotEncoderParams(HasInputCol, HasOutputCol, HasInputCols, HasOutputCols):
    """Params of `OneHotEncoder` and its model."""

    handleInvalid: Param[str] = param(
        TypeConverters.toString,
        "what to do with indices that were not seen: 'error', or 'keep' them as one more category",
        default="error",
        check=in_array(["keep", "error"]),
    )
    getHandleInvalid, setHandleInvalid = accessors(handleInvalid)
    dropLast: Param[bool] = param(
        TypeConverters.toBoolean,
        "whether the last category (with 'keep' the invalid one) becomes a vector of zeros",
        default=True,
    )
    getDropLast, setDropLast = accessors(dropLast)


class OneHotEncoder(AppendsColumns, OneHotEncoderParams, Estimator["OneHotEncoderModel"]):
    """Learns how many categories there are: from the metadata of a column, or as its largest index + 1.

    >>> encoder = OneHotEncoder(inputCol="i", outputCol="v", dropLast=False)
    >>> encoder.fit({"i": [0.0, 2.0]}).transform({"i": [1.0]})
    {'i': [1.0], 'v': [SparseVector(3, {1: 1.0})]}
    """

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        for source, _ in column_pairs(self):
            category_names(self, schema, source)
        return [vector_field_of(target) for _, target in column_pairs(self)]

    def _fit(self, dataset: Dataset) -> "OneHotEncoderModel":
        sources = [source for source, _ in column_pairs(self)]
        known = {source: category_names(self, dataset.schema, source) for source in sources}
        unknown = [source for source, names in known.items() if names is None]
        found = gang(dataset.select(unknown), count_categories, unknown, self)["sizes"] if unknown else []
        learnt = dict(zip(unknown, found, strict=True))
        sizes = [int(learnt[s]) if names is None else len(names) for s, names in known.items()]
        by_source = dict(zip(known, sizes, strict=True))
        return OneHotEncoderModel([by_source[source] for source in sources])._fitted_by(self)


class OneHotEncoderModel(RowTransform, OneHotEncoderParams, Model):
    """Replaces an index i by a sparse vector whose entry i is 1. A null stays null, as in Spark.

    Attributes:
        categorySizes: the number of categories of each column.
    """

    _saved: ClassVar = SavedColumns(categorySizes=INTS)

    def __init__(self, categorySizes: Sequence[int]) -> None:
        super().__init__()
        self.categorySizes = [int(size) for size in categorySizes]

    def __repr__(self) -> str:
        read = f", numInputCols={len(self.getInputCols())}" if self.isSet("inputCols") else ""
        made = f", numOutputCols={len(self.getOutputCols())}" if self.isSet("outputCols") else ""
        return (
            f"OneHotEncoderModel: uid={self.uid}, dropLast={str(self.getDropLast()).lower()}, "
            f"handleInvalid={self.getHandleInvalid()}{read}{made}"
        )

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        fields = []
        for source, target, size in self._columns():
            names = category_names(self, schema, source)
            if names is not None and len(names) != size:
                raise SchemaError(
                    f"{column_label(self, source)} has {len(names)} categories in its metadata, but the "
                    f"model was fitted to {size}: use the index it was fitted with"
                )
            entries = self._entry_names(source, names, size)
            fields.append(
                vector_field_of_entries(target, [{"type": "binary", "name": name} for name in entries])
            )
        return fields

    def _output_columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        return [self._encoded(batch, source, size) for source, _, size in self._columns()]

    def _encoded(self, batch: pa.RecordBatch, column: str, size: int) -> pa.Array:
        values = batch.column(column)
        null = values.is_null().to_numpy(zero_copy_only=False)
        indices = as_floats(values)
        seen = (indices >= 0) & (indices < size)
        keeps, drops = self.getHandleInvalid() == "keep", self.getDropLast()
        if not keeps and (unseen := ~(seen | null)).any():
            row = int(np.argmax(unseen))
            raise InputError(
                f"{column_label(self, column)} has the index {indices[row]} (row {row} of its batch), but "
                f"the categories are 0 to {size - 1}: leave such rows out, or set handleInvalid to 'keep'"
            )
        length = size + keeps - drops
        return with_nulls(one_hot(np.where(seen, indices, size), max(length, 0)).to_arrow(), null)

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        columns, keeps, drops = self._columns(), self.getHandleInvalid() == "keep", self.getDropLast()

        def function(row: Row) -> Row:
            for source, target, size in columns:
                index = present(row[source])
                if not 0 <= index < size:
                    if not keeps:
                        raise UnusualValue
                    index = size
                row[target] = one_hot(np.array([index], np.float64), max(size + keeps - drops, 0))
            return row

        usual = all(usual_number(schema.field(source).type) for source, *_ in columns)
        return function if usual else None

    def _entry_names(self, source: str, names: Sequence[str] | None, size: int) -> list[str]:
        keeps, drops = self.getHandleInvalid() == "keep", self.getDropLast()
        if names is not None and len(names) < 2 and drops and not keeps:
            raise SchemaError(
                f"{column_label(self, source)} has {len(names)} categories, so that nothing is left to "
                "encode: set dropLast to False, or leave the column out"
            )
        entries = [str(index) for index in range(size)] if names is None else list(names)
        if drops and not keeps:
            return entries[:-1]
        return entries if drops or not keeps else [*entries, "invalidValues"]

    def _columns(self) -> list[tuple[str, str, int]]:
        """Input, output and number of categories of each column."""
        pairs = column_pairs(self)
        if len(pairs) != len(self.categorySizes):
            raise InputError(
                f"{self.uid} was fitted to {len(self.categorySizes)} columns, but there are {len(pairs)} "
                "inputCols: fit it again"
            )
        return [(*pair, size) for pair, size in zip(pairs, self.categorySizes, strict=True)]


def category_names(stage: OneHotEncoderParams, schema: pa.Schema, column: str) -> list[str] | None:
    """What the metadata of a column call its categories; `None` where they do not tell.

    Raises:
        SchemaError: the column is missing, or holds no indices.
    """
    field = input_field(stage, schema, column, wanted="a number (as StringIndexer makes)", fits=is_numeric)
    attributes = attributes_of(field)
    kind, names, count = (attributes.get(key) for key in ("type", "vals", "num_vals"))
    if kind == "numeric":
        raise SchemaError(
            f"{column_label(stage, column)} holds measurements, says its metadata, not indices of "
            "categories: put a StringIndexer or a Bucketizer before this stage"
        )
    if kind == "binary" and not names:
        count = 2
    if names:
        return [str(name) for name in names]
    return [str(index) for index in range(count)] if isinstance(count, int) else None


def count_categories(
    collective: Collective, rows: Dataset, columns: Sequence[str], stage: OneHotEncoder
) -> Mapping[str, Any]:
    """int64[C], one more than the largest index of each column; 1 where there are no rows, as in Spark."""
    largest = np.zeros(len(columns), np.int64)
    for batch in rows.batches():
        for place, column in enumerate(columns):
            indices = as_floats(column_without_nulls(stage, batch, column))
            wrong = ~((indices >= 0) & (indices < np.iinfo(np.int32).max) & (indices == np.floor(indices)))
            if wrong.any():
                row = int(np.argmax(wrong))
                raise InputError(
                    f"{column_label(stage, column)} has {indices[row]} (row {row} of its batch), which is no "
                    "index of a category (0, 1, 2, ...): put a StringIndexer before this stage"
                )
            largest[place] = max(largest[place], int(indices.max()))
    return {"sizes": collective.allreduce(largest, "max") + 1}


def one_hot(indices: FloatArray, length: int) -> VectorBlock:
    """Sparse vectors of a length, each with a 1 at its index; without it where the index is beyond.

    >>> one_hot(np.array([1.0, 2.0]), 2).to_vectors()
    [SparseVector(2, {1: 1.0}), SparseVector(2, {})]
    """
    inside = indices < length
    indptr = np.concatenate([[0], np.cumsum(inside)])
    return VectorBlock(length, indptr, np.ones(indptr[-1]), indices[inside].astype(np.int32))


def with_nulls(vectors: pa.StructArray, null: BoolArray) -> pa.StructArray:
    """A column of vectors in which some are null."""
    if not null.any():
        return vectors
    fields = [vectors.type.field(index) for index in range(vectors.type.num_fields)]
    return pa.StructArray.from_arrays(vectors.flatten(), fields=fields, mask=pa.array(null))
