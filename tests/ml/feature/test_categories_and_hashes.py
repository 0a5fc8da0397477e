"""OneHotEncoder and FeatureHasher: by hand, against a plain loop, and where they refuse."""

import logging

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.core.errors import InputError, SchemaError
from fireside.ml import Pipeline
from fireside.ml.attributes import entries_of, nominal_field
from fireside.ml.feature import (
    Bucketizer,
    FeatureHasher,
    HashingTF,
    OneHotEncoder,
    OneHotEncoderModel,
    StringIndexer,
)
from fireside.ml.feature.bucket_sums import summed
from fireside.ml.feature.text.java_numbers import java_double
from fireside.ml.linalg import SparseVector, VectorBlock

NAN = float("nan")


@pytest.mark.parametrize(
    ("handling", "drop", "seen", "unseen"),
    [
        ("error", True, SparseVector(2, {}), None),
        ("error", False, SparseVector(3, {2: 1.0}), None),
        ("keep", True, SparseVector(3, {2: 1.0}), SparseVector(3, {})),
        ("keep", False, SparseVector(4, {2: 1.0}), SparseVector(4, {3: 1.0})),
    ],
)
def test_the_last_category_and_unseen_ones_are_dropped_kept_or_refused(handling, drop, seen, unseen):
    stage = OneHotEncoder(inputCol="i", outputCol="v", handleInvalid=handling, dropLast=drop)
    model = stage.fit({"i": [0.0, 1.0, 2.0]})
    assert model.categorySizes == [3]
    assert model.transform({"i": [2.0]})["v"] == [seen]
    for wrong in (3.0, -1.0):
        if unseen is None:
            with pytest.raises(
                InputError, match=rf"column 'i' has the index {wrong} \(row 1 .*0 to 2: leave"
            ):
                model.transform({"i": [0.0, wrong]})
        else:
            assert model.transform({"i": [wrong]})["v"] == [unseen]
    found = model.transform(pa.table({"i": [None, 1.0]}))["v"]
    assert found.is_null().to_pylist() == [True, False]


@settings(deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=20))
def test_encoding_is_a_row_of_the_identity(indices):
    model = OneHotEncoder(inputCol="i", outputCol="v", dropLast=False).fit({"i": indices})
    found = VectorBlock.from_arrow(model.transform(pa.table({"i": indices}))["v"]).to_dense()
    assert np.array_equal(found, np.eye(max(indices) + 1)[indices])


def test_labels_give_sizes_and_names_without_a_look_at_the_rows():
    rows = pa.table({"s": ["b", "a", "b", "c"]})
    pipeline = Pipeline(
        stages=[StringIndexer(inputCol="s", outputCol="i"), OneHotEncoder(inputCol="i", outputCol="v")]
    )
    field = pipeline.fit(rows).transform(rows).schema.field("v")
    assert [entry["name"] for entry in entries_of(field)] == ["b", "a"]
    assert {entry["type"] for entry in entries_of(field)} == {"binary"}
    described = pa.table({"i": [0.0]}).cast(
        pa.schema([nominal_field("i", pa.float64(), labels=["x", "y", "z"])])
    )
    assert OneHotEncoder(inputCol="i", outputCol="v").fit(described).categorySizes == [3]
    keep = OneHotEncoder(inputCol="i", outputCol="v", handleInvalid="keep", dropLast=False).fit(described)
    names = [entry["name"] for entry in entries_of(keep.transform(described).schema.field("v"))]
    assert names == ["x", "y", "z", "invalidValues"]
    with pytest.raises(SchemaError, match="has 3 categories in its metadata, but the model was fitted to 2"):
        OneHotEncoderModel([2]).setParams(inputCol="i", outputCol="v").transform(described)


def test_buckets_are_categories():
    rows = pa.table({"x": [0.5, 1.5]})
    bucketed = Bucketizer(splits=[0.0, 1.0, 2.0, 3.0], inputCol="x", outputCol="b").transform(rows)
    encoded = OneHotEncoder(inputCol="b", outputCol="v", dropLast=False).fit(bucketed).transform(bucketed)
    assert [entry["name"] for entry in entries_of(encoded.schema.field("v"))] == [
        "0.0, 1.0",
        "1.0, 2.0",
        "2.0, 3.0",
    ]


def test_what_is_no_category_cannot_be_fitted():
    for wrong in (-1.0, 0.5, NAN, float("inf"), 2.0**31):
        with pytest.raises(InputError, match=rf"column 'i' has {wrong} \(row 1 .*which is no index"):
            OneHotEncoder(inputCol="i").fit(pa.table({"i": [0.0, wrong]}))
    with pytest.raises(SchemaError, match="column 's' is string, but a number"):
        OneHotEncoder(inputCol="s").fit({"s": ["a"]})
    single = pa.table({"i": [0.0]}).cast(pa.schema([nominal_field("i", pa.float64(), labels=["x"])]))
    with pytest.raises(
        SchemaError, match="has 1 categories, so that nothing is left to encode: set dropLast"
    ):
        OneHotEncoder(inputCol="i", outputCol="v").fit(single).transform(single)


def test_a_model_has_a_size_for_each_column():
    with pytest.raises(InputError, match="was fitted to 1 columns, but there are 2 inputCols"):
        OneHotEncoderModel([2]).setParams(inputCols=["a", "b"], outputCols=["c", "d"]).transform(
            {"a": [0.0], "b": [0.0]}
        )


table = st.fixed_dictionaries(
    {
        "x": st.one_of(st.none(), st.sampled_from([0.0, 1.5, -2.0, 1e9])),
        "n": st.one_of(st.none(), st.integers(-3, 3)),
        "b": st.one_of(st.none(), st.booleans()),
        "s": st.one_of(st.none(), st.sampled_from(["", "a", "é", "a=b"])),
    }
)


@settings(deadline=None)
@given(st.lists(table, min_size=1, max_size=8), st.integers(1, 40), st.booleans())
def test_hashing_is_that_of_a_plain_loop(rows, size, categorical):
    columns = {"x": pa.float64(), "n": pa.int64(), "b": pa.bool_(), "s": pa.string()}
    frame = pa.table({name: pa.array([row[name] for row in rows], kind) for name, kind in columns.items()})
    stage = FeatureHasher(inputCols=list(columns), outputCol="v", numFeatures=size)
    if categorical:
        stage.setCategoricalCols(["x", "n"])
    bucket = HashingTF(numFeatures=size).indexOf
    expected = np.zeros((len(rows), size))
    for place, row in enumerate(rows):
        for name, value in row.items():
            if value is None:
                continue
            if name in ("x", "n") and not categorical:
                expected[place, bucket(name)] += value
                continue
            text = java_double(value) if name == "x" else str(value).lower() if name == "b" else value
            expected[place, bucket(f"{name}={text}")] += 1
    assert np.allclose(VectorBlock.from_arrow(stage.transform(frame)["v"]).to_dense(), expected)


def test_hashed_zeros_are_stored_and_sums_go_from_left_to_right():
    buckets = np.array([[1, 1, 1, 0], [2, 3, 3, 2]], np.int32)
    values = np.array([[1e16, 1.0, -1e16, 0.0], [0.0, 1.0, 1.0, 1.0]])
    found = summed(buckets.T, values.T, 3)
    assert [repr(vector) for vector in found.to_vectors()] == [
        "SparseVector(3, {0: 0.0, 1: 0.0})",
        "SparseVector(3, {2: 1.0})",
    ]


def test_categories_of_columns_that_are_not_hashed_are_pointed_out(caplog):
    stage = FeatureHasher(inputCols=["x"], outputCol="v", numFeatures=4, categoricalCols=["y"])
    with caplog.at_level(logging.WARNING):
        assert stage.transform({"x": [2.0]})["v"] == [
            SparseVector(4, {HashingTF(numFeatures=4).indexOf("x"): 2.0})
        ]
    assert "categoricalCols has 'y', which is none of inputCols" in caplog.text
    with pytest.raises(SchemaError, match="column 'x' is list<item: double>, but a number, a boolean or"):
        stage.transform({"x": [[1.0]]})
