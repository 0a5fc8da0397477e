"""Rows as JSON: vectors are lists of numbers, or objects of size, indices and values where they are sparse.

JSON has neither NaN nor infinity, which are written as null.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from fireside.core.errors import InputError
from fireside.ml.linalg import Matrix, SparseVector, Vector

__all__ = ["read_rows", "write_rows"]

_SPARSE = {"size", "indices", "values"}
Rows = Mapping[str, Any] | Sequence[Mapping[str, Any] | None] | None


def read_rows(body: bytes) -> dict[str, Any] | list[dict[str, Any]]:
    """One row (an object) or several (an array of objects).

    Raises:
        InputError: the body is neither, or a sparse vector is malformed.

    >>> read_rows(b'{"x": 1.5, "v": {"size": 3, "indices": [1], "values": [2.0]}}')
    {'x': 1.5, 'v': SparseVector(3, {1: 2.0})}
    """
    try:
        given = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"the body is not valid JSON: {error}") from error
    if isinstance(given, dict):
        return _row(given)
    if isinstance(given, list) and all(isinstance(row, dict) for row in given):
        return [_row(row) for row in given]
    raise InputError("the body must be a row (an object: column to value) or an array of rows")


def write_rows(rows: Rows) -> bytes:
    """The JSON of a row, or of several; a row that was left out is null.

    >>> write_rows([{"prediction": 1.0, "p": SparseVector(4, {2: 0.5})}, None])
    b'[{"prediction":1.0,"p":{"size":4,"indices":[2],"values":[0.5]}},null]'
    """
    return msgspec.json.encode(rows, enc_hook=_plain)


def _row(given: dict[str, Any]) -> dict[str, Any]:
    return {name: _vector(name, value) if isinstance(value, dict) else value for name, value in given.items()}


def _vector(name: str, given: dict[str, Any]) -> Any:
    if given.keys() != _SPARSE:
        return given
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
