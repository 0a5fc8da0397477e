"""Sorting by bytes, against NumPy's sort."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.ml.radix_sort import sorted_numbers


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False), max_size=40))
def test_numbers_are_in_order(numbers):
    given_numbers = np.array(numbers, np.float64)
    found = sorted_numbers(given_numbers)
    assert np.array_equal(found, np.sort(given_numbers))
    assert np.array_equal(given_numbers, np.array(numbers, np.float64))


@pytest.mark.parametrize("size", [10_000, 70_001])
def test_many_numbers_are_in_order(size):
    random = np.random.default_rng(0)
    numbers = random.normal(size=size) * 10.0 ** random.integers(-300, 300, size)
    assert np.array_equal(sorted_numbers(numbers), np.sort(numbers))
