"""Seeded permutations that are computed, not stored.

A permutation of `[0, size)` is a pure function of (size, key): a Feistel network over a grid that just
covers the range, walked until it lands inside (Black and Rogaway, "Ciphers with Arbitrary Finite Domains",
2002, the generalised Feistel construction with cycle walking). One element costs the same at any size, and
no index is held in memory. It is a shuffle, not a cipher: over many keys two elements fall on any two places
equally often from some sixteen elements on; of fewer, all orders occur, but not equally often. Knows nothing
about domains or stages.
"""

from collections.abc import Sequence
from math import isqrt

import numpy as np
import numpy.typing as npt

__all__ = ["MAX_SIZE", "Permutations"]

Int64Array = npt.NDArray[np.int64]
UInt64Array = npt.NDArray[np.uint64]

MAX_SIZE = 2**60
"""The largest range; the sides of its grid then fit in 32 bits."""

_NUM_ROUNDS = 8
"""With six, pairs of up to thirty elements are measurably uneven; with ten, only of five or six."""

_WEYL = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)
_SHIFT_29, _SHIFT_32 = np.uint64(29), np.uint64(32)


class Permutations:
    """A family of ranges, each with one permutation per epoch.

    Args:
        sizes: the length of each range, from 1 to `MAX_SIZE`.
        keys: one 64-bit key for each range; another key gives an unrelated permutation.

    >>> permutations = Permutations([5], keys=[17])
    >>> zeros, indices = np.zeros(5, np.int64), np.arange(5)
    >>> sorted(permutations(zeros, zeros, indices).tolist())
    [0, 1, 2, 3, 4]
    """

    __slots__ = ("_columns", "_keys", "_rows", "_sizes")

    def __init__(self, sizes: Sequence[int], keys: Sequence[int]) -> None:
        for size in sizes:
            if not 1 <= size <= MAX_SIZE:
                raise ValueError(f"a permuted range holds from 1 to {MAX_SIZE} elements, got {size}")
        rows = [isqrt(size - 1) + 1 for size in sizes]
        columns = [-(-size // side) for size, side in zip(sizes, rows, strict=True)]
        self._sizes = np.array(sizes, np.uint64)
        self._rows = np.array(rows, np.uint64)
        self._columns = np.array(columns, np.uint64)
        self._keys = np.array([key % 2**64 for key in keys], np.uint64)

    def __call__(
        self, ranges: npt.NDArray[np.integer], epochs: Int64Array, indices: Int64Array
    ) -> Int64Array:
        """Where each element goes.

        Args:
            ranges: integers[n], which range each element belongs to.
            epochs: int64[n], which of the range's permutations to use.
            indices: int64[n], the element, from 0 to the range's size less one.

        Returns:
            int64[n], the element's place; for fixed range and epoch a bijection of the range.
        """
        keys = _mix(self._keys[ranges] + epochs.astype(np.uint64) * _WEYL)
        sizes, rows, columns = self._sizes[ranges], self._rows[ranges], self._columns[ranges]
        places = _permute_grid(indices.astype(np.uint64), rows, columns, keys)
        # The grid has fewer than one row more than the range, so hardly anything has to walk on.
        walking = np.flatnonzero(places >= sizes)
        while walking.size:
            places[walking] = _permute_grid(places[walking], rows[walking], columns[walking], keys[walking])
            walking = walking[places[walking] >= sizes[walking]]
        return places.astype(np.int64)


def _permute_grid(
    cells: UInt64Array, rows: UInt64Array, columns: UInt64Array, keys: UInt64Array
) -> UInt64Array:
    """A bijection of `[0, rows * columns)`: alternately shift the row by a hash of the column, and back."""
    row, column = np.divmod(cells, columns)
    keys = keys.copy()
    for _ in range(_NUM_ROUNDS // 2):
        row = _shift(row, column, rows, keys)
        keys += _WEYL
        column = _shift(column, row, columns, keys)
        keys += _WEYL
    return row * columns + column


def _shift(value: UInt64Array, other: UInt64Array, modulus: UInt64Array, keys: UInt64Array) -> UInt64Array:
    """`(value + hash(other, key)) mod modulus`, for moduli below 2^32."""
    offset = _mix(other + keys)
    # Multiply-shift maps 32 random bits to [0, modulus) without a division.
    offset >>= _SHIFT_32
    offset *= modulus
    offset >>= _SHIFT_32
    offset += value
    # Below 0 an unsigned number wraps to a huge one, so the smaller of the two is the remainder.
    return np.minimum(offset, offset - modulus)


def _mix(values: UInt64Array) -> UInt64Array:
    """Scramble 64-bit integers in place (the finaliser of SplitMix64, one shift left out)."""
    values *= _MULTIPLIER_1
    values ^= values >> _SHIFT_29
    values *= _MULTIPLIER_2
    values ^= values >> _SHIFT_32
    return values
