"""Stating the size of vectors, for stages that must know it before they see one."""

import functools

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.compute import Dataset, map_batches
from fireside.core.errors import InputError, SchemaError
from fireside.ml.attributes import vector_field_of, vector_size_of
from fireside.ml.base import Transformer
from fireside.ml.columns import column_label
from fireside.ml.linalg import is_vector_type
from fireside.ml.linalg.vector_type import DENSE
from fireside.ml.param import Param, TypeConverters, accessors, param
from fireside.ml.param.shared import HasInputCol
from fireside.ml.param.validators import gt_eq, in_array
from fireside.ml.row_function import Row, RowFunction, vector_reader
from fireside.ml.schema import vector_field

__all__ = ["VectorSizeHint"]


class VectorSizeHint(HasInputCol, Transformer):
    """Writes the size of the vectors into the metadata of their column, which stays as it is otherwise.

    `VectorAssembler` needs it for `handleInvalid="keep"`.

    >>> hint = VectorSizeHint(inputCol="v", size=2, handleInvalid="skip")
    >>> hint.transform({"v": [[1.0, 2.0], None, [3.0]]})
    {'v': [[1.0, 2.0]]}
    """

    size: Param[int] = param(TypeConverters.toInt, "the size of the vectors", check=gt_eq(0))
    getSize, setSize = accessors(size)
    handleInvalid: Param[str] = param(
        TypeConverters.toString,
        "what to do with null and vectors of another size: 'error', 'skip' the row, or be 'optimistic' and "
        "not look",
        default="error",
        check=in_array(["optimistic", "error", "skip"]),
    )
    getHandleInvalid, setHandleInvalid = accessors(handleInvalid)

    def transformSchema(self, schema: pa.Schema) -> pa.Schema:
        """The columns after this stage."""
        field, size = vector_field(self, schema, self.getInputCol()), self.getSize()
        known = vector_size_of(field)
        if known == size:
            return schema
        if known is not None:
            raise SchemaError(
                f"{column_label(self, field.name)} holds vectors of size {known}, say its metadata, not of "
                f"size {size}: set size to {known}, or read another column"
            )
        metadata = {**(field.metadata or {}), **vector_field_of(field.name, size).metadata}
        return schema.set(schema.get_field_index(field.name), field.with_metadata(metadata))

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        if self.getHandleInvalid() == "optimistic":
            return lambda row: row
        read = vector_reader(schema, self.getInputCol(), self.getSize())
        if read is None:
            return None

        def function(row: Row) -> Row:
            read(row)
            return row

        return function

    def _transform(self, dataset: Dataset) -> Dataset:
        schema = self.transformSchema(dataset.schema)
        return map_batches(dataset, functools.partial(rows_of_size, self, schema), schema)


def rows_of_size(stage: VectorSizeHint, schema: pa.Schema, batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rows of a batch that a `VectorSizeHint` keeps, under its schema."""
    if stage.getHandleInvalid() != "optimistic":
        name, size = stage.getInputCol(), stage.getSize()
        column = batch.column(name)
        null = column.is_null().to_numpy(zero_copy_only=False)
        sizes = vector_sizes(column)
        kept = ~null & (sizes == size)
        if stage.getHandleInvalid() == "error" and not kept.all():
            row = int(np.argmin(kept))
            what = "a null" if null[row] else f"a vector of size {sizes[row]} instead of {size}"
            raise InputError(
                f"{column_label(stage, name)} has {what} (row {row} of its batch): correct it, or set "
                "handleInvalid to 'skip'"
            )
        if not kept.all():
            batch = batch.filter(pa.array(kept))
    return pa.RecordBatch.from_arrays(batch.columns, schema=schema)


def vector_sizes(column: pa.Array) -> npt.NDArray[np.int64]:
    """int64[N], the size of each vector, or list of numbers; 0 for null.

    >>> vector_sizes(pa.array([[1.0, 2.0], None, []])).tolist()
    [2, 0, 0]
    """
    if pa.types.is_null(column.type):
        return np.zeros(len(column), np.int64)
    if not is_vector_type(column.type):
        return column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    lengths = column.field("values").value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    stated = column.field("size").fill_null(0).to_numpy(zero_copy_only=False)
    is_dense = column.field("type").fill_null(DENSE).to_numpy(zero_copy_only=False) == DENSE
    return np.where(is_dense, lengths, stated).astype(np.int64)
