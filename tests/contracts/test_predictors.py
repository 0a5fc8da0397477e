"""The contract of every stage, row by row: a predictor gives what `transform` gives, to the last bit."""

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fireside.core.errors import FiresideError
from fireside.ml.frame import open_frame, return_frame
from fireside.ml.linalg import SparseVector, Vector
from tests.contracts.estimator_cases import CASES


def in_hand(table: Any) -> list[dict[str, Any]]:
    """The rows of any frame as dicts, with vectors in the hand."""
    return return_frame(open_frame(table), [{}])


def bits(value: Any) -> Any:
    """A value such that equality means equality of type and of every bit."""
    if isinstance(value, dict):
        return {key: bits(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [bits(item) for item in value]
    if isinstance(value, float):
        return struct.pack("<d", value)
    if isinstance(value, Vector):
        indices, values = value.active()
        return (type(value).__name__, len(value), indices.tolist(), np.asarray(values).tobytes())
    return (
        type(value).__name__,
        value if isinstance(value, str | int | bytes) or value is None else repr(value),
    )


def outcome(function: Callable[[], Any]) -> Any:
    try:
        return bits(function())
    except FiresideError as error:
        return type(error), str(error)


def only(rows: list[Any]) -> Any:
    assert len(rows) < 2
    return rows[0] if rows else None


@pytest.mark.parametrize("name", CASES)
def test_a_row_of_a_known_schema_is_transformed_as_a_frame_of_it_is(name):
    case = CASES[name]
    model, table = case.fitted(case.frame), open_frame(case.frame).to_table()
    predict = model.predictor(schema=table.schema)
    for place, row in enumerate(in_hand(table)):
        frame = table.slice(place, 1)
        expected = outcome(lambda frame=frame: only(in_hand(model.transform(frame))))
        for _ in range(2):
            assert outcome(lambda row=row: predict(row)) == expected


@pytest.mark.parametrize("name", CASES)
def test_a_row_has_the_types_of_its_values_where_no_schema_is_given(name):
    case = CASES[name]
    model = case.fitted(case.frame)
    predict = model.predictor()
    for row in in_hand(case.frame):
        expected = outcome(lambda row=row: only(model.transform([row])))
        for _ in range(2):
            assert outcome(lambda row=row: predict(row)) == expected


@pytest.mark.parametrize("name", CASES)
def test_a_list_of_rows_is_transformed_as_a_frame_of_them_is(name):
    case = CASES[name]
    model, table = case.fitted(case.frame), open_frame(case.frame).to_table()
    rows = in_hand(table)
    expected = {row["id"]: row for row in in_hand(model.transform(table))}
    found = model.predictor(schema=table.schema)(rows)
    assert bits(found) == bits([expected.get(row["id"]) for row in rows])


@pytest.mark.parametrize("name", CASES)
def test_selected_outputs_are_returned_alone_and_unknown_ones_are_refused(name):
    case = CASES[name]
    model, table = case.fitted(case.frame), open_frame(case.frame).to_table()
    made = model.transformSchema(table.schema).names[-1]
    predict = model.predictor([made], table.schema)
    rows = in_hand(table)
    whole = model.predictor(schema=table.schema)(rows)
    assert bits(predict(rows)) == bits([row and {made: row[made]} for row in whole])
    for row in rows:
        found = predict(row)
        assert found is None or list(found) == [made]
    with pytest.raises(FiresideError, match="no column 'no such'"):
        model.predictor(["no such"], table.schema)


def test_sparse_vectors_of_a_predictor_are_those_that_the_checking_constructor_makes():
    case = CASES["HashingTF"]
    for row in in_hand(case.frame):
        vector = case.stage().predictor(["out"])(row)["out"]
        assert vector == SparseVector(vector.size, vector.indices, vector.values)
        assert (vector.indices.dtype, vector.values.dtype) == (np.int32, np.float64)


def test_a_schema_without_a_predictor_column_is_refused_before_any_row():
    case = CASES["Tokenizer"]
    with pytest.raises(FiresideError, match="there is no column 'text'"):
        case.stage().predictor(schema=pa.schema([("body", pa.string())]))
