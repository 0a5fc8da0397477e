"""Of every class, on any row of its schema: a predictor gives what `transform` gives, to the last bit.

Rows are made of the values of the class's case, and of those that a stage has to think about: null, NaN,
infinity, -0, new categories, vectors of another size. Errors must be the same too.
"""

import functools
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fireside.core.errors import FiresideError
from fireside.ml.frame import open_frame
from fireside.ml.linalg import DenseVector, SparseVector, Vector, VectorBlock, is_vector_type
from tests.contracts.estimator_cases import CASES
from tests.contracts.test_predictors import in_hand, only, outcome

SOME = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
INF, NAN = float("inf"), float("nan")
WORDS = st.lists(st.sampled_from(["a", "b", "The", "é", "fire", "", None]), max_size=5)


@functools.cache
def models_of(name: str) -> list[Any]:
    """The fitted stage, once for each value of `handleInvalid` that it takes."""
    case = CASES[name]
    found = []
    for mode in ("error", "skip", "keep", "optimistic"):
        stage = case.stage()
        if not stage.hasParam("handleInvalid"):
            return [case.fitted(case.frame)]
        try:
            stage.set(stage.getParam("handleInvalid"), mode)
        except FiresideError:
            continue
        found.append(stage.fit(case.frame) if case.is_estimator else stage)
    return found


@functools.cache
def predictor_of(name: str, place: int, with_schema: bool) -> Any:
    """One for all rows, so that what it remembers of others is under test too."""
    schema = open_frame(CASES[name].frame).schema if with_schema else None
    return models_of(name)[place].predictor(schema=schema)


def values_like(kind: pa.DataType, known: list[Any]) -> st.SearchStrategy[Any]:
    """Values of a column: those that are known, and odd ones."""
    usual = st.sampled_from([*known, *known, None])
    if is_vector_type(kind):
        size = len(next(value for value in known if value is not None))
        number = st.sampled_from([0.0, -0.0, 1.0, -2.5, 5.0, NAN, INF])
        dense = st.lists(number, min_size=size, max_size=size).map(DenseVector)
        sparse = st.dictionaries(st.integers(0, size - 1), number).map(lambda d: SparseVector(size, d))
        return st.one_of(usual, usual, dense, sparse, st.just(SparseVector(size + 1, {size: 1.0})))
    if pa.types.is_list(kind):
        return st.one_of(usual, WORDS if pa.types.is_string(kind.value_type) else st.lists(st.floats()))
    if pa.types.is_string(kind):
        return st.one_of(usual, st.sampled_from(["", "new", "é B\tc"]), st.text(max_size=4))
    if pa.types.is_boolean(kind):
        return st.sampled_from([True, False, None])
    if pa.types.is_integer(kind):
        return st.one_of(usual, st.integers(-9, 9), st.sampled_from([2**31 - 1, -(2**31)]))
    width = kind.bit_width
    return st.one_of(usual, st.floats(width=width), st.sampled_from([NAN, INF, -INF, -0.0, 0.5, 7.0]))


def frame_of_row(row: dict[str, Any], schema: pa.Schema) -> pa.Table:
    columns = [
        VectorBlock.arrow_from_vectors([row[field.name]])
        if isinstance(row[field.name], Vector)
        else pa.array([row[field.name]], field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


@pytest.mark.parametrize("name", CASES)
@SOME
@given(data=st.data())
def test_any_row_is_predicted_as_transformed(name, data):
    table = open_frame(CASES[name].frame).to_table()
    schema, rows = table.schema, in_hand(table)
    place = data.draw(st.integers(0, len(models_of(name)) - 1))
    model = models_of(name)[place]
    row = {
        field.name: data.draw(values_like(field.type, [known[field.name] for known in rows]), field.name)
        for field in schema
    }
    frame = frame_of_row(row, schema)
    expected = outcome(lambda: only(in_hand(model.transform(frame))))
    assert outcome(lambda: predictor_of(name, place, True)(row)) == expected
    # Without a schema the types are those of the values, as in a frame of dicts.
    expected = outcome(lambda: only(model.transform([row])))
    assert outcome(lambda: predictor_of(name, place, False)(row)) == expected
