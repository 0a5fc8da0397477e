"""Imputer: what is filled in, into which types, in place, and where nothing can be learnt."""

import collections
import decimal
import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.compute import Solo, TableDataset
from fireside.core.errors import CheckpointError, InputError, SchemaError
from fireside.ml.feature import Imputer, ImputerModel
from fireside.ml.feature.imputer import column_modes

NAN = float("nan")
values = st.lists(st.sampled_from([None, NAN, -1.0, 0.0, 2.0, 2.5, 7.0]), min_size=1, max_size=30)


@settings(deadline=None)
@given(values, st.sampled_from(["mean", "median", "mode"]), st.sampled_from([NAN, 2.0]))
def test_what_is_missing_is_replaced_by_what_was_learnt(numbers, strategy, missing):
    rows = pa.table({"x": pa.array(numbers, pa.float64())})
    stage = Imputer(inputCol="x", outputCol="y", strategy=strategy, missingValue=missing)
    present = sorted(x for x in numbers if x is not None and x == x and x != missing)
    if not present:
        with pytest.raises(InputError, match="column 'x': there are no rows to fit to, all are null, NaN or"):
            stage.fit(rows)
        return
    often = collections.Counter(present)
    expected = {
        "mean": sum(present) / len(present),
        "median": present[(len(present) + 1) // 2 - 1],
        "mode": min(often, key=lambda x: (-often[x], x)),
    }[strategy]
    model = stage.fit(rows)
    assert model.surrogateDF["x"].to_pylist() == [pytest.approx(expected, rel=1e-14)]
    # NaN stays, where another value stands for what is missing.
    filled = [x is None or (x == missing) or (x != x and missing != missing) for x in numbers]
    found = model.transform(rows)["y"].to_pylist()
    surrogate = model.surrogateDF["x"][0].as_py()
    wanted = [surrogate if fill else x for fill, x in zip(filled, numbers, strict=True)]
    assert np.array_equal(found, wanted, equal_nan=True)


def test_columns_keep_their_types():
    rows = pa.table(
        {
            "i": pa.array([1, None, 4, 8], pa.int32()),
            "f": pa.array([None, 1.5, 2.0, 3.0], pa.float32()),
            "l": [None, 2**60 + 1, 1, 2],
            "d": pa.array([None, *map(decimal.Decimal, ("1.25", "1.50", "3.62"))], pa.decimal128(10, 2)),
        }
    )
    names = rows.column_names
    stage = Imputer(inputCols=names, outputCols=[f"{name}2" for name in names])
    found = stage.fit(rows).transform(rows)
    assert [found.schema.field(f"{name}2").type for name in names] == rows.schema.types
    assert found["i2"].to_pylist() == [1, 4, 4, 8]
    assert found["f2"].to_pylist() == [pytest.approx(6.5 / 3, rel=1e-6), 1.5, 2.0, 3.0]
    assert found["l2"].to_pylist()[1] == 2**60 + 1
    assert found["d2"].to_pylist()[0] == decimal.Decimal("2.12")


def test_a_column_can_be_filled_in_place_but_no_other_replaced():
    rows = pa.table({"x": [1.0, None], "y": [None, 3.0]})
    found = Imputer(inputCols=["x", "y"], outputCols=["x", "y"]).fit(rows).transform(rows)
    assert found.to_pydict() == {"x": [1.0, 1.0], "y": [3.0, 3.0]}
    with pytest.raises(SchemaError, match="column 'y' exists already"):
        Imputer(inputCol="x", outputCol="y").fit(rows)
    with pytest.raises(SchemaError, match="column 's' is string, but a number is needed"):
        Imputer(inputCol="s", outputCol="t").fit({"s": ["a"]})


def test_a_model_fills_only_the_columns_it_was_fitted_to():
    model = Imputer(inputCol="x", outputCol="y").fit({"x": [1.0], "z": [2.0]})
    with pytest.raises(InputError, match="was not fitted to column 'z', only to x: fit it again"):
        model.setInputCol("z").transform({"z": [None]})


def test_a_column_of_nulls_alone_is_filled():
    model = Imputer(inputCol="x", outputCol="y").fit({"x": [1.0]})
    assert model.transform({"x": [None, None]})["y"] == [1.0, 1.0]


def test_a_saved_model_needs_its_columns(tmp_path):
    Imputer(inputCol="x", outputCol="y").fit({"x": [1.0, 4.0]}).save(tmp_path / "model")
    loaded = ImputerModel.load(tmp_path / "model")
    assert loaded.surrogateDF.to_pydict() == {"x": [2.5]}
    assert loaded.transform({"x": [None]})["y"] == [2.5]
    part = next((tmp_path / "model" / "metadata").glob("part-*"))
    metadata = json.loads(part.read_text())
    metadata["paramMap"]["inputCol"] = "other"
    part.write_text(json.dumps(metadata))
    with pytest.raises(CheckpointError, match="has no column 'other', only x"):
        ImputerModel.load(tmp_path / "model")


def test_modes_are_counted_over_all_batches():
    table = pa.table({"x": [5.0, 1.0, 5.0, 1.0, 1.0, -0.0, 0.0]})
    rows = TableDataset(table, batch_rows=2)
    found = column_modes(Solo(), rows, ["x"], Imputer(inputCol="x", strategy="mode"))
    assert found["surrogates"].tolist() == [1.0]
