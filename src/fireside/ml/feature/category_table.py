"""The categories of each feature, found by their hashes: the kernel of `VectorIndexer`.

Every feature has a table of its own among the slots, at least four times as long as it has categories; what
finds its slot taken lies in the next that is free (linear probing). Numbers are compared by their bits, with
one pattern for 0 and one for NaN.

Shapes: D features, C categories in all, S slots, E stored entries of a block.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fireside.core.extras import require
from fireside.ml.linalg import VectorBlock

__all__ = ["CategoryTable"]

numba = require("numba", extra="ml")

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
NAN = np.int64(0x7FF8000000000000)
# The bits of a NaN that no number is given for its key.
FREE = np.int64(-1)


@dataclass(frozen=True)
class CategoryTable:
    """What is made of the values of each feature.

    Attributes:
        starts: int64[D], the first slot of each feature.
        bits: int64[D], a feature has 2 ** bits slots; -1 where it has no categories, and is a number.
        counts: int64[D], how many categories there are.
        keys: int64[S], the bits of the values.
        indices: float64[S], what they are replaced by; -1 in free slots.
    """

    starts: IntArray
    bits: IntArray
    counts: IntArray
    keys: IntArray
    indices: FloatArray

    @classmethod
    def of(cls, counts: IntArray, values: FloatArray, indices: FloatArray) -> "CategoryTable":
        """From the categories of one feature after another.

        Args:
            counts: int64[D], how many categories each feature has; of none it is a number.
            values: float64[C], distinct within a feature.
            indices: float64[C], from 0 on.
        """
        bits = np.where(counts > 0, np.ceil(np.log2(np.maximum(counts, 1))).astype(np.int64) + 2, -1)
        # What a feature has beyond its 2 ** bits slots is for categories that are pushed on, and a free one.
        sizes = np.where(counts > 0, (1 << np.maximum(bits, 0)) + counts, 0)
        starts = np.cumsum(sizes) - sizes
        keys, found = np.full(sizes.sum(), FREE), np.zeros(sizes.sum())
        _insert(np.repeat(np.arange(len(counts)), counts), values, indices, starts, bits, keys, found)
        return cls(starts, bits, counts, keys, found)

    def index(self, block: VectorBlock) -> tuple[FloatArray, BoolArray]:
        """The stored entries of a block with categories replaced.

        Returns:
            float64[E]: numbers as they are, the number of categories for what is none of them.
            bool[E]: which entries are of a feature with categories, and none of them.

        >>> table = CategoryTable.of(np.array([2, 0]), np.array([5.0, 7.0]), np.array([0.0, 1.0]))
        >>> table.index(VectorBlock.from_dense(np.array([[7.0, 0.5], [6.0, 0.5]])))
        (array([1. , 0.5, 2. , 0.5]), array([False, False,  True, False]))
        """
        indices, unknown = np.empty(len(block.values)), np.empty(len(block.values), np.bool_)
        table = self.starts, self.bits, self.counts, self.keys, self.indices
        if not len(block.values):
            return indices, unknown
        if block.is_dense.all():
            _index_rows(block.values, block.size, *table, indices, unknown)
        else:
            _index_entries(block.values, block.indices, *table, indices, unknown)
        return indices, unknown


# The kernels hand numbers alone to functions: an array that is handed on costs as much as the search.
@numba.njit(cache=True, nogil=True)
def _key(number):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    # Adding 0 makes 0 of -0.
    return NAN if number != number else np.float64(number + 0.0).view(np.int64)


@numba.njit(cache=True, nogil=True)
def _hash(key, bits):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    mixed = np.uint64(key) ^ (np.uint64(key) >> np.uint64(32))
    return np.int64((mixed * MULTIPLIER) >> np.uint64(64 - bits))


@numba.njit(cache=True, nogil=True)
def _insert(features, values, new, starts, bits, keys, indices):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    for category in range(len(features)):
        feature, key = features[category], _key(values[category])
        slot = starts[feature] + _hash(key, bits[feature])
        while keys[slot] != FREE:
            slot += 1
        keys[slot], indices[slot] = key, new[category]


@numba.njit(cache=True, nogil=True)
def _index_rows(  # type: ignore[no-untyped-def]
    numbers, size, starts, bits, counts, keys, indices, found, unknown
):  # pragma: no cover (compiled)
    for first in range(0, len(numbers), size):
        for feature in range(size):
            entry = first + feature
            if bits[feature] < 0:
                found[entry], unknown[entry] = numbers[entry], False
                continue
            key = _key(numbers[entry])
            slot = starts[feature] + _hash(key, bits[feature])
            while keys[slot] != key and keys[slot] != FREE:
                slot += 1
            known = keys[slot] == key
            found[entry] = indices[slot] if known else np.float64(counts[feature])
            unknown[entry] = not known


@numba.njit(cache=True, nogil=True)
def _index_entries(  # type: ignore[no-untyped-def]
    numbers, features, starts, bits, counts, keys, indices, found, unknown
):  # pragma: no cover (compiled)
    for entry in range(len(numbers)):
        feature = features[entry]
        if bits[feature] < 0:
            found[entry], unknown[entry] = numbers[entry], False
            continue
        key = _key(numbers[entry])
        slot = starts[feature] + _hash(key, bits[feature])
        while keys[slot] != key and keys[slot] != FREE:
            slot += 1
        known = keys[slot] == key
        found[entry] = indices[slot] if known else np.float64(counts[feature])
        unknown[entry] = not known
