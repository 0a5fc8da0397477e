"""Stages compiled for rows of one schema: by their own row functions, or as batches of one row."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from fireside.compute import TableDataset
from fireside.core.errors import InputError
from fireside.ml.base import Transformer
from fireside.ml.linalg import VectorBlock, is_vector_type
from fireside.ml.linalg.vectors_in_hand import arrow_from_lists, is_vector_list, lists_in_hand
from fireside.ml.row_function import Row, RowFunction, UnusualValue

__all__ = ["compile_stage", "compile_stages"]


def compile_stage(stage: Transformer, schema: pa.Schema) -> RowFunction:
    """What a stage does to one row.

    Raises:
        SchemaError: a column is missing or of the wrong type.
    """
    batch_of_one = BatchOfOne(stage, schema)
    fast = stage._row_function(schema)
    if fast is None:
        return batch_of_one

    def function(row: Row) -> Row | None:
        try:
            return fast(row)
        except UnusualValue:
            return batch_of_one(row)

    return function


def compile_stages(stages: Sequence[Transformer], schema: pa.Schema) -> RowFunction:
    """What several stages do to one row, one after the other."""
    functions = []
    for stage in stages:
        functions.append(compile_stage(stage, schema))
        schema = stage.transformSchema(schema)

    def function(row: Row) -> Row | None:
        for step in functions:
            found = step(row)
            if found is None:
                return None
            row = found
        return row

    return function


class BatchOfOne:
    """Runs a stage on a batch of one row: right for every stage and value, and many times slower."""

    def __init__(self, stage: Transformer, schema: pa.Schema) -> None:
        self._stage = stage
        self._schema = schema
        stage.transformSchema(schema)

    def __call__(self, row: Row) -> Row | None:
        columns = [arrow_column(row[field.name], field) for field in self._schema]
        rows = TableDataset(pa.Table.from_arrays(columns, schema=self._schema))
        found = self._stage._transform(rows).to_table()
        if found.num_rows > 1:
            raise InputError(
                f"{self._stage.uid} makes {found.num_rows} rows of one: give the rows to transform()"
            )
        if not found.num_rows:
            return None
        return {
            name: row_value(column.chunk(0))
            for name, column in zip(found.column_names, found.columns, strict=True)
        }


def arrow_column(value: Any, field: pa.Field) -> pa.Array:
    """A column of one value of a row.

    Raises:
        InputError: the value is not of the field's type.
    """
    if isinstance(value, VectorBlock):
        return value.to_arrow()
    if value is not None and is_vector_list(field.type):
        return arrow_from_lists([value])
    try:
        if isinstance(value, float) and pa.types.is_integer(field.type):
            # Arrow would cut a fraction off, and say nothing.
            return pa.array([value]).cast(field.type)
        return pa.array([value], field.type)
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        raise InputError(f"column {field.name!r} is {field.type}, got {value!r}: {error}") from error


def row_value(column: pa.Array) -> Any:
    """The value of a row from a column of one."""
    if is_vector_type(column.type) and not column.null_count:
        return VectorBlock.from_arrow(column)
    return lists_in_hand(column)[0] if is_vector_list(column.type) else column[0].as_py()
