"""What a param accepts, and what it becomes."""

import array
from typing import Any

import numpy as np

from fireside.ml.linalg.dense_vector import DenseVector
from fireside.ml.linalg.matrix import Matrix
from fireside.ml.linalg.vector import Vector

__all__ = ["TypeConverters"]


class TypeConverters:
    """Conversions for `Param.typeConverter`; each raises `TypeError` where the value does not fit.

    Booleans are not numbers here, and a float is an integer only where it is whole.

    >>> TypeConverters.toInt(3.0), TypeConverters.toListFloat((1, 2))
    (3, [1.0, 2.0])
    >>> TypeConverters.toInt(3.5)
    Traceback (most recent call last):
    TypeError: 3.5 is not an integer
    """

    @staticmethod
    def identity(value: Any) -> Any:
        """The value itself."""
        return value

    @staticmethod
    def toList(value: Any) -> list[Any]:
        """A list, from a list, tuple, range, array or vector."""
        if isinstance(value, Vector):
            return value.toArray().tolist()
        if isinstance(value, np.ndarray):
            return value.tolist()
        if isinstance(value, list | tuple | range | array.array):
            return list(value)
        raise TypeError(f"{value!r} is not a list")

    @staticmethod
    def toListFloat(value: Any) -> list[float]:
        """A list of floats."""
        return [TypeConverters.toFloat(item) for item in TypeConverters.toList(value)]

    @staticmethod
    def toListListFloat(value: Any) -> list[list[float]]:
        """A list of lists of floats."""
        return [TypeConverters.toListFloat(item) for item in TypeConverters.toList(value)]

    @staticmethod
    def toListInt(value: Any) -> list[int]:
        """A list of integers."""
        return [TypeConverters.toInt(item) for item in TypeConverters.toList(value)]

    @staticmethod
    def toListString(value: Any) -> list[str]:
        """A list of strings."""
        return [TypeConverters.toString(item) for item in TypeConverters.toList(value)]

    @staticmethod
    def toVector(value: Any) -> Vector:
        """A vector; a sequence of numbers becomes a dense one."""
        return value if isinstance(value, Vector) else DenseVector(TypeConverters.toListFloat(value))

    @staticmethod
    def toMatrix(value: Any) -> Matrix:
        """A matrix."""
        if isinstance(value, Matrix):
            return value
        raise TypeError(f"{value!r} is not a matrix")

    @staticmethod
    def toFloat(value: Any) -> float:
        """A float."""
        if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
            try:
                return float(value)
            except OverflowError as error:
                raise TypeError(
                    f"an integer of {int(value).bit_length()} bits is too large for a float"
                ) from error
        raise TypeError(f"{value!r} is not a number")

    @staticmethod
    def toInt(value: Any) -> int:
        """An integer of 32 bits, as Spark's are."""
        return _whole(value, bits=32)

    @staticmethod
    def toLong(value: Any) -> int:
        """An integer of 64 bits."""
        return _whole(value, bits=64)

    @staticmethod
    def toString(value: Any) -> str:
        """A string."""
        if isinstance(value, str):
            return str(value)
        raise TypeError(f"{value!r} is not a string")

    @staticmethod
    def toBoolean(value: Any) -> bool:
        """A boolean."""
        if isinstance(value, (bool, np.bool_)):
            return bool(value)
        raise TypeError(f"{value!r} is not a boolean")


def _whole(value: Any, *, bits: int) -> int:
    """An integer of so many bits, one of them for the sign."""
    is_int = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not is_int and not (isinstance(value, (float, np.floating)) and float(value).is_integer()):
        raise TypeError(f"{value!r} is not an integer")
    whole = int(value)
    if not -(1 << bits - 1) <= whole < 1 << bits - 1:
        given = str(value) if whole.bit_length() <= 256 else f"one of {whole.bit_length()} bits"
        raise TypeError(f"{given} is not an integer from -2^{bits - 1} to 2^{bits - 1} - 1")
    return whole
