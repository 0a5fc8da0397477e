import json

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from fireside.compute import Dataset
from fireside.core.errors import InputError
from fireside.ml.feature import Binarizer, Normalizer, VectorAssembler
from fireside.ml.linalg import DenseVector, SparseVector, VectorBlock, Vectors
from fireside.ml.linalg.pandas_vectors import VectorArray

VECTORS = [DenseVector([3.0, 4.0]), SparseVector(2, {1: 2.0}), DenseVector([0.0, 0.0])]
UNIT = [DenseVector([0.6, 0.8]), SparseVector(2, {1: 1.0}), DenseVector([0.0, 0.0])]
NUMBERS = {"a": [1.0, 2.0], "b": [3.0, 4.0]}


def normalizer():
    return Normalizer(inputCol="v", outputCol="unit")


def test_vectors_in_the_hand_go_through_pandas_and_lists():
    frame = pd.DataFrame({"name": ["x", "y", "z"], "v": pd.Series(VECTORS, dtype=object)})
    found = normalizer().transform(frame)
    assert isinstance(found, pd.DataFrame)
    assert list(found.columns) == ["name", "v", "unit"]
    assert list(found["unit"]) == UNIT
    assert [type(vector) for vector in found["unit"]] == [type(vector) for vector in UNIT]
    assert normalizer().transform({"v": VECTORS})["unit"] == UNIT
    rows = normalizer().transform([{"v": vector, "name": "n"} for vector in VECTORS])
    assert rows == [{"v": v, "name": "n", "unit": u} for v, u in zip(VECTORS, UNIT, strict=True)]


def test_a_pandas_column_of_vectors_can_be_transformed_again():
    first = normalizer().transform(pd.DataFrame({"v": VECTORS}))
    again = Normalizer(inputCol="unit", outputCol="more").transform(first)
    assert [vector.norm(2) for vector in again["more"]] == pytest.approx([1.0, 1.0, 0.0])


def test_arrays_and_lists_of_numbers_are_vectors_too():
    frame = pd.DataFrame({"v": [np.array([3.0, 4.0]), np.array([0.0, 2.0])]})
    assert list(normalizer().transform(frame)["unit"]) == [DenseVector([0.6, 0.8]), DenseVector([0.0, 1.0])]
    polars = normalizer().transform(pl.DataFrame({"v": [[3.0, 4.0]]}))
    assert polars["unit"].struct.field("values").to_list() == [[0.6, 0.8]]


def test_each_kind_of_frame_comes_back_as_itself(tmp_path):
    stage = VectorAssembler(inputCols=["a", "b"], outputCol="v")
    table = pa.table(NUMBERS)
    expected = [DenseVector([1.0, 3.0]), DenseVector([2.0, 4.0])]

    def vectors(frame):
        return VectorBlock.from_arrow(pa.table(frame)["v"]).to_vectors()

    for frame in (table, table.to_batches()[0], pl.DataFrame(NUMBERS)):
        found = stage.transform(frame)
        assert type(found) is type(frame)
        assert vectors(found) == expected
    relation = stage.transform(duckdb.from_arrow(table))
    assert isinstance(relation, duckdb.DuckDBPyRelation)
    assert vectors(relation.to_arrow_table()) == expected
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1,3\n2,4\n")
    streamed = stage.transform(path)
    assert isinstance(streamed, Dataset)
    assert vectors(streamed) == expected


def test_a_vector_column_behaves_as_a_pandas_column():
    series = pd.Series(VectorArray.of([*VECTORS, None]))
    assert str(series.dtype) == "vector"
    assert series[0] == VECTORS[0]
    assert series[3] is None
    assert series.isna().tolist() == [False, False, False, True]
    assert list(series[series.notna()]) == VECTORS
    assert list(series.iloc[[2, 0]]) == [VECTORS[2], VECTORS[0]]
    assert list(series.iloc[1:3]) == VECTORS[1:]
    assert list(pd.concat([series, series]).iloc[3:5]) == [None, VECTORS[0]]
    assert series.reindex([0, 9]).isna().tolist() == [False, True]
    assert (series == VECTORS[0]).tolist() == [True, False, False, False]
    assert series.copy().array.nbytes == series.array.nbytes > 0
    assert pa.array(series).type == VectorBlock.arrow_from_vectors([]).type
    with pytest.raises(TypeError):
        hash(series.array)


def test_a_pandas_frame_of_vectors_survives_parquet(tmp_path):
    frame = pd.DataFrame({"v": VectorArray.of(VECTORS)})
    frame.to_parquet(tmp_path / "frame.parquet")
    found = normalizer().transform(tmp_path / "frame.parquet")
    assert VectorBlock.from_arrow(found.to_table()["unit"]).to_vectors() == UNIT


def test_pandas_finds_one_vector_in_each_cell():
    frame = pd.DataFrame({"v": VectorArray.of([*VECTORS, VECTORS[0]]), "a": [1, 2, 3, 1]})
    assert frame["v"].to_numpy().shape == (4,)
    assert frame["v"].astype(object).tolist() == [*VECTORS, VECTORS[0]]
    assert frame["v"].map(len).tolist() == [len(vector) for vector in [*VECTORS, VECTORS[0]]]
    assert [row["v"] for _, row in frame.iterrows()] == [*VECTORS, VECTORS[0]]
    assert frame.to_dict("list")["v"] == [*VECTORS, VECTORS[0]]
    assert list(frame["v"].unique()) == VECTORS
    assert len(frame.drop_duplicates()) == 3
    assert str(VECTORS[0]) in repr(frame)
    assert len(json.loads(frame.to_json())["v"]) == 4
    assert frame.to_csv().count("\n") == 5


def test_vectors_of_a_pandas_column_can_be_set():
    series = pd.Series(VectorArray.of(VECTORS))
    series[1] = VECTORS[0]
    assert list(series) == [VECTORS[0], VECTORS[0], VECTORS[2]]
    series[[True, False, True]] = None
    assert series.isna().tolist() == [True, False, True]
    series.iloc[:2] = VectorArray.of(VECTORS[1:])
    assert list(series)[:2] == VECTORS[1:]
    assert list(series.where(np.array([True, False, False]))) == [VECTORS[1], None, None]
    with pytest.raises(InputError, match="3 vectors cannot be set to 2: give one, or as many"):
        series.array[:] = VECTORS[:2]


def test_pandas_reads_vectors_from_parquet(tmp_path):
    frame = pd.DataFrame({"v": VectorArray.of([*VECTORS, None])})
    frame.to_parquet(tmp_path / "frame.parquet")
    assert list(pd.read_parquet(tmp_path / "frame.parquet")["v"]) == [*VECTORS, None]


def test_columns_that_no_stage_touches_keep_their_pandas_types():
    frame = pd.DataFrame(
        {
            "v": VectorArray.of(VECTORS),
            "id": pd.array([2**53 + 1, None, 3], dtype="Int64"),
            "kind": pd.Categorical(["a", None, "b"], categories=["b", "a"], ordered=True),
            "text": pd.array(["x", None, "y"], dtype="string"),
            "flag": pd.array([True, None, False], dtype="boolean"),
            "month": pd.period_range("2020-01", periods=3, freq="M"),
        }
    )
    found = normalizer().transform(frame).drop(columns="unit")
    pd.testing.assert_frame_equal(found, frame)


def test_columns_that_no_stage_touches_keep_their_polars_types():
    kinds = {"kind": pl.Categorical, "rank": pl.Enum(["low", "high"]), "small": pl.UInt8}
    frame = pl.DataFrame(
        {"x": [1.0, 2.0], "kind": ["a", "b"], "rank": ["low", "high"], "small": [1, 2]},
        schema_overrides=kinds,
    )
    found = Binarizer(inputCol="x", outputCol="o").transform(frame)
    assert found.drop("o").equals(frame)
    assert found.drop("o").schema == frame.schema


def test_an_iterator_is_a_column():
    stage = Binarizer(inputCol="x", outputCol="o", threshold=1.5)
    assert stage.transform({"x": iter([1.0, 2.0, 3.0])}) == {"x": [1.0, 2.0, 3.0], "o": [0.0, 1.0, 1.0]}


def test_what_is_missing_among_vectors_of_pandas_is_null():
    for missing in (None, float("nan"), pd.NA):
        frame = pd.DataFrame({0: pd.Series([missing, VECTORS[0]], dtype=object)})
        with pytest.raises(InputError, match="column '0' has a null vector in row 0"):
            Normalizer(inputCol="0", outputCol="unit").transform(frame)


def test_vectors_of_pyspark_are_vectors():
    from pyspark.ml import linalg

    theirs = [linalg.Vectors.dense(3, 4), linalg.Vectors.sparse(2, {1: 2.0})]
    stage = Normalizer(inputCol="v", outputCol="o")
    expected = [Vectors.dense(0.6, 0.8), Vectors.sparse(2, {1: 1.0})]
    assert stage.transform({"v": theirs})["o"] == expected
    assert list(stage.transform(pd.DataFrame({"v": theirs}))["o"]) == expected
