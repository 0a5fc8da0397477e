"""Spark's own random numbers, so that equal seeds give equal starting points here and there.

Source: Marsaglia, "Xorshift RNGs", 2003; `org.apache.spark.util.random.XORShiftRandom` for the seeding.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from fireside.core.extras import require
from fireside.ml.murmur3 import murmur3

__all__ = ["hash_seed", "next_int", "uniform_floats"]

numba = require("numba", extra="ml")

_ARRAY_SEED = 0x3C074A61


def hash_seed(seed: int) -> int:
    """The state that a seed starts at, from 0 to 2^64 - 1: seeds that differ in few bits start far apart.

    >>> hash_seed(1) == hash_seed(2)
    False
    """
    data = (seed % 2**64).to_bytes(8, "big")
    low = murmur3(data, _ARRAY_SEED)
    return murmur3(data, low) << 32 | low


def uniform_floats(seed: int, count: int) -> npt.NDArray[np.float32]:
    """float32[count], the first numbers of `nextFloat`, from 0 to 1, 1 excluded."""
    floats: npt.NDArray[np.float32] = _floats(np.uint64(hash_seed(seed)), count)
    return floats


@numba.njit(cache=True)
def _step(state: Any):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    state ^= state << np.uint64(21)
    state ^= state >> np.uint64(35)
    return state ^ (state << np.uint64(4))


@numba.njit(cache=True)
def next_int(state: Any, bound: Any):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    """The next state, and a number from 0 to `bound` - 1, as `nextInt(bound)` of Java draws it."""
    while True:
        state = _step(state)
        bits = np.int64(state & np.uint64(0x7FFFFFFF))
        if bound & (bound - 1) == 0:
            return state, (bound * bits) >> 31
        value = bits % bound
        if bits - value + (bound - 1) < 2147483648:
            return state, value


@numba.njit(cache=True)
def _floats(state: Any, count: Any):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    floats = np.empty(count, np.float32)
    for place in range(count):
        state = _step(state)
        floats[place] = np.float32(state & np.uint64(0xFFFFFF)) / np.float32(16777216.0)
    return floats
