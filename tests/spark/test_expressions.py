"""Vectors, matrices, summaries and functions as parts of Spark's own frames and expressions."""

import numpy as np
import pandas as pd
import pytest

from fireside.ml import linalg
from fireside.ml.functions import array_to_vector, predict_batch_udf, vector_to_array
from fireside.ml.linalg import Vectors
from fireside.ml.stat import Summarizer

pytestmark = pytest.mark.spark


@pytest.fixture(params=["spark", "spark_connect"])
def session(request):
    """A classic session and one of Spark Connect."""
    return request.getfixturevalue(request.param)


def rows_with(vectors, matrices, sparse_matrix):
    return [
        (0, vectors.dense([1.0, 0.5]), matrices.dense(2, 1, [1.0, 2.0])),
        (
            1,
            vectors.sparse(2, {1: 3.0}),
            matrices.sparse(3, 2, [0, 1, 3], [0, 2, 1], [9.0, 6.0, 8.0]),
        ),
        (2, vectors.dense([]), sparse_matrix(2, 3, [0, 1, 2], [2, 0], [4.0, 5.0], True)),
        (3, None, None),
    ]


def test_rows_of_vectors_and_matrices_make_the_frame_that_they_make_with_pyspark_s(session):
    import pyspark.ml.linalg as theirs

    found, expected = (
        session.createDataFrame(
            rows_with(kind.Vectors, kind.Matrices, kind.SparseMatrix), ["id", "vector", "matrix"]
        )
        for kind in (linalg, theirs)
    )
    assert found.schema == expected.schema
    assert found.orderBy("id").collect() == expected.orderBy("id").collect()


def test_types_of_vectors_and_matrices_stand_in_schemas_and_equal_pyspark_s(session):
    import pyspark.ml.linalg as theirs
    from pyspark.sql.types import ArrayType, LongType, StructField, StructType

    def schema_of(kind):
        fields = [("id", LongType()), ("vector", kind.VectorUDT()), ("matrix", kind.MatrixUDT())]
        fields.append(("list", ArrayType(kind.VectorUDT())))
        return StructType([StructField(name, of) for name, of in fields])

    assert schema_of(linalg) == schema_of(theirs)
    assert linalg.VectorUDT() != linalg.MatrixUDT()
    assert hash(linalg.MatrixUDT()) == hash(theirs.MatrixUDT())
    # Rows of either kind, and of both, are stored under our types.
    found, expected = [], []
    for kind in (linalg, theirs):
        rows = rows_with(kind.Vectors, kind.Matrices, kind.SparseMatrix)
        found += [(*row, [row[1], Vectors.zeros(1)]) for row in rows]
        expected = [(*row, [row[1], theirs.Vectors.zeros(1)]) for row in rows] * 2
    ours = session.createDataFrame(found, schema_of(linalg))
    assert ours.schema == schema_of(theirs)
    assert (
        ours.orderBy("id").collect()
        == session.createDataFrame(expected, schema_of(theirs)).orderBy("id").collect()
    )


@pytest.mark.filterwarnings("ignore:createDataFrame attempted Arrow optimization:UserWarning")
@pytest.mark.filterwarnings("ignore:.*Arrow will not be used:UserWarning")
def test_a_pandas_frame_of_vectors_in_the_hand_becomes_spark_s(session):
    import pyspark.ml.linalg as theirs
    from pyspark.sql.types import StructField, StructType

    frame = pd.DataFrame({"v": [Vectors.dense(1.0, 2.0), Vectors.sparse(2, {0: 3.0})]})
    schema = StructType([StructField("v", linalg.VectorUDT())])
    # Spark Connect infers no type of objects, be they ours or pyspark's.
    found = session.createDataFrame(frame, *[schema] * ("connect" in type(session).__module__))
    assert found.schema["v"].dataType == theirs.VectorUDT()
    assert {repr(row.v) for row in found.collect()} == {repr(vector) for vector in frame["v"]}


def test_functions_of_spark_s_columns_are_spark_s_own_expressions(session):
    import pyspark.ml.linalg as theirs

    vectors = [Vectors.dense(1.0, -2.0), Vectors.sparse(3, {1: 0.1})]
    frame = session.createDataFrame(list(enumerate(vectors)), ["id", "v"])
    lists = frame.select(
        "id",
        vector_to_array(frame.v).alias("a"),
        vector_to_array(frame["v"], "float32").alias("b"),
        array_to_vector(vector_to_array(frame.v)).alias("w"),
    ).orderBy("id")
    assert [field.dataType.simpleString() for field in lists.schema][1:] == [
        "array<double>",
        "array<float>",
        "vector",
    ]
    rows = lists.collect()
    assert [row.a for row in rows] == [[1.0, -2.0], [0.0, 0.1, 0.0]]
    assert [row.b for row in rows] == [[1.0, -2.0], [0.0, float(np.float32(0.1)), 0.0]]
    assert [row.w for row in rows] == [theirs.Vectors.dense(row.a) for row in rows]


def test_a_model_predicts_columns_of_spark_inside_an_expression(session):
    def load():
        return lambda x, y: x + y.sum(axis=1)

    predict = predict_batch_udf(load, return_type="double", batch_size=2, input_tensor_shapes=[None, [2]])
    frame = session.createDataFrame([(1.0, [2.0, 3.0]), (4.0, [5.0, 6.0])], ["x", "y"])
    found = frame.withColumn("z", predict(frame.x, frame.y)).orderBy("x")
    assert [row.z for row in found.collect()] == [6.0, 15.0]


def test_a_summary_of_spark_s_columns_is_an_expression_that_equals_the_one_over_the_frame(spark):
    rows = [(1.0, Vectors.dense(1, 2)), (3.0, Vectors.dense(3, 2))]
    frame = spark.createDataFrame(rows, ["w", "x"])
    whole = Summarizer.metrics("mean", "count").summary
    assert (
        frame.select(whole(frame.x, frame.w).alias("s")).select("s.*").collect()
        == whole("x", "w").over(frame).collect()
    )
    assert (
        frame.select(Summarizer.max(frame.x).alias("max(x)")).collect()
        == Summarizer.max("x").over(frame).collect()
    )
