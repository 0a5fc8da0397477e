"""Results that travel between processes: mappings of NumPy arrays and JSON values, as bytes.

msgpack, in which an array, at any depth, is its type, its shape and its raw bytes. Nothing in a message
can be executed.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from fireside.core.errors import InputError

__all__ = ["decode", "encode"]

ARRAY = 1
"""The msgpack extension code of an array."""


def encode(value: Mapping[str, Any]) -> bytes:
    """A mapping as bytes.

    Args:
        value: names to NumPy arrays (numbers, bool or fixed-width text), NumPy scalars, or whatever JSON
            can hold, NaN and infinity included, nested at will. Tuples come back as lists.

    Raises:
        InputError: the mapping holds something else.

    >>> decode(encode({"weights": np.array([1.5, 2.5]), "iterations": 3}))
    {'weights': array([1.5, 2.5]), 'iterations': 3}
    """
    try:
        return msgspec.msgpack.encode(dict(value), enc_hook=_to_plain)
    except (TypeError, OverflowError, ValueError) as error:
        raise InputError(f"{error}: results are NumPy arrays of numbers and JSON values") from error


def decode(data: bytes) -> dict[str, Any]:
    """The mapping that `encode` made bytes of; arrays are new and writable."""
    value = msgspec.msgpack.decode(data, ext_hook=_from_extension)
    assert isinstance(value, dict)
    return value


def _to_plain(value: object) -> object:
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biufcSU":
            raise TypeError(f"an array of type {value.dtype} cannot be sent")
        head = msgspec.msgpack.encode((value.dtype.str, value.shape))
        return msgspec.msgpack.Ext(ARRAY, len(head).to_bytes(4, "big") + head + value.tobytes())
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be sent")


def _from_extension(code: int, data: memoryview) -> object:
    assert code == ARRAY
    length = int.from_bytes(data[:4], "big")
    dtype, shape = msgspec.msgpack.decode(data[4 : 4 + length], type=tuple[str, tuple[int, ...]])
    return np.frombuffer(data[4 + length :], np.dtype(dtype)).reshape(shape).copy()
