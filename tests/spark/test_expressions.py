"""Vectors and summaries as parts of Spark's own expressions."""

import pytest

from fireside.ml.linalg import Vectors
from fireside.ml.stat import Summarizer

pytestmark = pytest.mark.spark


def test_rows_of_vectors_make_the_frame_that_they_make_with_pyspark_s(spark):
    from pyspark.ml.linalg import Vectors as SparkVectors

    found, expected = (
        spark.createDataFrame(
            [(0, kind.dense([1.0, 0.5])), (1, kind.sparse(2, {1: 3.0})), (2, None)], ["id", "x"]
        )
        for kind in (Vectors, SparkVectors)
    )
    assert found.schema == expected.schema
    assert found.collect() == expected.collect()


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
