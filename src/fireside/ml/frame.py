"""Frames at the border of this wing: `fireside.compute` plus vectors in the hand.

People put `DenseVector` and `SparseVector` objects into pandas columns and lists, and want to find such
objects there; between the stages there are only Arrow columns.
"""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from fireside.compute import Dataset, TableDataset, as_dataset, like
from fireside.compute.schema import MATRIX_TYPE
from fireside.core.errors import InputError
from fireside.ml.linalg import Vector, VectorBlock, is_vector_type
from fireside.ml.persistence.kinds import MATRIX

__all__ = ["open_frame", "return_frame"]


def open_frame(source: Any) -> Dataset:
    """A data set of any frame; columns of vectors in the hand become Arrow columns.

    >>> from fireside.ml.linalg import Vectors
    >>> data = open_frame({"features": [Vectors.dense(1, 2)]})
    >>> VectorBlock.from_arrow(data.to_table()["features"]).to_dense()
    array([[1., 2.]])
    """
    if _is_pandas(source):
        from fireside.ml.linalg.pandas_vectors import VectorArray

        held = {str(name): column for name, column in source.items() if _holds_vectors(column)}
        if held:
            source = source.assign(**{name: VectorArray.of(column) for name, column in held.items()})
    elif isinstance(source, Mapping):
        source = {name: _column(values) for name, values in source.items()}
    elif isinstance(source, list | tuple) and source and all(isinstance(row, Mapping) for row in source):
        names = list(dict.fromkeys(name for row in source for name in row))
        source = {name: _column([row.get(name) for row in source]) for name in names}
    return as_dataset(source)


def return_frame(dataset: Dataset, original: Any) -> Any:
    """The rows as the kind of frame that came in, with vectors in the hand where it holds Python objects.

    A pandas column of vectors keeps the Arrow memory, and makes a vector when one is asked for.

    >>> return_frame(open_frame({"a": [1]}), {"a": [0]})
    {'a': [1]}
    """
    if not (_is_pandas(original) or isinstance(original, Mapping | list | tuple)):
        return like(dataset, original)
    vectors = [field.name for field in dataset.schema if is_vector_type(field.type)]
    matrices = [field.name for field in dataset.schema if field.type == MATRIX_TYPE]
    if not vectors and not matrices:
        return like(dataset, original)
    table = dataset.to_table()
    bare = table
    for name in [*vectors, *matrices]:
        bare = bare.set_column(bare.schema.get_field_index(name), name, pa.nulls(len(table)))
    frame = like(TableDataset(bare), original)
    if _is_pandas(original):
        from fireside.ml.linalg.pandas_vectors import VectorArray

        columns = {name: VectorArray(table[name].combine_chunks()) for name in vectors}
        return frame.assign(**columns, **{name: MATRIX.decode(table[name]) for name in matrices})
    for name in [*vectors, *matrices]:
        column = MATRIX.decode(table[name]) if name in matrices else _in_hand(table[name].combine_chunks())
        if isinstance(frame, Mapping):
            frame = {**frame, name: column}
        else:
            frame = [{**row, name: vector} for row, vector in zip(frame, column, strict=True)]
    return frame


def _in_hand(column: pa.Array) -> list[Vector | None]:
    present = column.drop_null()
    try:
        vectors = iter(VectorBlock.from_arrow(present).to_vectors())
    except InputError:
        # A column that nothing has read yet may hold vectors of several sizes.
        vectors = iter([vector for row in present for vector in VectorBlock.from_scalar(row).to_vectors()])
    return [next(vectors) if valid else None for valid in column.is_valid().to_pylist()]


def _column(values: Any) -> Any:
    return VectorBlock.arrow_from_vectors(values) if _holds_vectors(values) else values


def _holds_vectors(values: Any) -> bool:
    """Whether the first value that is not missing is a vector in the hand."""
    if isinstance(values, pa.Array | pa.ChunkedArray) or str(getattr(values, "dtype", "object")) != "object":
        return False
    return isinstance(next((value for value in values if value is not None), None), Vector)


def _is_pandas(source: Any) -> bool:
    return any(kind.__module__.startswith("pandas.") for kind in type(source).__mro__) and hasattr(
        source, "assign"
    )
