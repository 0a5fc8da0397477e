from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from fireside.compute.message import decode, encode
from fireside.core.errors import InputError

ARRAYS = npst.arrays(
    st.one_of(
        npst.floating_dtypes(), npst.integer_dtypes(), npst.unsigned_integer_dtypes(), npst.boolean_dtypes()
    ),
    npst.array_shapes(min_dims=0, min_side=0, max_side=4),
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=6,
)


@given(st.dictionaries(st.text(), ARRAYS))
def test_arrays_arrive_bit_for_bit(arrays: dict[str, np.ndarray]) -> None:
    found = decode(encode(arrays))
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()
        assert found[name].flags.writeable


@given(st.dictionaries(st.text(), JSON))
def test_json_values_arrive_equal(values: dict[str, Any]) -> None:
    assert repr(decode(encode(values))) == repr(values)


def test_views_arrive_as_what_they_show() -> None:
    grid = np.arange(12).reshape(3, 4)
    found = decode(encode({"t": grid.T, "s": grid[::-1, ::2], "deep": [{"x": grid[1]}]}))
    np.testing.assert_array_equal(found["t"], grid.T)
    np.testing.assert_array_equal(found["s"], grid[::-1, ::2])
    np.testing.assert_array_equal(found["deep"][0]["x"], grid[1])


@pytest.mark.parametrize(
    "value",
    [object(), np.array([object()]), 2**80, {1, 2}.__iter__(), np.zeros(2, "f8,i4")],
    ids=["object", "object array", "huge integer", "iterator", "structured array"],
)
def test_what_is_neither_array_nor_json_is_refused(value: object) -> None:
    with pytest.raises(InputError, match="results are NumPy arrays of numbers and JSON values"):
        encode({"x": value})


def test_dates_arrive_as_their_text() -> None:
    assert decode(encode({"day": date(2024, 2, 29)})) == {"day": "2024-02-29"}
