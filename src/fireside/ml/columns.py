"""Columns of a batch as a stage reads them: without nulls, and with errors that name stage and column."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.core.errors import InputError
from fireside.ml.linalg.vector_block import VectorBlock
from fireside.ml.param.params import Params

__all__ = [
    "as_floats",
    "column_label",
    "column_without_nulls",
    "read_numbers",
    "read_vectors",
    "read_weights",
]


def column_label(stage: Params, column: str) -> str:
    """What a message calls a column that a stage reads."""
    return f"{stage.uid}: column {column!r}"


def column_without_nulls(stage: Params, batch: pa.RecordBatch, column: str) -> pa.Array:
    """A column of a batch.

    Raises:
        InputError: a value is null.
    """
    values = batch.column(column)
    if values.null_count:
        row = int(np.argmax(values.is_null().to_numpy(zero_copy_only=False)))
        raise InputError(
            f"{column_label(stage, column)} has a null (row {row} of its batch): drop or fill null rows first"
        )
    return values


def as_floats(column: pa.Array) -> npt.NDArray[np.float64]:
    """float64[N], numbers or booleans; null becomes NaN.

    >>> as_floats(pa.array([1, None, 3]))
    array([ 1., nan,  3.])
    """
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    numbers: npt.NDArray[np.float64] = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return numbers


def read_vectors(
    stage: Params, batch: pa.RecordBatch, column: str, *, size: int | None = None
) -> VectorBlock:
    """A column of vectors.

    Args:
        stage: who reads it.
        batch: the rows.
        column: its name.
        size: the size that the vectors must have, where that is known.

    Raises:
        InputError: a vector is null, or has another size.
    """
    block = VectorBlock.from_arrow(batch.column(column), name=column_label(stage, column))
    if size is not None and len(block) and block.size != size:
        raise InputError(
            f"{column_label(stage, column)} holds vectors of size {block.size}, but the model was fitted to "
            f"size {size}: use the features it was fitted with"
        )
    return block


def read_numbers(stage: Params, batch: pa.RecordBatch, column: str) -> npt.NDArray[np.float64]:
    """float64[N], a column of numbers or booleans.

    Raises:
        InputError: a number is null or NaN.
    """
    numbers = as_floats(column_without_nulls(stage, batch, column))
    if (missing := np.isnan(numbers)).any():
        row = int(np.argmax(missing))
        raise InputError(
            f"{column_label(stage, column)} has NaN (row {row} of its batch): fill it, or leave such rows out"
        )
    return numbers


def read_weights(stage: Params, batch: pa.RecordBatch, column: str | None) -> npt.NDArray[np.float64]:
    """float64[N], a column of weights; ones where there is no such column.

    Raises:
        InputError: a weight is null, NaN, infinite or negative.
    """
    if column is None:
        return np.ones(batch.num_rows)
    weights = read_numbers(stage, batch, column)
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise InputError(
            f"{column_label(stage, column)} has a weight that is negative or infinite: correct it, or leave "
            "such rows out"
        )
    return weights
