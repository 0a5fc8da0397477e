"""Vectors to arrays and back, and predictions of any model in batches, as `pyspark.ml.functions` has them.

Given the name of a column, each function returns a `ColumnFunction`, whose `over(frame, outputCol)` appends
the result. Given a column itself (Arrow, a series, vectors in the hand) it returns a column of that kind.
Given a column of Spark, classic or Connect, it returns Spark's own expression.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fireside.core.errors import InputError
from fireside.ml.batch_prediction import predict_batch_udf
from fireside.ml.column_function import ColumnFunction, is_spark_column
from fireside.ml.frame import open_frame
from fireside.ml.linalg import VECTOR_TYPE, VectorBlock, is_vector_type
from fireside.ml.linalg.vector_type import DENSE, is_number_list

__all__ = ["array_to_vector", "predict_batch_udf", "vector_to_array"]

_DTYPES = {"float64": pa.float64(), "float32": pa.float32()}


def vector_to_array(col: Any, dtype: str = "float64") -> Any:
    """A column of vectors as one of lists; a null stays null, and sizes may differ.

    Args:
        col: the name of a column, or a column.
        dtype: `"float64"` or `"float32"`, of the numbers.

    >>> from fireside.ml.linalg import Vectors
    >>> vector_to_array([Vectors.dense(1, 2), Vectors.sparse(3, {2: 5.0})])
    [[1.0, 2.0], [0.0, 0.0, 5.0]]
    >>> vector_to_array("v").over({"v": [Vectors.dense(1)]}, "a")["a"]
    [[1.0]]
    """
    if dtype not in _DTYPES:
        raise InputError(f"dtype must be one of {', '.join(_DTYPES)}, got {dtype!r}")
    if is_spark_column(col):
        from fireside.compute.spark import functions

        return functions.vector_to_array(col, dtype)
    return _applied(_ToArray(dtype), col)


def array_to_vector(col: Any) -> Any:
    """A column of lists of numbers as one of dense vectors; a null stays null.

    Args:
        col: the name of a column, or a column.

    >>> array_to_vector([[1, 2], [3]])
    [DenseVector([1.0, 2.0]), DenseVector([3.0])]
    """
    if is_spark_column(col):
        from fireside.compute.spark import functions

        return functions.array_to_vector(col)
    return _applied(_ToVector(), col)


class _ToArray:
    name = "vector_to_array"

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype

    @property
    def output(self) -> pa.DataType:
        return pa.list_(_DTYPES[self.dtype])

    def __call__(self, column: pa.Array) -> pa.Array:
        if not is_vector_type(column.type):
            raise InputError(f"vector_to_array needs a column of vectors, got {column.type}")
        column = column.cast(VECTOR_TYPE)
        values, indices = column.field("values"), column.field("indices")
        valid = column.is_valid().to_numpy(zero_copy_only=False)
        is_dense = column.field("type").fill_null(0).to_numpy(zero_copy_only=False) == DENSE
        stored = np.where(
            valid, pc.fill_null(pc.list_value_length(values), 0).to_numpy(zero_copy_only=False), 0
        )
        stated = column.field("size").fill_null(0).to_numpy(zero_copy_only=False)
        sizes = np.where(is_dense, stored, np.where(valid, stated, 0))
        bounds = np.concatenate([[0], np.cumsum(sizes)])
        if bounds[-1] > np.iinfo(np.int32).max:
            raise InputError(
                f"vector_to_array: {bounds[-1]} numbers do not fit one batch: use smaller batches"
            )
        # A null struct may hide a list under it.
        flat = pc.if_else(pa.array(valid), values, None).flatten().to_numpy(zero_copy_only=False)
        starts = np.cumsum(stored) - stored
        places = np.arange(len(flat)) - np.repeat(starts, stored)
        in_sparse = np.repeat(~is_dense, stored)
        sparse = pa.array(valid & ~is_dense)
        places[in_sparse] = pc.if_else(sparse, indices, None).flatten().to_numpy(zero_copy_only=False)
        entries: npt.NDArray[Any] = np.zeros(bounds[-1], self.dtype)
        entries[places + np.repeat(bounds[:-1], stored)] = flat
        mask = None if valid.all() else pa.array(~valid)
        return pa.ListArray.from_arrays(pa.array(bounds.astype(np.int32)), pa.array(entries), mask=mask)


class _ToVector:
    name = "array_to_vector"
    output = VECTOR_TYPE

    def __call__(self, column: pa.Array) -> pa.Array:
        if not is_number_list(column.type):
            raise InputError(f"array_to_vector needs a column of lists of numbers, got {column.type}")
        values = column.cast(pa.list_(pa.float64()))
        if values.flatten().null_count:
            raise InputError("array_to_vector: a list has a null in it, but a vector cannot: fill it first")
        rows = len(values)
        fields = [
            pa.array(np.full(rows, DENSE, np.int8)),
            pa.nulls(rows, pa.int32()),
            pa.nulls(rows, VECTOR_TYPE["indices"].type),
            values,
        ]
        return pa.StructArray.from_arrays(fields, fields=list(VECTOR_TYPE), mask=values.is_null())


def _applied(function: Any, col: Any) -> Any:
    if isinstance(col, str):
        return ColumnFunction(function.name, (col,), function.output, function)
    if isinstance(col, pa.ChunkedArray):
        return pa.chunked_array([function(chunk) for chunk in col.chunks], function.output)
    if isinstance(col, pa.Array):
        return function(col)
    if hasattr(col, "to_frame"):
        # A series of pandas or polars: its frame knows how it is read.
        frame = ColumnFunction(function.name, ("col",), function.output, function).over(
            col.rename("col").to_frame(), "result"
        )
        result = frame["result"].rename(col.name)
        return result.set_axis(col.index) if hasattr(result, "set_axis") else result
    rows = {"col": list(col)}
    column = open_frame(rows).to_table()["col"].combine_chunks()
    result = function(column)
    if function.output != VECTOR_TYPE:
        return result.to_pylist()
    return [VectorBlock.from_scalar(v).to_vectors()[0] if v.is_valid else None for v in result]
