"""Sorting numbers by their bytes: in a pass for each of the eight, without a comparison."""

import numpy as np
import numpy.typing as npt

from fireside.core.extras import require

__all__ = ["sorted_numbers"]

numba = require("numba", extra="ml")

SIGN = np.uint64(1 << 63)
ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@numba.njit(cache=True, nogil=True)
def sorted_numbers(numbers: npt.NDArray[np.float64]):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    """float64[N], ascending, -0 before 0; without NaN.

    >>> sorted_numbers(np.array([2.0, -1.0, np.inf, 0.5]))
    array([-1. ,  0.5,  2. ,  inf])
    """
    count = len(numbers)
    keys, other = np.empty(count, np.uint64), np.empty(count, np.uint64)
    counts = np.zeros((8, 256), np.int64)
    bits = numbers.view(np.uint64)
    for place in range(count):
        # As unsigned numbers the bits of positive floats are in order, and those of negative ones reversed.
        key = bits[place] ^ (ALL if bits[place] & SIGN else SIGN)
        keys[place] = key
        for byte in range(8):
            counts[byte, (key >> np.uint64(8 * byte)) & np.uint64(255)] += 1
    for byte in range(8):
        shift, ends = np.uint64(8 * byte), counts[byte]
        if ends.max() == count:
            continue
        total = 0
        for value in range(256):
            total, ends[value] = total + ends[value], total
        for place in range(count):
            value = (keys[place] >> shift) & np.uint64(255)
            other[ends[value]] = keys[place]
            ends[value] += 1
        keys, other = other, keys
    for place in range(count):
        keys[place] ^= SIGN if keys[place] & SIGN else ALL
    return keys.view(np.float64)
