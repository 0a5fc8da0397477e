"""MurmurHash3 (x86, 32 bits) of one string of bytes, in plain Python: nothing has to be compiled for a few.

Source: Appleby, MurmurHash3 (public domain algorithm). `fireside.ml.feature.text.murmur3` hashes columns.
"""

import struct
from collections.abc import Iterable

__all__ = ["murmur3", "signed", "spark_2_murmur3"]

_MASK = 0xFFFFFFFF


def murmur3(data: bytes, seed: int) -> int:
    """The hash, from 0 to 2^32 - 1.

    >>> murmur3(b"hello", 0)
    613153351
    """
    words, rest = _words(data)
    state = _after(words, seed)
    if rest:
        state ^= _scrambled(int.from_bytes(rest, "little"))
    return _finished(state, len(data))


def spark_2_murmur3(data: bytes, seed: int) -> int:
    """The hash that Spark had before 3.0: each byte after the last word is a word of its own, with its sign.

    >>> spark_2_murmur3(b"fire", 42) == murmur3(b"fire", 42), spark_2_murmur3(b"hello", 42)
    (True, 3286402344)
    """
    words, rest = _words(data)
    signed_bytes = ((byte - 256 if byte >> 7 else byte) & _MASK for byte in rest)
    return _finished(_after(signed_bytes, _after(words, seed)), len(data))


def signed(word: int) -> int:
    """A word of 32 bits as Java's int.

    >>> signed(0xFFFFFFFF)
    -1
    """
    return word - (1 << 32) if word >> 31 else word


def _words(data: bytes) -> tuple[tuple[int, ...], bytes]:
    """The whole words of 4 bytes, and the bytes that are left."""
    return struct.unpack_from(f"<{len(data) // 4}I", data), data[len(data) & ~3 :]


def _after(words: Iterable[int], state: int) -> int:
    """The state after some words."""
    for word in words:
        state ^= _scrambled(word)
        state = ((state << 13 | state >> 19) & _MASK) * 5 + 0xE6546B64 & _MASK
    return state


def _scrambled(word: int) -> int:
    word = word * 0xCC9E2D51 & _MASK
    return ((word << 15 | word >> 17) & _MASK) * 0x1B873593 & _MASK


def _finished(state: int, length: int) -> int:
    state ^= length
    state = (state ^ state >> 16) * 0x85EBCA6B & _MASK
    state = (state ^ state >> 13) * 0xC2B2AE35 & _MASK
    return state ^ state >> 16
