"""Binarizer, Bucketizer and QuantileDiscretizer: by hand, against NumPy, and where they refuse."""

import logging

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.core.errors import InputError, SchemaError
from fireside.ml.attributes import attributes_of, labels_of
from fireside.ml.feature import Binarizer, Bucketizer, QuantileDiscretizer
from fireside.ml.linalg import DenseVector, SparseVector

INF, NAN = float("inf"), float("nan")


def test_only_what_is_above_the_threshold_becomes_one():
    rows = {"x": [0.49, 0.5, 0.51], "n": [0, 1, 2]}
    assert Binarizer(inputCol="x", outputCol="o", threshold=0.5).transform(rows)["o"] == [0.0, 0.0, 1.0]
    assert Binarizer(inputCol="n", outputCol="o").transform(rows)["o"] == [0.0, 1.0, 1.0]
    one = Binarizer(inputCols=["x", "n"], outputCols=["o", "p"], threshold=0.5).transform(rows)
    assert (one["o"], one["p"]) == ([0.0, 0.0, 1.0], [0.0, 1.0, 1.0])


def test_null_and_nan_are_not_above_a_threshold():
    rows = pa.table({"x": [None, NAN, INF, -INF]})
    stage = Binarizer(inputCol="x", outputCol="o", threshold=-5.0)
    assert stage.transform(rows)["o"].to_pylist() == [0.0, 0.0, 1.0, 0.0]
    assert attributes_of(stage.transform(rows).schema.field("o")) == {"type": "binary"}


def test_below_zero_the_entries_that_are_not_stored_count():
    rows = {"v": [SparseVector(5, {1: -2.0}), SparseVector(5, {0: -1.0, 1: -1.0, 2: -1.0, 3: -1.0, 4: 1.0})]}
    found = Binarizer(inputCol="v", outputCol="o", threshold=-1.0).transform(rows)["o"]
    assert found == [DenseVector([1, 0, 1, 1, 1]), SparseVector(5, {4: 1.0})]
    assert [type(vector) for vector in found] == [DenseVector, SparseVector]


def test_thresholds_contradict_neither_the_threshold_nor_the_columns():
    rows = {"x": [1.0], "y": [2.0]}
    stage = Binarizer(inputCols=["x", "y"], outputCols=["o", "p"])
    with pytest.raises(InputError, match="2 inputCols need as many thresholds, got 1"):
        stage.copy().setThresholds([1.0]).transform(rows)
    with pytest.raises(InputError, match="set threshold or thresholds, not both"):
        stage.copy().setThresholds([1.0, 2.0]).setThreshold(0.0).transform(rows)
    with pytest.raises(SchemaError, match="column 's' is string, but a number or a vector is needed"):
        Binarizer(inputCol="s", outputCol="o").transform({"s": ["a"]})


def test_a_bucket_has_its_lower_bound_and_the_last_one_both():
    rows = {"x": [-1.0, -0.5, 0.0, 0.5, 0.75, 1.0]}
    stage = Bucketizer(splits=[-1.0, 0.0, 0.5, 1.0], inputCol="x", outputCol="b")
    assert stage.transform(rows)["b"] == [0.0, 0.0, 1.0, 2.0, 2.0, 2.0]
    field = stage.transform(pa.table(rows)).schema.field("b")
    assert labels_of(field) == ["-1.0, 0.0", "0.0, 0.5", "0.5, 1.0"]


def test_infinite_splits_take_every_number():
    stage = Bucketizer(splits=[-INF, 0.0, INF], inputCol="x", outputCol="b")
    assert stage.transform({"x": [-INF, -1e308, 0.0, INF]})["b"] == [0.0, 0.0, 1.0, 1.0]


@settings(deadline=None)
@given(
    st.lists(st.integers(-20, 20), min_size=3, max_size=8, unique=True),
    st.lists(st.floats(-25, 25), min_size=1, max_size=30),
)
def test_bucketing_is_that_of_numpy(bounds, numbers):
    splits = [-INF, *sorted(float(bound) for bound in bounds), INF]
    found = Bucketizer(splits=splits, inputCol="x", outputCol="b").transform(
        {"x": [n + 0.0 for n in numbers]}
    )
    assert found["b"] == (np.digitize(np.array(numbers) + 0.0, splits) - 1).tolist()


def test_nan_is_refused_skipped_or_kept_and_null_stays_null():
    rows = pa.table({"x": [0.5, NAN, None]})
    stage = Bucketizer(splits=[0.0, 1.0, 2.0], inputCol="x", outputCol="b")
    with pytest.raises(InputError, match=rf"{stage.uid}: column 'x' has NaN \(row 1 .*set handleInvalid"):
        stage.transform(rows)
    assert stage.copy().setHandleInvalid("skip").transform(rows)["b"].to_pylist() == [0.0]
    assert stage.copy().setHandleInvalid("keep").transform(rows)["b"].to_pylist() == [0.0, 2.0, None]
    assert stage.transform(pa.table({"x": pa.nulls(2)}))["b"].to_pylist() == [None, None]


def test_a_number_outside_the_splits_is_always_refused():
    for handling in ("error", "skip", "keep"):
        stage = Bucketizer(splits=[0.0, 1.0, 2.0], inputCol="x", outputCol="b", handleInvalid=handling)
        for number in (-0.1, 2.1, INF):
            with pytest.raises(InputError, match=rf"has {number} \(row 1 of its batch\), which is outside"):
                stage.transform({"x": [0.0, number]})


@pytest.mark.parametrize(
    "splits", [[0.0, 1.0], [0.0, 0.0, 1.0], [1.0, 0.0, 2.0], [0.0, NAN, 1.0], [-0.0, 0.0, 1.0]]
)
def test_splits_that_bound_no_buckets_are_refused(splits):
    with pytest.raises(InputError, match="splits must be at least three strictly increasing numbers"):
        Bucketizer(splits=splits)
    with pytest.raises(InputError, match="splitsArray must be lists of at least three"):
        Bucketizer(splitsArray=[[0.0, 1.0, 2.0], splits])


def test_every_column_needs_its_splits():
    stage = Bucketizer(splitsArray=[[0.0, 1.0, 2.0]], inputCols=["x", "y"], outputCols=["b", "c"])
    with pytest.raises(InputError, match="2 inputCols need as many lists in splitsArray, got 1"):
        stage.transform({"x": [0.0], "y": [0.0]})


@settings(deadline=None)
@given(st.lists(st.one_of(st.floats(-100, 100), st.just(NAN)), min_size=1, max_size=200), st.integers(2, 8))
def test_splits_are_numbers_of_the_right_rank(numbers, buckets):
    clean = np.sort([number + 0.0 for number in numbers if number == number])
    stage = QuantileDiscretizer(numBuckets=buckets, inputCol="x", outputCol="b", relativeError=0.0)
    if not len(clean):
        with pytest.raises(InputError, match="column 'x': there are no rows with a number in it"):
            stage.fit(pa.table({"x": numbers}))
        return
    ranks = np.ceil(np.arange(1, buckets) / buckets * len(clean)).astype(int)
    expected = sorted({-INF, *clean[np.maximum(ranks, 1) - 1], INF})
    assert stage.fit(pa.table({"x": numbers})).getSplits() == expected


def test_equal_quantiles_make_fewer_buckets_with_a_warning(caplog):
    stage = QuantileDiscretizer(numBuckets=5, inputCol="x", outputCol="b")
    with caplog.at_level(logging.WARNING):
        assert stage.fit({"x": [1.0, 1.0, 1.0]}).getSplits() == [-INF, 1.0, INF]
    assert "3 of the quantiles of column 'x' are equal, so there are 2 buckets" in caplog.text


def test_several_columns_have_buckets_of_their_own():
    rows = {"x": [float(i) for i in range(12)], "y": list(range(0, 36, 3))}
    stage = QuantileDiscretizer(
        numBucketsArray=[2, 4], inputCols=["x", "y"], outputCols=["b", "c"], handleInvalid="keep"
    )
    model = stage.fit(rows)
    assert model.getSplitsArray() == [[-INF, 5.0, INF], [-INF, 6.0, 15.0, 24.0, INF]]
    assert model.getHandleInvalid() == "keep"
    with pytest.raises(InputError, match="2 inputCols need as many numbers in numBucketsArray, got 1"):
        stage.setNumBucketsArray([3]).fit(rows)


def test_sparse_vectors_too_wide_to_be_dense_name_the_stage_and_the_remedy():
    rows = {"v": [SparseVector(2**31 - 1, {0: 1.0})] * 20_000}
    with pytest.raises(
        InputError, match=r"20000 rows at once need more memory .* select fewer features first"
    ):
        Binarizer(inputCol="v", outputCol="o", threshold=-1.0).transform(rows)
