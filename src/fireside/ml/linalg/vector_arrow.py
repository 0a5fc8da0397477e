"""Columns of vectors in Arrow, to and from flat arrays; values and indices are shared, not copied.

Shapes: N rows, D entries in each vector, E stored entries in all.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fireside.core.errors import InputError
from fireside.ml.linalg.spark_vector import from_spark, is_spark_vector
from fireside.ml.linalg.sparse_vector import SparseVector
from fireside.ml.linalg.vector import FloatArray, IndexArray, Vector
from fireside.ml.linalg.vector_type import DENSE, SPARSE, VECTOR_TYPE, is_number_list, is_vector_type

__all__ = ["StoredEntries", "arrow_from_entries", "arrow_from_vectors", "entries_from_arrow"]

BoolArray = npt.NDArray[np.bool_]


class StoredEntries(NamedTuple):
    """The stored entries of N vectors of one size.

    Attributes:
        size: D.
        indptr: int64[N+1], where the entries of each row start, and the end of the last.
        values: float64[E].
        indices: int32[E], the place of each entry in its vector; `None` where every row is dense.
        is_dense: bool[N].
    """

    size: int
    indptr: npt.NDArray[Any]
    values: FloatArray
    indices: IndexArray | None
    is_dense: BoolArray


def entries_from_arrow(column: pa.Array | pa.ChunkedArray, name: str) -> StoredEntries:
    """The entries of a column of vectors, or of lists of numbers (dense vectors).

    Args:
        column: the vectors; none may be null.
        name: what an error calls the column.

    Raises:
        InputError: a vector is null, is malformed, or differs in size from the first; or the column does not
            hold vectors.
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if column.null_count:
        row = int(np.argmax(pc.is_null(column).to_numpy(zero_copy_only=False)))
        raise InputError(f"{name} has a null vector in row {row}: drop or fill null rows first")
    if is_vector_type(column.type):
        return _from_structs(column, name)
    if is_number_list(column.type):
        indptr, values = _flat(column, np.float64)
        return _all_dense(indptr, values, name)
    raise InputError(f"{name} has type {column.type}: vectors are needed (see VectorAssembler)")


def arrow_from_entries(entries: StoredEntries) -> pa.StructArray:
    """The Arrow column of some vectors.

    Raises:
        InputError: there are more entries than Arrow's offsets of 32 bits can count.
    """
    size, indptr, values, indices, is_dense = entries
    if len(values) > np.iinfo(np.int32).max:
        raise InputError(f"{len(values)} entries do not fit one batch: use smaller batches")
    sparse_only = not is_dense.any()
    if indices is None:
        indices, places = np.empty(0, np.int32), np.zeros(len(indptr), np.int32)
    elif sparse_only:
        places = indptr
    else:
        lengths = np.diff(indptr)
        places = np.concatenate([[0], np.cumsum(np.where(is_dense, 0, lengths))])
        indices = indices[np.repeat(~is_dense, lengths)]
    null = None if sparse_only else is_dense
    columns = [
        pa.array(np.where(is_dense, DENSE, SPARSE).astype(np.int8)),
        pa.array(np.full(len(is_dense), size, np.int32), mask=null),
        _lists(places, indices, VECTOR_TYPE["indices"].type, null),
        _lists(indptr, values, VECTOR_TYPE["values"].type),
    ]
    return pa.StructArray.from_arrays(columns, fields=list(VECTOR_TYPE))


def arrow_from_vectors(vectors: Iterable[Vector | None]) -> pa.StructArray:
    """An Arrow column of vectors in the hand; `None` becomes null.

    Raises:
        InputError: something among them is no vector.
    """
    return pa.array([None if vector is None else _struct(vector) for vector in vectors], VECTOR_TYPE)


def _struct(vector: Vector) -> dict[str, Any]:
    if is_spark_vector(vector):
        vector = from_spark(vector)
    if not isinstance(vector, Vector):
        raise InputError(f"a column of vectors holds {vector!r}: make it a vector, or None")
    indices, values = vector.active()
    if isinstance(vector, SparseVector):
        return {"type": SPARSE, "size": vector.size, "indices": indices, "values": values}
    return {"type": DENSE, "size": None, "indices": None, "values": values}


def _from_structs(column: pa.StructArray, name: str) -> StoredEntries:
    kinds = column.field("type").to_numpy(zero_copy_only=False)
    is_dense = kinds == DENSE
    indptr, values = _flat(column.field("values"), np.float64)
    if is_dense.all():
        return _all_dense(indptr, values, name)
    if not (is_dense | (kinds == SPARSE)).all():
        raise InputError(f"{name} holds vectors of an unknown kind: the field 'type' must be 0 or 1")
    lengths = np.diff(indptr)
    stated = pc.fill_null(column.field("size"), 0).to_numpy(zero_copy_only=False)
    size = _one_size(np.where(is_dense, lengths, stated), name)
    sparse_indptr, places = _flat(column.field("indices"), np.int32)
    if not (is_dense | (np.diff(sparse_indptr) == lengths)).all():
        raise InputError(f"{name} holds a sparse vector whose indices and values differ in number")
    if len(places) and not (places.min() >= 0 and places.max() < size):
        raise InputError(f"{name} holds a sparse vector with an index that is not from 0 to {size - 1}")
    if not is_dense.any():
        return StoredEntries(size, indptr, values, places, is_dense)
    indices = np.empty(len(values), np.int32)
    in_dense = np.repeat(is_dense, lengths)
    indices[in_dense] = np.tile(np.arange(size, dtype=np.int32), int(is_dense.sum()))
    indices[~in_dense] = places[np.repeat(~is_dense, np.diff(sparse_indptr))]
    return StoredEntries(size, indptr, values, indices, is_dense)


def _all_dense(indptr: npt.NDArray[Any], values: FloatArray, name: str) -> StoredEntries:
    size = _one_size(np.diff(indptr), name)
    return StoredEntries(size, indptr, values, None, np.ones(len(indptr) - 1, np.bool_))


def _lists(
    indptr: npt.NDArray[Any], entries: npt.NDArray[Any], kind: pa.DataType, null: BoolArray | None = None
) -> pa.ListArray:
    offsets = pa.array(indptr.astype(np.int32, copy=False))
    return pa.ListArray.from_arrays(
        offsets, pa.array(entries), kind, mask=None if null is None else pa.array(null)
    )


def _flat(lists: pa.Array, dtype: type) -> tuple[npt.NDArray[Any], Any]:
    """Bounds int[N+1] and the flat entries of a list column; a null list counts as empty.

    Entries that are null become NaN: they can only come from lists of numbers.
    """
    if lists.null_count == 0 and len(lists) and not pa.types.is_fixed_size_list(lists.type):
        offsets = lists.offsets.to_numpy()
        indptr = offsets - offsets[0] if offsets[0] else offsets
    else:
        lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
        indptr = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    flat = lists.flatten().to_numpy(zero_copy_only=False)
    return indptr, flat.astype(dtype, copy=False)


def _one_size(sizes: npt.NDArray[Any], name: str) -> int:
    if len(sizes) == 0:
        return 0
    if (other := sizes != sizes[0]).any():
        row = int(np.argmax(other))
        raise InputError(
            f"{name} holds vectors of size {sizes[0]} and, in row {row}, of size {sizes[row]}: "
            "all must have one size"
        )
    return int(sizes[0])
