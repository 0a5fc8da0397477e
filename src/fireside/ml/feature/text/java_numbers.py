"""Numbers as Java writes them: the labels that `StringIndexer` gives to a column of numbers."""

import math
from typing import Any

import numpy as np
import pyarrow as pa

__all__ = ["java_double", "java_strings"]


def java_strings(column: pa.Array) -> pa.StringArray:
    """Each number of a column as Spark's cast to string writes it.

    >>> java_strings(pa.array([1.0, 0.5, None])).to_pylist()
    ['1.0', '0.5', None]
    """
    if not pa.types.is_floating(column.type):
        return column.cast(pa.string())
    distinct = column.dictionary_encode()
    numbers: Any = distinct.dictionary.to_numpy(zero_copy_only=False)
    return pa.array([java_double(number) for number in numbers], pa.string()).take(distinct.indices)


def java_double(number: Any) -> str:
    """`Double.toString` (or `Float.toString`, for a float32) of Java: shortest digits, its own exponents.

    The digits are those of Java 19 and newer; older ones write more of them for some numbers.

    >>> [java_double(x) for x in (1e7, 123456.789, 1e-4, 0.001, 5e-324, float("nan"))]
    ['1.0E7', '123456.789', '1.0E-4', '0.001', '4.9E-324', 'NaN']
    """
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    if number == 0 or 1e-3 <= abs(number) < 1e7:
        return str(np.format_float_positional(number, unique=True, trim="0"))
    text = np.format_float_scientific(number, unique=True, trim="0", exp_digits=1)
    if ".0e" in text:
        # Java writes two digits at least, the nearest two: of the smallest numbers one tells less.
        text = np.format_float_scientific(number, unique=False, precision=1, exp_digits=1)
    return text.replace("e", "E").replace("E+", "E")
