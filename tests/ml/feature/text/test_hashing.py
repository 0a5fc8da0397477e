import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.ml.feature.text.java_numbers import java_double
from fireside.ml.feature.text.murmur3 import hash_terms


def murmur3(data: bytes, seed: int = 42) -> int:
    """The published algorithm, word by word, on Python integers."""

    def rotate(x: int, r: int) -> int:
        return ((x << r) | (x >> (32 - r))) & 0xFFFFFFFF

    state = seed
    for start in range(0, len(data), 4):
        word = data[start : start + 4]
        k = int.from_bytes(word, "little") * 0xCC9E2D51 & 0xFFFFFFFF
        state ^= rotate(k, 15) * 0x1B873593 & 0xFFFFFFFF
        if len(word) == 4:
            state = (rotate(state, 13) * 5 + 0xE6546B64) & 0xFFFFFFFF
    state ^= len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        state = ((state ^ (state >> shift)) * factor) & 0xFFFFFFFF
    state ^= state >> 16
    return state - 2**32 if state >= 2**31 else state


def test_the_reference_is_the_published_algorithm():
    # The verification values of the smhasher test suite for seed 0 and a known string.
    assert murmur3(b"", 0) == 0
    assert murmur3(b"", 1) == 0x514E28B7
    assert murmur3(b"Hello, world!", 0x9747B28C) == 0x24884CBA


@settings(deadline=None)
@given(st.lists(st.text(max_size=20) | st.none(), max_size=8), st.integers(0, 3))
def test_strings_hash_as_their_utf8(terms, start):
    column = pa.array(terms, pa.string()).slice(start)
    expected = [42 if term is None else murmur3(term.encode()) for term in terms[start:]]
    assert hash_terms(column).tolist() == expected


@settings(deadline=None)
@given(st.lists(st.floats(width=64), max_size=8))
def test_doubles_hash_as_their_java_bits(numbers):
    expected = [murmur3(np.float64(np.nan if n != n else n).tobytes()) for n in numbers]
    assert hash_terms(pa.array(numbers, pa.float64())).tolist() == expected


@pytest.mark.parametrize("kind", [pa.int8(), pa.int16(), pa.int32(), pa.int64()])
def test_integers_hash_as_four_or_eight_bytes(kind):
    numbers = [0, 1, -1, 127, -128]
    size = 8 if kind == pa.int64() else 4
    expected = [murmur3(n.to_bytes(size, "little", signed=True)) for n in numbers]
    assert hash_terms(pa.array(numbers, kind)).tolist() == expected


def test_booleans_and_nulls_hash_as_in_spark():
    assert hash_terms(pa.array([True, False])).tolist() == [murmur3(b"\1\0\0\0"), murmur3(b"\0\0\0\0")]
    assert hash_terms(pa.array([None, None])).tolist() == [42, 42]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        *((0.0, "0.0"), (-0.0, "-0.0"), (1.0, "1.0"), (100.0, "100.0"), (0.001, "0.001"), (9.5e-4, "9.5E-4")),
        *((1e7, "1.0E7"), (9999999.0, "9999999.0"), (1.5e300, "1.5E300"), (-1e-10, "-1.0E-10")),
        *((float("inf"), "Infinity"), (float("-inf"), "-Infinity"), (np.float32(0.1), "0.1")),
    ],
)
def test_numbers_are_written_as_java_writes_them(number, text):
    assert java_double(number) == text
