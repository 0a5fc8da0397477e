"""MurmurHash3 (x86, 32 bits) of one string of bytes, in plain Python: nothing has to be compiled for a few.

Source: Appleby, MurmurHash3 (public domain algorithm). `fireside.ml.feature.text.murmur3` hashes columns.
"""

__all__ = ["murmur3", "signed"]

_MASK = 0xFFFFFFFF


def murmur3(data: bytes, seed: int) -> int:
    """The hash, from 0 to 2^32 - 1.

    >>> murmur3(b"hello", 0)
    613153351
    """
    state = seed
    whole = len(data) & ~3
    for start in range(0, whole, 4):
        state ^= _scrambled(int.from_bytes(data[start : start + 4], "little"))
        state = ((state << 13 | state >> 19) & _MASK) * 5 + 0xE6546B64 & _MASK
    if whole < len(data):
        state ^= _scrambled(int.from_bytes(data[whole:], "little"))
    state ^= len(data)
    state = (state ^ state >> 16) * 0x85EBCA6B & _MASK
    state = (state ^ state >> 13) * 0xC2B2AE35 & _MASK
    return state ^ state >> 16


def signed(word: int) -> int:
    """A word of 32 bits as Java's int.

    >>> signed(0xFFFFFFFF)
    -1
    """
    return word - (1 << 32) if word >> 31 else word


def _scrambled(word: int) -> int:
    word = word * 0xCC9E2D51 & _MASK
    return ((word << 15 | word >> 17) & _MASK) * 0x1B873593 & _MASK
