"""How vectors look in Arrow: the struct that stores Spark's `VectorUDT`.

A dense row is (1, null, null, values); a sparse row is (0, size, indices, values).
"""

from typing import Any

import pyarrow as pa

from fireside.compute.schema import VECTOR_TYPE

__all__ = ["DENSE", "SPARSE", "VECTOR_TYPE", "is_number_list", "is_vector_like", "is_vector_type"]

SPARSE, DENSE = 0, 1


def is_vector_type(kind: pa.DataType) -> bool:
    """Whether a column of this type holds vectors, whatever frame library wrote it.

    >>> is_vector_type(VECTOR_TYPE), is_vector_type(pa.list_(pa.float64()))
    (True, False)
    """
    if not pa.types.is_struct(kind):
        return False
    return [kind.field(i).name for i in range(kind.num_fields)] == ["type", "size", "indices", "values"]


def is_number_list(kind: pa.DataType) -> bool:
    """Whether a column of this type holds lists of numbers, which stand for dense vectors."""
    if not _is_list(kind):
        return False
    inner = kind.value_type
    return bool(pa.types.is_integer(inner) or pa.types.is_floating(inner))


def is_vector_like(kind: pa.DataType) -> bool:
    """Whether a column of this type can be read as vectors."""
    return is_vector_type(kind) or is_number_list(kind)


def _is_list(kind: Any) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))
