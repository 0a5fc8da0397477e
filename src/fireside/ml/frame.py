"""Frames at the border of this wing: `fireside.compute` plus vectors in the hand.

People put `DenseVector` and `SparseVector` objects into pandas columns and lists, and want to find such
objects there; between the stages there are only Arrow columns.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from fireside.compute import Dataset, TableDataset, as_dataset, like
from fireside.compute.schema import MATRIX_TYPE
from fireside.core.errors import SchemaError
from fireside.ml.linalg import VectorBlock, is_vector_type
from fireside.ml.linalg.spark_vector import is_vector
from fireside.ml.linalg.vectors_in_hand import (
    arrow_from_lists,
    is_vector_list,
    lists_in_hand,
    vectors_in_hand,
)
from fireside.ml.persistence.kinds import MATRIX

__all__ = ["open_frame", "return_frame"]


def open_frame(source: Any) -> Dataset:
    """A data set of any frame; columns of vectors in the hand become Arrow columns.

    Rows in a list have the same columns, so that a row means the same in a list as alone.

    Raises:
        SchemaError: rows in a list have different columns, or none, or a column of booleans and numbers; a
            value is nested too deep.

    >>> from fireside.ml.linalg import Vectors
    >>> data = open_frame({"features": [Vectors.dense(1, 2)]})
    >>> VectorBlock.from_arrow(data.to_table()["features"]).to_dense()
    array([[1., 2.]])
    """
    if _is_pandas(source):
        held = {name: made for name, column in source.items() if (made := _pandas_column(column)) is not None}
        if held:
            source = source.copy(deep=False)
            for name, made in held.items():
                source[name] = made
    elif isinstance(source, Mapping):
        source = {
            name: _column(list(values) if isinstance(values, Iterator) else values)
            for name, values in source.items()
        }
    elif _is_list_of_rows(source) and source:
        source = {name: _column(_values_of(source, name)) for name in _names_of(source)}
    try:
        return as_dataset(source)
    except RecursionError as error:
        raise SchemaError("a value has lists or objects too deep in one another: flatten it") from error


def return_frame(dataset: Dataset, original: Any) -> Any:
    """The rows as the kind of frame that came in, with vectors in the hand where it holds Python objects.

    A pandas column of vectors keeps the Arrow memory, and makes a vector when one is asked for.

    >>> return_frame(open_frame({"a": [1]}), {"a": [0]})
    {'a': [1]}
    """
    if not (_is_pandas(original) or isinstance(original, Mapping) or _is_list_of_rows(original)):
        return like(dataset, original)
    vectors = [field.name for field in dataset.schema if is_vector_type(field.type)]
    others = {field.name: decode for field in dataset.schema if (decode := _decoder(field.type)) is not None}
    if not vectors and not others:
        return like(dataset, original)
    table = dataset.to_table()
    bare = table
    for name in [*vectors, *others]:
        bare = bare.set_column(bare.schema.get_field_index(name), name, pa.nulls(len(table)))
    frame = like(TableDataset(bare), original)
    if _is_pandas(original):
        from fireside.ml.linalg.pandas_vectors import VectorArray

        columns = {name: VectorArray(table[name].combine_chunks()) for name in vectors}
        decoded = {name: decode(table[name].combine_chunks()) for name, decode in others.items()}
        return frame.assign(**columns, **decoded)
    for name, decode in {**dict.fromkeys(vectors, vectors_in_hand), **others}.items():
        column = decode(table[name].combine_chunks())
        if isinstance(frame, Mapping):
            frame = {**frame, name: column}
        else:
            frame = [{**row, name: vector} for row, vector in zip(frame, column, strict=True)]
    return frame


def _names_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The columns that all rows have."""
    names = rows[0].keys()
    if not names:
        raise SchemaError("row 0 has no columns: give every row the same columns, at least one")
    for place, row in enumerate(rows):
        if row.keys() != names:
            name = next(name for name in [*names, *row] if (name in names) != (name in row))
            has, lacks = (0, place) if name in names else (place, 0)
            raise SchemaError(
                f"row {lacks} has no column {name!r}, which row {has} has: give every row the same columns, "
                "with null for what is missing"
            )
    return list(names)


def _values_of(rows: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    """A column of rows."""
    values = [row[name] for row in rows]
    # Arrow makes 1.0 of a True that comes after a number.
    if {bool, float} <= set(map(type, values)):
        place = next(place for place, value in enumerate(values) if value is True or value is False)
        raise SchemaError(
            f"column {name!r} cannot be made of its values: row {place} has {values[place]}, and others have "
            "numbers: give one type"
        )
    return values


def _decoder(kind: pa.DataType) -> Callable[[pa.Array], list[Any]] | None:
    """What makes objects of a column that people hold as objects in a frame of any kind."""
    if kind == MATRIX_TYPE:
        return MATRIX.decode
    return lists_in_hand if is_vector_list(kind) else None


def _column(values: Any) -> Any:
    """A column of objects as Arrow's, where they are vectors or lists of them."""
    first = _first_present(values)
    if is_vector(first):
        return VectorBlock.arrow_from_vectors(values)
    return arrow_from_lists(values) if _is_vector_list(first) else values


def _pandas_column(values: Any) -> Any:
    """A column of vectors or lists of them in Arrow memory; `None` for any other."""
    first = _first_present(values)
    if is_vector(first):
        from fireside.ml.linalg.pandas_vectors import VectorArray

        return VectorArray.of(values)
    if _is_vector_list(first):
        from pandas.arrays import ArrowExtensionArray

        return ArrowExtensionArray(arrow_from_lists(values))
    return None


def _first_present(values: Any) -> Any:
    """The first object of a column that is not missing, nor an empty list; `None` where there is none."""
    if isinstance(values, pa.Array | pa.ChunkedArray) or not isinstance(values, Iterable):
        return None
    if str(getattr(values, "dtype", "object")) != "object":
        return None
    return next((value for value in values if not _is_missing(value)), None)


def _is_missing(value: Any) -> bool:
    """Whether an object says nothing of its column: null, also as pandas has it, or an empty list."""
    if isinstance(value, float):
        return value != value
    return value is None or (isinstance(value, list) and not value) or type(value).__name__ == "NAType"


def _is_vector_list(value: Any) -> bool:
    return isinstance(value, list) and is_vector(value[0])


def _is_list_of_rows(source: Any) -> bool:
    """Rather than of paths, which stay files."""
    return isinstance(source, list | tuple) and all(isinstance(row, Mapping) for row in source)


def _is_pandas(source: Any) -> bool:
    return any(kind.__module__.startswith("pandas.") for kind in type(source).__mro__) and hasattr(
        source, "assign"
    )
