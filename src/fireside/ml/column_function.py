"""Functions of columns that are not stages: they have no params, and are not saved."""

import functools
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from fireside.compute import map_batches
from fireside.compute.schema import check_columns
from fireside.core.errors import SchemaError
from fireside.ml.frame import open_frame, return_frame

__all__ = ["ColumnFunction", "is_spark_column"]


class ColumnFunction:
    """A function of some columns, row by row.

    Args:
        name: what errors call it.
        inputs: the columns that it reads.
        output: the type of the column that it makes.
        function: makes that column from those of a batch; it travels to where the rows are.
    """

    def __init__(
        self,
        name: str,
        inputs: tuple[str, ...],
        output: pa.DataType,
        function: Callable[..., pa.Array],
    ) -> None:
        self.name = name
        self.inputs = inputs
        self.output = output
        self._function = function

    def over(self, dataset: Any, outputCol: str) -> Any:
        """Append the column to a frame.

        Args:
            dataset: any frame or path that `fireside.compute.as_dataset` takes.
            outputCol: name of the new column.

        Returns:
            The kind of frame that came in; for paths and data sets a lazy data set.

        Raises:
            SchemaError: a column is missing, or that of the output is there.
        """
        rows = open_frame(dataset)
        check_columns(rows.schema, self.inputs)
        if outputCol in rows.column_names:
            raise SchemaError(
                f"{self.name}: column {outputCol!r} exists already: name another output column, or "
                "drop it first"
            )
        schema = rows.schema.append(pa.field(outputCol, self.output))
        append = functools.partial(_append, inputs=self.inputs, function=self._function, schema=schema)
        return return_frame(map_batches(rows, append, schema), dataset)

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(self.inputs)})"


def is_spark_column(column: object) -> bool:
    """Whether this is a column of Spark, classic or Connect, without importing pyspark.

    >>> is_spark_column("name")
    False
    """
    return type(column).__module__.startswith("pyspark.sql.")


def _append(
    batch: pa.RecordBatch, *, inputs: tuple[str, ...], function: Callable[..., pa.Array], schema: pa.Schema
) -> pa.RecordBatch:
    column = function(*(batch.column(name) for name in inputs))
    return pa.RecordBatch.from_arrays([*batch.columns, column], schema=schema)
