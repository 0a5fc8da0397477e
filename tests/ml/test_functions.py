"""Functions of columns: on columns in the hand, on frames, and against Spark."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fireside.core.errors import InputError, SchemaError
from fireside.ml.functions import array_to_vector, predict_batch_udf, vector_to_array
from fireside.ml.linalg import DenseVector, SparseVector, VectorBlock
from fireside.ml.spark_types import arrow_type

VECTORS = [
    DenseVector([1.0, -2.0]),
    SparseVector(4, {1: 3.0, 3: 0.5}),
    None,
    DenseVector([]),
    SparseVector(2, {}),
]
LISTS = [[1.0, -2.0], [0.0, 3.0, 0.0, 0.5], None, [], [0.0, 0.0]]


def test_vectors_become_lists_in_every_kind_of_column():
    column = VectorBlock.arrow_from_vectors(VECTORS)
    assert vector_to_array(column).to_pylist() == LISTS
    assert vector_to_array(column.slice(1, 3)).to_pylist() == LISTS[1:4]
    assert vector_to_array(pa.chunked_array([column, column])).to_pylist() == LISTS * 2
    assert vector_to_array(column, "float32").type == pa.list_(pa.float32())
    assert vector_to_array(VECTORS) == LISTS
    series = vector_to_array(pd.Series(VECTORS[:2], index=[7, 8], name="v"))
    assert (series.name, list(series.index)) == ("v", [7, 8])
    assert [list(row) for row in series] == LISTS[:2]
    assert vector_to_array(pl.Series("v", column)).to_list() == LISTS


def test_lists_become_dense_vectors():
    found = array_to_vector(LISTS)
    assert found == [None if row is None else DenseVector(row) for row in LISTS]
    assert all(isinstance(vector, DenseVector) for vector in found if vector is not None)
    integers = array_to_vector(pa.array([[1, 2], None]))
    assert vector_to_array(integers).to_pylist() == [[1.0, 2.0], None]


@pytest.mark.parametrize("kind", ["pandas", "pyarrow", "parquet"])
def test_frames_get_another_column(kind, tmp_path):
    table = pa.table({"v": VectorBlock.arrow_from_vectors(VECTORS[:2])})
    frame = table
    if kind == "pandas":
        frame = table.to_pandas()
    if kind == "parquet":
        pq.write_table(table, tmp_path / "rows.parquet")
        frame = tmp_path / "rows.parquet"
    lists = vector_to_array("v").over(frame, "a")
    back = array_to_vector("a").over(lists, "w")
    column = back["w"].tolist() if kind == "pandas" else None
    if column is None:
        column = VectorBlock.from_arrow((back.to_table() if kind == "parquet" else back)["w"].slice(1))
        assert column.to_dense().tolist() == [LISTS[1]]
    else:
        assert column == [DenseVector(row) for row in LISTS[:2]]
    with pytest.raises(SchemaError, match="column 'v' exists already"):
        vector_to_array("v").over(frame, "v")
    with pytest.raises(SchemaError, match="no column 'x'"):
        vector_to_array("x").over(frame, "a")


def test_what_is_no_vector_is_refused():
    with pytest.raises(InputError, match="needs a column of vectors, got int64"):
        vector_to_array(pa.array([1]))
    with pytest.raises(InputError, match="needs a column of lists of numbers, got string"):
        array_to_vector(pa.array(["a"]))
    with pytest.raises(InputError, match="a list has a null in it"):
        array_to_vector(pa.array([[1.0, None]]))
    with pytest.raises(InputError, match="dtype must be one of float64, float32, got 'int'"):
        vector_to_array("v", "int")


def sums():
    def make():
        # Inside a function, so that it travels to Spark's workers, which do not have the tests.
        def predict(x, t):
            assert len(x) <= 2
            return {"sum": x + t.sum(axis=(1, 2)), "double": t.reshape(len(t), -1) * 2}

        return predict

    return predict_batch_udf(
        make,
        return_type="struct<sum:double,double:array<float>>",
        batch_size=2,
        input_tensor_shapes=[None, [2, 1]],
    )


ROWS = pa.table({"x": [1, 2, 3], "t": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]})
PREDICTED = [
    {"sum": x + sum(t), "double": [2 * v for v in t]}
    for x, t in zip([1, 2, 3], ROWS["t"].to_pylist(), strict=True)
]


def test_models_see_arrays_in_batches_and_their_results_are_columns():
    assert sums()("x", "t").over(ROWS, "y")["y"].to_pylist() == PREDICTED
    rows = predict_batch_udf(
        lambda: lambda x: [{"a": v, "b": np.array([v, v])} for v in x],
        return_type=pa.struct([("a", pa.float32()), ("b", pa.list_(pa.int32()))]),
        batch_size=5,
    )
    assert rows("x").over(ROWS, "y")["y"].to_pylist()[2] == {"a": 3.0, "b": [3, 3]}
    loads = []
    matrix = predict_batch_udf(
        lambda: loads.append(1) or (lambda t: t @ np.ones((2, 1))), return_type="float", batch_size=1,
        input_tensor_shapes={0: [2]},
    )  # fmt: skip
    assert matrix("t").over(ROWS, "y")["y"].to_pylist() == [3.0, 7.0, 11.0]
    assert loads == [1]


def test_models_that_do_not_fit_are_named():
    def over(result, kind="double", columns=("x",), shapes=None):
        udf = predict_batch_udf(lambda: result, return_type=kind, batch_size=9, input_tensor_shapes=shapes)
        return udf(*columns).over(ROWS, "y")

    with pytest.raises(InputError, match="takes 1 arrays, but got 2 columns"):
        over(lambda x: x, columns=("x", "t"))
    with pytest.raises(InputError, match="a column of lists needs its shape"):
        over(lambda x: x, columns=("t",))
    with pytest.raises(InputError, match=r"every list must have 3 numbers, for the shape \[3\]"):
        over(lambda x: x, columns=("t",), shapes=[[3]])
    with pytest.raises(InputError, match="has 2 shapes for 1 columns"):
        over(lambda x: x, columns=("t",), shapes=[[2], None])
    with pytest.raises(InputError, match=r"returned the shape \(1,\), not \(3,\)"):
        over(lambda x: x[:1])
    with pytest.raises(InputError, match=r"returned the shape \(3,\), not \(3, D\)"):
        over(lambda x: x, kind="array<double>")
    with pytest.raises(InputError, match="returned the names b, not a"):
        over(lambda x: {"b": x}, kind="struct<a:int>")
    with pytest.raises(InputError, match="batch_size must be at least 1"):
        predict_batch_udf(lambda: len, return_type="float", batch_size=0)
    for wrong in ("map<int,int>", 3):
        with pytest.raises(InputError, match="is no type"):
            arrow_type(wrong)


@pytest.mark.spark
def test_functions_do_on_spark_what_those_of_spark_do(spark):
    import pyspark.ml.functions as theirs
    from pyspark.sql.types import ArrayType, FloatType

    from tests.ml.test_against_spark import plain, spark_frame

    frame = spark_frame(
        spark, pa.table({"v": VectorBlock.arrow_from_vectors([v for v in VECTORS if v is not None])})
    )
    for dtype in ("float64", "float32"):
        ours = vector_to_array("v", dtype).over(frame, "a")
        expected = frame.withColumn("a", theirs.vector_to_array("v", dtype))
        assert [plain(list(row)) for row in ours.collect()] == [
            plain(list(row)) for row in expected.collect()
        ]
        assert ours.schema["a"].dataType.simpleString() == expected.schema["a"].dataType.simpleString()
        back = array_to_vector("a").over(ours, "w").collect()
        assert back == expected.withColumn("w", theirs.array_to_vector("a")).collect()
    rows = spark_frame(spark, ROWS)
    assert sorted(row.y.sum for row in sums()("x", "t").over(rows, "y").collect()) == [4.0, 9.0, 14.0]
    assert arrow_type(ArrayType(FloatType())) == pa.list_(pa.float32())
