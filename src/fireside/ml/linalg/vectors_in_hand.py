"""Arrow columns of vectors, and of lists of vectors, as Python objects and back; not for hot paths."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from fireside.core.errors import InputError
from fireside.ml.linalg.vector import Vector
from fireside.ml.linalg.vector_arrow import arrow_from_vectors
from fireside.ml.linalg.vector_block import VectorBlock
from fireside.ml.linalg.vector_type import VECTOR_TYPE, is_vector_type

__all__ = ["arrow_from_lists", "is_vector_list", "lists_in_hand", "vectors_in_hand"]


def is_vector_list(kind: pa.DataType) -> bool:
    """Whether a column of this type holds lists of vectors, as the hashes of an LSH model are.

    >>> is_vector_list(pa.list_(VECTOR_TYPE)), is_vector_list(VECTOR_TYPE)
    (True, False)
    """
    return bool(pa.types.is_list(kind)) and is_vector_type(kind.value_type)


def vectors_in_hand(column: pa.Array) -> list[Vector | None]:
    """The vectors of a column, which may be null and of several sizes."""
    present = column.drop_null()
    try:
        vectors = iter(VectorBlock.from_arrow(present).to_vectors())
    except InputError:
        # A column that nothing has read yet may hold vectors of several sizes.
        vectors = iter([vector for row in present for vector in VectorBlock.from_scalar(row).to_vectors()])
    return [next(vectors) if valid else None for valid in column.is_valid().to_pylist()]


def lists_in_hand(column: pa.ListArray) -> list[list[Vector | None] | None]:
    """The lists of vectors of a column; null lists are `None`.

    >>> from fireside.ml.linalg import Vectors
    >>> lists_in_hand(arrow_from_lists([[Vectors.dense(1), Vectors.dense(2)], None, []]))
    [[DenseVector([1.0]), DenseVector([2.0])], None, []]
    """
    vectors = vectors_in_hand(column.flatten())
    lengths: Any = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    ends = np.cumsum(lengths).tolist()
    return [
        vectors[end - length : end] if valid else None
        for end, length, valid in zip(ends, lengths.tolist(), column.is_valid().to_pylist(), strict=True)
    ]


def arrow_from_lists(lists: Iterable[Iterable[Vector] | None]) -> pa.ListArray:
    """An Arrow column of lists of vectors in the hand; `None` becomes null."""
    values: list[list[Any] | None] = [
        None if vectors is None else arrow_from_vectors(vectors).to_pylist() for vectors in lists
    ]
    return pa.array(values, pa.list_(VECTOR_TYPE))
