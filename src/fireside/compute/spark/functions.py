"""Spark's own functions of columns of vectors, as expressions of the kind of session a column belongs to."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
from pyspark.ml import functions as classic
from pyspark.ml.connect import functions as connect
from pyspark.sql import Column
from pyspark.sql.connect.udf import _create_udf as create_connect_udf
from pyspark.sql.udf import _create_udf as create_classic_udf

from fireside.compute.spark.schema import spark_type

__all__ = ["array_to_vector", "predict_batch", "vector_to_array"]


def vector_to_array(column: Column, dtype: str) -> Column:
    """Lists of the numbers of vectors."""
    return _function("vector_to_array", column)(column, dtype)


def array_to_vector(column: Column) -> Column:
    """Dense vectors of lists of numbers."""
    return _function("array_to_vector", column)(column)


def predict_batch(
    load: Callable[[], Callable[..., Any]],
    kind: pa.DataType,
    batch_size: int,
    shapes: Any,
    columns: Sequence[Any],
) -> Column:
    """Predictions of a model that runs on Spark's executors, in batches."""
    predict = classic.predict_batch_udf(
        load, return_type=spark_type(kind), batch_size=batch_size, input_tensor_shapes=shapes
    )
    # pyspark makes it for the kind of session that the environment tells, and a process may have both kinds.
    make = create_connect_udf if any(map(_is_connect, columns)) else create_classic_udf
    return make(predict.func, predict.returnType, predict.evalType)(*columns)


def _function(name: str, column: Column) -> Any:
    # What pyspark wraps around the classic one goes by the environment.
    return getattr(connect, name) if _is_connect(column) else inspect.unwrap(getattr(classic, name))


def _is_connect(column: Any) -> bool:
    return type(column).__module__.startswith("pyspark.sql.connect")
