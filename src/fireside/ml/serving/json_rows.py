"""Rows as JSON: vectors are lists of numbers, or objects of size, indices and values where they are sparse.

JSON has neither NaN nor infinity, which are written as null. It has one kind of number: every number is read
as a double, in lists and objects too, unless its column has another type (`number_types`). So a row is the
same alone and in an array, and the same from JavaScript, which writes 1.0 as 1.
"""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np

from fireside.core.errors import InputError
from fireside.ml.linalg import Matrix, SparseVector, Vector
from fireside.ml.serving.number_types import NumberType

__all__ = ["num_sparse_entries", "read_rows", "write_rows"]

MAX_DEPTH = 32
"""Lists and objects inside one another, in a value of a row."""

_SPARSE = {"size", "indices", "values"}
Rows = Mapping[str, Any] | Sequence[Mapping[str, Any] | None] | None


def read_rows(
    body: bytes, types: Mapping[str, NumberType] = MappingProxyType({})
) -> dict[str, Any] | list[dict[str, Any]]:
    """One row (an object) or several (an array of objects).

    Args:
        body: JSON.
        types: of the numbers of columns; those that are not named are doubles.

    Raises:
        InputError: the body is neither, a sparse vector is malformed, or a number is not of its type.

    >>> read_rows(b'{"x": 1, "v": {"size": 3, "indices": [1], "values": [2]}}')
    {'x': 1.0, 'v': SparseVector(3, {1: 2.0})}
    >>> read_rows(b'[{"x": 1.0}, {"x": 2}]', {"x": "long"})
    [{'x': 1}, {'x': 2}]
    """
    try:
        given = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"the body is not valid JSON: {error}") from error
    if isinstance(given, dict):
        return _row(given, types)
    if isinstance(given, list) and all(isinstance(row, dict) for row in given):
        return [_row(row, types) for row in given]
    raise InputError("the body must be a row (an object: column to value) or an array of rows")


def num_sparse_entries(rows: Any) -> int:
    """How many numbers the sparse vectors of rows stand for, zeros included.

    >>> num_sparse_entries([{"v": SparseVector(7, {1: 2.0})}, {"v": SparseVector(5, {})}])
    12
    """
    many = rows if isinstance(rows, list) else [rows]
    return sum(value.size for row in many for value in row.values() if isinstance(value, SparseVector))


def write_rows(rows: Rows) -> bytes:
    """The JSON of a row, or of several; a row that was left out is null.

    >>> write_rows([{"prediction": 1.0, "p": SparseVector(4, {2: 0.5})}, None])
    b'[{"prediction":1.0,"p":{"size":4,"indices":[2],"values":[0.5]}},null]'
    """
    return msgspec.json.encode(rows, enc_hook=_plain)


def _row(given: dict[str, Any], types: Mapping[str, NumberType]) -> dict[str, Any]:
    return {
        name: _vector(name, value)
        if isinstance(value, dict) and value.keys() == _SPARSE
        else _typed(name, value, types.get(name, "double"))
        for name, value in given.items()
    }


def _typed(name: str, value: Any, kind: NumberType, depth: int = 0) -> Any:
    """A value whose numbers are of a type, however deep they lie."""
    given = type(value)
    if given is str or given is bool or value is None or (given is float and kind == "double"):
        return value
    if given is list or given is dict:
        if depth == MAX_DEPTH:
            raise InputError(
                f"column {name!r}: lists and objects lie more than {MAX_DEPTH} deep in one another"
            )
        if given is list:
            return [_typed(name, item, kind, depth + 1) for item in value]
        return {key: _typed(name, item, kind, depth + 1) for key, item in value.items()}
    if kind == "untold":
        raise InputError(
            f"column {name!r} has the number {value}: the model tells 1 from 1.0 there, which JSON does not: "
            f"start the server with --type {name}=long or --type {name}=double"
        )
    return _long(name, value) if kind == "long" else _double(name, value)


def _long(name: str, value: float) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise InputError(
            f"column {name!r} has whole numbers, got {value}: send a whole number, or start the server with "
            f"--type {name}=double"
        )
    return int(value)


def _double(name: str, value: float) -> float:
    try:
        number = float(value)
    except OverflowError as error:
        raise InputError(f"column {name!r} has a number that is too large for a double") from error
    # JavaScript writes a large double's shortest digits and zeros after them.
    if isinstance(value, int) and number != value and Decimal(repr(number)) != value:
        raise InputError(
            f"column {name!r} has {value}, which no double holds: send a string, or start the server with "
            f"--type {name}=long"
        )
    return number


def _vector(name: str, given: dict[str, Any]) -> SparseVector:
    size, indices, values = given["size"], given["indices"], given["values"]
    are_lists = isinstance(indices, list) and isinstance(values, list)
    if not are_lists or type(size) is not int or not all(type(index) is int for index in indices):
        raise InputError(f"column {name!r}: a sparse vector has a whole size, and whole indices in a list")
    if not 0 <= size < 1 << 31:
        raise InputError(f"column {name!r}: the size of a vector is from 0 to {(1 << 31) - 1}, got {size}")
    if not all(type(value) in (int, float) for value in values):
        raise InputError(f"column {name!r}: the values of a sparse vector are numbers")
    try:
        return SparseVector(size, indices, values)
    except (InputError, OverflowError) as error:
        raise InputError(f"column {name!r}: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, SparseVector):
        numbers = [number if math.isfinite(number) else None for number in value.values.tolist()]
        return {"size": value.size, "indices": value.indices.tolist(), "values": numbers}
    if isinstance(value, Vector | Matrix):
        return value.toArray().tolist()
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return str(value)
