"""MurmurHash3 (x86, 32 bits), as Spark hashes terms: seed 42, strings as UTF-8, numbers by their Java bits.

Source: Appleby, MurmurHash3 (public domain algorithm); `FeatureHasher.murmur3Hash` of Spark for the seed and
the bits of each type.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.core.extras import require
from fireside.ml.feature.text.hash_text import SEED

__all__ = ["hash_terms"]

numba = require("numba", extra="ml")


def hash_terms(terms: pa.Array, *, as_spark_2: bool = False) -> npt.NDArray[np.int32]:
    """int32[E], the hash of each term; a null hashes to the seed.

    Args:
        terms: strings, booleans, integers or floats.
        as_spark_2: whether strings have the hash that they had before Spark 3.0, which takes each byte after
            the last word for a word of its own, with its sign.

    >>> hash_terms(pa.array(["a", "é", None])).tolist()
    [-1293573533, 1023967903, 42]
    """
    if pa.types.is_string(terms.type):
        _, offsets, data = terms.buffers()
        bounds = np.frombuffer(offsets, np.int32)[terms.offset : terms.offset + len(terms) + 1]
        text = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
        hashes: npt.NDArray[np.int32] = _hash_strings(text, bounds, np.uint32(SEED), as_spark_2).view(
            np.int32
        )
    else:
        hashes = _hash_words(_java_words(terms)).view(np.int32)
    if terms.null_count:
        hashes[terms.is_null().to_numpy(zero_copy_only=False)] = SEED
    return hashes


def _java_words(terms: pa.Array) -> npt.NDArray[np.uint32]:
    """uint32[E, 1 or 2], the bits that Java has for each number, low word first."""
    kind = terms.type
    if pa.types.is_null(kind):
        return np.zeros((len(terms), 1), np.uint32)
    values: Any = terms.fill_null(False if pa.types.is_boolean(kind) else 0).to_numpy(zero_copy_only=False)
    if values.dtype.kind == "f":
        # Java has one bit pattern for NaN.
        values = np.where(np.isnan(values), np.array(np.nan, values.dtype), values)
    elif values.dtype.itemsize < 4 or values.dtype.kind == "b":
        values = values.astype(np.int32)
    return np.ascontiguousarray(values).view("<u4").reshape(len(values), max(1, values.dtype.itemsize // 4))


def _hash_words(words: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """uint32[E] from uint32[E, W]."""
    state = np.full(len(words), SEED, np.uint32)
    for column in range(words.shape[1]):
        mixed = words[:, column] * np.uint32(0xCC9E2D51)
        state ^= _rotate(mixed, 15) * np.uint32(0x1B873593)
        state = _rotate(state, 13) * np.uint32(5) + np.uint32(0xE6546B64)
    state ^= np.uint32(4 * words.shape[1])
    state = (state ^ (state >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    state = (state ^ (state >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return state ^ (state >> np.uint32(16))


def _rotate(values: npt.NDArray[np.uint32], bits: int) -> npt.NDArray[np.uint32]:
    return (values << np.uint32(bits)) | (values >> np.uint32(32 - bits))


@numba.njit(cache=True, nogil=True)
def _hash_strings(text, bounds, seed, as_spark_2):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    hashes = np.empty(len(bounds) - 1, np.uint32)
    for row in range(len(hashes)):
        start, end = bounds[row], bounds[row + 1]
        state = np.uint32(seed)
        place = start
        while place < end:
            word = np.uint32(0)
            bytewise = as_spark_2 and end - place < 4
            stop = place + 1 if bytewise else min(place + 4, end)
            for i in range(place, stop):
                word |= np.uint32(text[i]) << np.uint32(8 * (i - place))
            if bytewise and word >= 128:
                word |= np.uint32(0xFFFFFF00)
            word = np.uint32(word * np.uint32(0xCC9E2D51))
            word = np.uint32((word << np.uint32(15)) | (word >> np.uint32(17)))
            state ^= np.uint32(word * np.uint32(0x1B873593))
            if bytewise or stop - place == 4:
                state = np.uint32((state << np.uint32(13)) | (state >> np.uint32(19)))
                state = np.uint32(state * np.uint32(5) + np.uint32(0xE6546B64))
            place = stop
        state ^= np.uint32(end - start)
        state = np.uint32((state ^ (state >> np.uint32(16))) * np.uint32(0x85EBCA6B))
        state = np.uint32((state ^ (state >> np.uint32(13))) * np.uint32(0xC2B2AE35))
        hashes[row] = state ^ (state >> np.uint32(16))
    return hashes
