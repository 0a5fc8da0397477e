"""What a stage does to one row of plain values, without Arrow: how a predictor is fast on one row.

A stage may offer such a function for the schemas and values that are usual (`Transformer._row_function`). It
gives what the stage's function of batches gives for a batch of that row, to the last bit, by the same
kernels. What it does not know it leaves to that function, by raising `UnusualValue`.

In a row, a vector is a `VectorBlock` of one row; every other value is what Arrow's `as_py` makes of it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from fireside.ml.linalg import VectorBlock, is_vector_type
from fireside.ml.linalg.vector_type import is_number_list

__all__ = [
    "Row",
    "RowFunction",
    "UnusualValue",
    "block_of_entries",
    "present",
    "usual_number",
    "vector_function",
    "vector_reader",
]

Row = dict[str, Any]
"""Column -> value."""

RowFunction = Callable[[Row], Row | None]
"""Appends columns to a row, in place; `None` leaves the row out."""


class UnusualValue(Exception):
    """A value that a row function leaves to the stage's function of batches."""


def present(value: Any) -> Any:
    """A value that is not null.

    Raises:
        UnusualValue: it is.
    """
    if value is None:
        raise UnusualValue
    return value


def usual_number(kind: pa.DataType) -> bool:
    """Whether a column's numbers are Python's own: float64, int64 or booleans."""
    return kind in (pa.float64(), pa.int64(), pa.bool_())


def vector_reader(schema: pa.Schema, column: str, size: int | None) -> Callable[[Row], VectorBlock] | None:
    """Reads one vector of a row; `None` where the column holds something else.

    Args:
        schema: the columns of the row.
        column: the one to read.
        size: the size that vectors must have, where that is known.
    """
    kind = schema.field(column).type
    if not is_vector_type(kind) and kind != pa.list_(pa.float64()):
        return None
    is_list = is_number_list(kind)

    def read(row: Row) -> VectorBlock:
        block = present(row[column])
        if is_list:
            if None in block:
                raise UnusualValue
            block = VectorBlock.from_dense(np.array(block, np.float64).reshape(1, -1))
        if size is not None and block.size != size:
            raise UnusualValue
        return block

    return read


def vector_function(
    schema: pa.Schema,
    source: str,
    target: str,
    size: int | None,
    kernel: Callable[[VectorBlock], VectorBlock],
) -> RowFunction | None:
    """The row function of a stage that makes a vector of a vector by a kernel of blocks."""
    read = vector_reader(schema, source, size)
    if read is None:
        return None

    def function(row: Row) -> Row:
        row[target] = kernel(read(row))
        return row

    return function


def block_of_entries(size: int, entries: dict[int, float]) -> VectorBlock:
    """One sparse vector.

    >>> block_of_entries(9, {5: 1.0, 2: 3.0}).to_vectors()
    [SparseVector(9, {2: 3.0, 5: 1.0})]
    """
    indices = np.array(sorted(entries), np.int32)
    values = np.array([entries[index] for index in indices.tolist()], np.float64)
    return VectorBlock(size, np.array([0, len(indices)], np.int32), values, indices)
