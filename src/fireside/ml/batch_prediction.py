"""Any model's predictions, in batches of NumPy arrays: `predict_batch_udf`.

The function that loads the model runs once in each process that has rows, when the first batch arrives.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from fireside.core.errors import InputError
from fireside.ml.column_function import ColumnFunction, is_spark_column
from fireside.ml.spark_types import arrow_type

__all__ = ["predict_batch_udf"]

Shapes = Sequence[Sequence[int] | None] | Mapping[int, Sequence[int]]


def predict_batch_udf(
    make_predict_fn: Callable[[], Callable[..., Any]],
    *,
    return_type: Any,
    batch_size: int,
    input_tensor_shapes: Shapes | None = None,
) -> Callable[..., Any]:
    """A function of columns that predicts with a model.

    Columns of numbers arrive as arrays [N], columns of lists, whose shapes must be given, as [N, *shape]. The
    model returns an array ([N], or [N, D] for a list type), or, for a struct type, a dict of such arrays or a
    list of N dicts.

    Args:
        make_predict_fn: loads the model and returns its function of one array for each column.
        return_type: an Arrow type, a Spark type, or the name of one, such as `"array<float>"`.
        batch_size: the most rows of one call.
        input_tensor_shapes: the shape of one row of each column; `None`, or a place that a dict lacks, is a
            number.

    Returns:
        A function of column names; its result appends the predictions with `over(frame, outputCol)`. Given
        columns of Spark instead, it returns an expression of Spark's.

    >>> def load():
    ...     return lambda x: x * 2
    >>> double = predict_batch_udf(load, return_type="double", batch_size=2)
    >>> double("x").over({"x": [1.0, 2.0, 3.0]}, "y")["y"]
    [2.0, 4.0, 6.0]
    """
    if batch_size < 1:
        raise InputError(f"batch_size must be at least 1, got {batch_size}")
    kind = arrow_type(return_type)

    def udf(*columns: Any) -> Any:
        if any(is_spark_column(column) for column in columns):
            from fireside.compute.spark.functions import predict_batch

            return predict_batch(make_predict_fn, kind, batch_size, input_tensor_shapes, columns)
        function = _Prediction(make_predict_fn, kind, batch_size, input_tensor_shapes)
        return ColumnFunction("predict_batch_udf", columns, kind, function)

    return udf


class _Prediction:
    """The model, and how its arrays are made from columns and back."""

    def __init__(
        self,
        load: Callable[[], Callable[..., Any]],
        kind: pa.DataType,
        batch_size: int,
        shapes: Shapes | None,
    ) -> None:
        self._load = load
        self._kind = kind
        self._batch_size = batch_size
        self._shapes = shapes
        self._predict: Callable[..., Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        # The model is loaded where it is used.
        return {**self.__dict__, "_predict": None}

    def __call__(self, *columns: pa.Array) -> pa.Array:
        if self._predict is None:
            self._predict = self._load()
        wanted = len(inspect.signature(self._predict).parameters)
        if wanted != len(columns):
            raise InputError(
                f"predict_batch_udf: the model takes {wanted} arrays, but got {len(columns)} columns: name "
                "as many, or put numbers side by side into one column of lists"
            )
        shapes = self._row_shapes(len(columns))
        arrays = [_to_numpy(column, shape) for column, shape in zip(columns, shapes, strict=True)]
        parts = []
        for start in range(0, len(columns[0]), self._batch_size):
            batch = [array[start : start + self._batch_size] for array in arrays]
            parts.append(_to_arrow(self._predict(*batch), self._kind, len(batch[0])))
        return pa.concat_arrays(parts)

    def _row_shapes(self, num_columns: int) -> list[Sequence[int] | None]:
        if self._shapes is None:
            return [None] * num_columns
        if isinstance(self._shapes, Mapping):
            return [self._shapes.get(place) for place in range(num_columns)]
        if len(self._shapes) != num_columns:
            raise InputError(
                f"predict_batch_udf: input_tensor_shapes has {len(self._shapes)} shapes for "
                f"{num_columns} columns"
            )
        return list(self._shapes)


def _to_numpy(column: pa.Array, shape: Sequence[int] | None) -> Any:
    """[N] from a column of numbers, [N, *shape] from one of lists."""
    is_list = pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type)
    if is_list and not shape:
        raise InputError("predict_batch_udf: a column of lists needs its shape in input_tensor_shapes")
    if not is_list:
        if shape and list(shape) != [1]:
            raise InputError(f"predict_batch_udf: a column of numbers cannot have the shape {list(shape)}")
        values = column.to_numpy(zero_copy_only=False)
        return values.reshape(-1, 1) if shape else values
    size = int(np.prod(shape or []))
    if column.null_count or not np.array_equal(
        np.asarray(column.value_lengths()), np.full(len(column), size)
    ):
        raise InputError(
            f"predict_batch_udf: every list must have {size} numbers, for the shape {list(shape or [])}"
        )
    return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), *(shape or []))


def _to_arrow(found: Any, kind: pa.DataType, num_rows: int) -> pa.Array:
    """What a model returned, as a column.

    Raises:
        InputError: it is of another length, shape or kind.
    """
    if pa.types.is_struct(kind):
        names = [kind.field(place).name for place in range(kind.num_fields)]
        if isinstance(found, list):
            _check(len(found) == num_rows, f"a list of {len(found)}, not of {num_rows} rows")
            found = {name: np.stack([np.asarray(row[name]) for row in found]) for name in names}
        _check(isinstance(found, Mapping), f"{type(found).__name__}, not a dict of arrays or a list of dicts")
        _check(set(found) == set(names), f"the names {', '.join(map(str, found))}, not {', '.join(names)}")
        columns = [_to_arrow(found[name], kind.field(name).type, num_rows) for name in names]
        return pa.StructArray.from_arrays(columns, fields=[kind.field(name) for name in names])
    array = np.asarray(found)
    if pa.types.is_list(kind):
        _check(array.ndim == 2 and len(array) == num_rows, f"the shape {array.shape}, not ({num_rows}, D)")
        bounds = np.arange(num_rows + 1, dtype=np.int32) * array.shape[1]
        flat = pa.array(np.ascontiguousarray(array).reshape(-1))
        return pa.ListArray.from_arrays(pa.array(bounds), flat.cast(kind.value_type, safe=False))
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    _check(array.shape == (num_rows,), f"the shape {array.shape}, not ({num_rows},)")
    return pa.array(array).cast(kind, safe=False)


def _check(fits: bool, what: str) -> None:
    if not fits:
        raise InputError(f"predict_batch_udf: the model returned {what}: change it, or return_type")
