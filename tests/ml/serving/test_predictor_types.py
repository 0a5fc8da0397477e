"""What a predictor has answered before does not change what it answers: plans are of a row's exact types."""

import datetime as dt
import itertools
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fireside.core.errors import FiresideError
from fireside.ml.feature import IndexToString, Normalizer, SQLTransformer
from fireside.ml.linalg import DenseVector, SparseVector
from tests.contracts.test_predictors import outcome

UTC = dt.UTC
PASSED_ON = SQLTransformer(statement="SELECT *, 1 AS made FROM __THIS__")
VECTORS = Normalizer(inputCol="v", outputCol="unit", p=1.0)

VALUES = [
    [Decimal("1.5"), Decimal("1222.25"), Decimal("0.001")],
    [dt.datetime(2026, 1, 2, 3), dt.datetime(2026, 1, 2, 3, tzinfo=UTC)],
    [
        dt.datetime(2026, 1, 2, 3, tzinfo=UTC),
        dt.datetime(2026, 1, 2, 3, tzinfo=dt.timezone(dt.timedelta(hours=2))),
    ],
    [("a",), (1,), (1.5,), (), [], [None], ["a"], [True]],
    [{"k": 1}, {"j": 5}, {"k": "z"}, {"k": None}, {}],
    [[[1]], [[1.5]], [[]], [["a"]]],
    [[{"k": 1}], [{"k": 1.5}]],
    [np.array([1, 2]), np.array([0.5]), np.array([0.5], np.float32), np.array(["a"]), np.zeros((2, 2))],
    [np.array([True]), np.array([]), np.array([np.nan])],
    [np.int32(1), np.int64(1), np.float32(0.1), np.float64(0.1), np.bool_(True)],
    [1, 2**63, -(2**63) - 1, 2**62, True, 1.0, None],
    ["a", "ä", "\ud800", np.str_("b"), b"a"],
    [["a"], ["\ud83d", "\ude00"], ["ä", "b"]],
    [[1, 2], [2**63], [1, 2.5], [2**60 + 1, 2.5], [1.5, None]],
]


@pytest.mark.parametrize("values", VALUES, ids=lambda values: str(values[0]))
def test_values_are_answered_as_by_transform_whatever_came_before(values):
    for pair in itertools.permutations(values, 2):
        predict = PASSED_ON.predictor()
        for value in pair:
            row = {"x": value}
            expected = outcome(lambda row=row: PASSED_ON.transform([row])[0])
            assert outcome(lambda row=row: predict(row)) == expected  # noqa: B023


@pytest.mark.parametrize(
    "values",
    [
        [np.array([1, 2, 5]), np.array([0.5, 0.5])],
        [np.array([0.5, 0.5]), np.array([1, 3]), [0.25, 0.75]],
        [(1, 2), (1.5, 2.5)],
        [[1, 2], [1.5, 2.5], [1.5, 2]],
        [DenseVector([1.0, 3.0]), [1.0, 3.0], SparseVector(3, {1: 2.0})],
    ],
    ids=str,
)
def test_vectors_of_any_kind_are_answered_as_by_transform(values):
    for pair in itertools.permutations(values, 2):
        predict = VECTORS.predictor(["unit"])
        for value in pair:
            expected = VECTORS.transform([{"v": value}])[0]["unit"]
            assert predict({"v": value}) == {"unit": expected}


@pytest.mark.parametrize("value", [2**63, "\ud800", 1.5])
def test_a_schema_is_no_way_around_the_range_of_its_types(value):
    kind = pa.string() if isinstance(value, str) else pa.int64()
    predict = PASSED_ON.predictor(schema=pa.schema([("x", kind)]))
    with pytest.raises(FiresideError, match="column 'x' is"):
        predict({"x": value})


@pytest.mark.parametrize("rows", [[{}], [{"x": 1.0}, {}], [{"x": 1.0}, {"x": 1.0, "y": 2.0}]], ids=str)
def test_rows_of_a_list_have_the_same_columns(rows):
    stage = IndexToString(inputCol="x", outputCol="label", labels=["a", "b"])
    for function in (stage.transform, stage.predictor(), PASSED_ON.predictor()):
        with pytest.raises(FiresideError, match=r"has no column.*give every row the same columns"):
            function(rows)


def test_a_row_without_columns_is_refused_alone_too():
    call: Any = PASSED_ON.predictor()
    with pytest.raises(FiresideError, match="row 0 has no columns"):
        call({})


@pytest.mark.parametrize("values", [[1.0, True], [True, 1.0], [1, False], [None, 2.0, False]], ids=str)
def test_booleans_among_numbers_are_refused_in_any_order(values):
    rows = [{"x": value} for value in values]
    for function in (PASSED_ON.transform, PASSED_ON.predictor()):
        with pytest.raises(FiresideError, match="column 'x' cannot be made of its values"):
            function(rows)


def test_a_value_that_is_nested_too_deep_is_an_error_of_the_input():
    value = 1
    for _ in range(900):
        value = {"a": value}
    stage = IndexToString(inputCol="x", outputCol="label", labels=["a", "b"])
    for function in (stage.transform, stage.predictor()):
        with pytest.raises(FiresideError, match="too deep in one another"):
            function([{"x": 1.0, "deep": value}])


def test_an_index_that_no_double_holds_is_an_error_of_the_input():
    stage = IndexToString(inputCol="x", outputCol="label", labels=["a", "b"])
    for rows in ([{"x": 2**53 + 1}], {"x": [2**53 + 1]}):
        with pytest.raises(FiresideError, match=r"column 'x' has the index .* labels are for 0 to 1"):
            stage.transform(rows)
