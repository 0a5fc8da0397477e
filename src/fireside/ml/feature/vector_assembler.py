"""Putting numbers and vectors side by side into one vector."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.compute import Dataset
from fireside.core.errors import InputError, SchemaError
from fireside.ml.attributes import (
    attributes_of,
    entries_of,
    vector_field_of,
    vector_field_of_entries,
    vector_size_of,
)
from fireside.ml.base import Transformer
from fireside.ml.columns import as_floats, column_label, read_vectors
from fireside.ml.linalg import VectorBlock
from fireside.ml.linalg.vector_type import is_vector_like, is_vector_type
from fireside.ml.param import Param, TypeConverters, accessors, param
from fireside.ml.param.shared import HasInputCols, HasOutputCol
from fireside.ml.param.validators import in_array
from fireside.ml.row_function import (
    Row,
    RowFunction,
    UnusualValue,
    present,
    usual_number,
    vector_reader,
)
from fireside.ml.row_transform import RowTransform
from fireside.ml.schema import input_field, is_numeric

__all__ = ["VectorAssembler"]


class VectorAssembler(RowTransform, HasInputCols, HasOutputCol, Transformer):
    """Joins columns of numbers, booleans and vectors into one column of vectors.

    Each result is dense or sparse, whichever is smaller, as in Spark.

    >>> assembler = VectorAssembler(inputCols=["a", "b"], outputCol="features")
    >>> assembler.transform({"a": [1, 2], "b": [0.5, 3.0]})["features"]
    [DenseVector([1.0, 0.5]), DenseVector([2.0, 3.0])]
    """

    handleInvalid: Param[str] = param(
        TypeConverters.toString,
        "what to do with null and NaN: 'error', 'skip' the row, or 'keep' it as NaN",
        default="error",
        check=in_array(["skip", "error", "keep"]),
    )
    getHandleInvalid, setHandleInvalid = accessors(handleInvalid)

    def _output_fields_of(self, dataset: Dataset) -> list[pa.Field]:
        fields = self._output_fields(dataset.schema)
        unknown = [
            column
            for column in dict.fromkeys(self.getInputCols())
            if is_vector_like(dataset.schema.field(column).type)
            and vector_size_of(dataset.schema.field(column)) is None
        ]
        # As in Spark the first row tells the size, without which what has names would lose them.
        if not unknown or len(unknown) == len(set(self.getInputCols())):
            return fields
        schema = dataset.schema
        for batch in dataset.select(unknown).batches():
            for column in unknown:
                if batch.column(column)[0].is_valid:
                    size = read_vectors(self, batch.slice(0, 1), column).size
                    sized = vector_field_of(column, size).with_type(schema.field(column).type)
                    schema = schema.set(schema.get_field_index(column), sized)
            break
        return self._output_fields(schema)

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        entries: list[dict[str, Any]] | None = []
        for column in self.getInputCols():
            field = input_field(
                self, schema, column, wanted="a number, a boolean or a vector", fits=_can_be_assembled
            )
            size = vector_size_of(field)
            if is_vector_like(field.type) and size is None:
                if self.getHandleInvalid() == "keep":
                    raise SchemaError(
                        f"{self.uid}: handleInvalid='keep' must know the size of the vectors in {column!r}: "
                        "put a VectorSizeHint before this stage"
                    )
                entries = None
            elif entries is not None:
                entries += assembled_entries(field)
        if entries is None:
            return [vector_field_of(self.getOutputCol())]
        return [vector_field_of_entries(self.getOutputCol(), entries)]

    def _kept_rows(self, batch: pa.RecordBatch) -> npt.NDArray[np.bool_] | None:
        if self.getHandleInvalid() == "keep":
            return None
        kept = np.ones(batch.num_rows, np.bool_)
        for column in self.getInputCols():
            valid = valid_rows(batch.column(column))
            if self.getHandleInvalid() == "error" and not valid.all():
                row = int(np.argmin(valid))
                raise InputError(
                    f"{column_label(self, column)} has a null or NaN (row {row} of its batch): "
                    "fill it first, or set handleInvalid to 'skip' or 'keep'"
                )
            kept &= valid
        return kept

    def _output_columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        parts = [self._part(batch, column) for column in self.getInputCols()]
        return [side_by_side(parts, batch.num_rows).compressed().to_arrow()]

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        columns, target = self.getInputCols(), self.getOutputCol()
        readers = [_part_reader(schema, column) for column in columns]
        keeps = self.getHandleInvalid() == "keep"

        def function(row: Row) -> Row:
            parts = [read(row) for read in readers if read is not None]
            block = joined(parts)
            if not keeps and np.isnan(block.values).any():
                raise UnusualValue
            row[target] = block.compressed()
            return row

        return function if columns and None not in readers else None

    def _part(self, batch: pa.RecordBatch, column: str) -> VectorBlock:
        values = batch.column(column)
        if not is_vector_like(values.type):
            return VectorBlock.from_dense(as_floats(values).reshape(-1, 1))
        if values.null_count:
            size = vector_size_of(batch.schema.field(column))
            assert size is not None
            unknown: Any = [float("nan")] * size
            missing = {"type": 1, "values": unknown} if is_vector_type(values.type) else unknown
            values = values.fill_null(pa.scalar(missing, values.type))
        return VectorBlock.from_arrow(values, name=column_label(self, column))


def side_by_side(parts: list[VectorBlock], rows: int) -> VectorBlock:
    """[N, D1 + D2 + ...] from blocks [N, D1], [N, D2], ...; dense where all parts are."""
    if all(part.is_dense.all() for part in parts):
        dense: Any = [part.to_dense() for part in parts]
        return VectorBlock.from_dense(np.hstack(dense) if parts else np.empty((rows, 0)))
    from scipy.sparse import hstack

    matrix = hstack([part.to_csr() for part in parts], format="csr")
    matrix.sort_indices()
    return VectorBlock.from_csr(matrix)


def joined(parts: Sequence[float | VectorBlock]) -> VectorBlock:
    """One vector of numbers and of blocks of one vector each, side by side.

    >>> joined([7.0, VectorBlock.from_dense(np.array([[1.0, 2.0]]))]).to_dense()
    array([[7., 1., 2.]])
    """
    values, indices, size, is_dense = [], [], 0, True
    for part in parts:
        if isinstance(part, float):
            values.append(np.array([part]))
            indices.append(np.array([size], np.int32))
            size += 1
        else:
            values.append(part.values)
            indices.append(part.indices + np.int32(size))
            is_dense &= bool(part.is_dense[0])
            size += part.size
    flat = np.concatenate(values)
    places = None if is_dense else np.concatenate(indices)
    return VectorBlock(size, np.array([0, len(flat)]), flat, places)


def _part_reader(schema: pa.Schema, column: str) -> Callable[[Row], float | VectorBlock] | None:
    if usual_number(schema.field(column).type):
        return functools.partial(_read_number, column)
    return vector_reader(schema, column, None)


def _read_number(column: str, row: Row) -> float:
    return float(present(row[column]))


def valid_rows(column: pa.Array) -> npt.NDArray[np.bool_]:
    """bool[N], which values are neither null nor NaN; as in Spark, vectors are not looked into."""
    valid: npt.NDArray[np.bool_] = column.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_floating(column.type):
        valid = valid & ~np.isnan(as_floats(column))
    return valid


def assembled_entries(field: pa.Field) -> list[dict[str, Any]]:
    """The attributes that the entries of a column have in the assembled vector: their own, and new names.

    >>> [entry["name"] for entry in assembled_entries(vector_field_of("v", names=["a", "b"]))]
    ['v_a', 'v_b']
    """
    if not is_vector_like(field.type):
        return [{"type": "numeric", **attributes_of(field), "name": field.name}]
    entries = entries_of(field) or [{"type": "numeric"}] * (vector_size_of(field) or 0)
    return [
        {**entry, "name": f"{field.name}_{entry.get('name', index)}"} for index, entry in enumerate(entries)
    ]


def _can_be_assembled(kind: pa.DataType) -> bool:
    return is_numeric(kind) or bool(pa.types.is_boolean(kind)) or is_vector_like(kind)
