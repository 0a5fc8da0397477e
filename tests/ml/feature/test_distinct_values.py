"""Distinct values and categories found by hash, against sets and dicts of Python."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.ml.feature.category_table import CategoryTable
from fireside.ml.feature.distinct_values import FIRST_ROWS, DistinctValues
from fireside.ml.feature.target_encoder import places_among
from fireside.ml.linalg import SparseVector, VectorBlock

NAN, INF = float("nan"), float("inf")
NUMBER = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0, NAN, INF, -INF, 5e-324, 1e300]), st.floats(allow_nan=True)
)
FEATURES = 3


def key(value: float) -> str:
    """What makes numbers the same category: 0 and -0 are, and every NaN."""
    return repr(float(value) + 0.0)


@st.composite
def blocks(draw: st.DrawFn) -> VectorBlock:
    rows = draw(st.lists(st.lists(NUMBER, min_size=FEATURES, max_size=FEATURES), min_size=1, max_size=12))
    if draw(st.booleans()):
        return VectorBlock.from_dense(np.array(rows))
    kept = st.sets(st.integers(0, FEATURES - 1))
    return VectorBlock.from_vectors(
        [SparseVector(FEATURES, {place: row[place] for place in draw(kept)}) for row in rows]
    )


@settings(deadline=None)
@given(blocks(), blocks(), st.integers(1, 6))
def test_values_are_known_while_they_are_few(one, other, most):
    found = DistinctValues.none(FEATURES, most).after(one).after(other)
    apart = DistinctValues.none(FEATURES, most).after(other)
    together = DistinctValues.none(FEATURES, most).after(one).union(apart)
    columns = np.concatenate([one.to_dense(), other.to_dense()]).T
    for seen in (found, together):
        for feature, column in enumerate(columns):
            expected = {key(value) for value in column.tolist()}
            assert seen.is_number[feature] == (len(expected) > most)
            values = seen.values[seen.features == feature].tolist()
            assert [key(value) for value in values] == sorted(
                set() if len(expected) > most else expected, key=lambda text: (text == "nan", float(text))
            )


def test_rows_beyond_the_first_are_looked_at_too():
    column = np.zeros((5 * FIRST_ROWS, 1))
    column[[FIRST_ROWS, 4 * FIRST_ROWS], 0] = 1.0, 2.0
    seen = DistinctValues.none(1, 3).after(VectorBlock.from_dense(column))
    assert seen.values.tolist() == [0.0, 1.0, 2.0]
    assert DistinctValues.none(1, 2).after(VectorBlock.from_dense(column)).is_number.tolist() == [True]


@settings(deadline=None)
@given(st.lists(st.lists(NUMBER, max_size=9), min_size=FEATURES, max_size=FEATURES), blocks())
def test_a_table_finds_what_a_dict_finds(categories, block):
    distinct = [dict.fromkeys(map(key, one)) for one in categories]
    known = [{text: float(place) for place, text in enumerate(one)} for one in distinct]
    counts = np.array([len(one) for one in known])
    values = np.array([float(text) for one in known for text in one])
    indices = np.array([place for one in known for place in one.values()])
    found, unknown = CategoryTable.of(counts, values, indices).index(block)
    for entry, value in enumerate(block.values.tolist()):
        mine = known[block.indices[entry]]
        if not mine:
            assert key(found[entry]) == key(value)
            assert not unknown[entry]
        else:
            assert found[entry] == mine.get(key(value), len(mine))
            assert unknown[entry] == (key(value) not in mine)


@pytest.mark.parametrize(
    "categories", [[0.0, 1.0, 2.0], [-1.0, 0.0, 1.0], [3.0], [0.0, 2.0, 5.0], [0.5, 1.5]]
)
def test_places_among_whole_numbers_and_others(categories):
    values = np.array([*categories, -7.0, 0.25, 1.0, 99.0, NAN, INF])
    places = places_among(values, np.array(categories))
    assert ((places >= 0) & (places < len(categories))).all()
    seen = np.array(categories)[places] == values
    assert seen.tolist() == [value in categories for value in values.tolist()]
