"""What is Spark's alone: plans, partitions, types, lost processes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from fireside.compute import Collective, Dataset, as_dataset, gang, like, map_batches
from fireside.compute.schema import VECTOR_TYPE
from fireside.core.errors import CollectiveError, ConfigError, SchemaError

pytestmark = pytest.mark.spark


def sizes(collective: Collective, rows: Dataset) -> dict[str, Any]:
    return {"rows": collective.allgather(np.array([rows.num_rows]))}


@pytest.fixture(autouse=True)
def by_value() -> None:
    """Executors cannot import this module, so its functions are shipped whole."""
    import sys

    from pyspark import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])


def test_a_chain_of_maps_is_one_step_of_the_plan(spark: Any) -> None:
    data = as_dataset(spark.range(10))
    for _ in range(3):
        data = map_batches(data, lambda batch: batch, data.schema)
    plan = data.frame._jdf.queryExecution().executedPlan().toString()
    assert plan.count("MapInArrow") == 1
    assert data.to_table()["id"].to_pylist() == list(range(10))


def test_a_selection_reaches_the_source(spark: Any, tmp_path: Any) -> None:
    spark.range(5).selectExpr("id", "id * 2 as `twice.as much`", "id * 3 as c").write.parquet(
        str(tmp_path / "t")
    )
    data = as_dataset(spark.read.parquet(str(tmp_path / "t"))).select(["twice.as much"])
    plan = data.frame._jdf.queryExecution().executedPlan().toString()
    assert "ReadSchema: struct<twice.as much:bigint>" in plan
    assert sorted(data.to_table()["twice.as much"].to_pylist()) == [0, 2, 4, 6, 8]


def test_partitions_beyond_the_slots_are_spread_over_the_slots(spark: Any) -> None:
    rows = gang(as_dataset(spark.range(100).repartition(7)), sizes)["rows"]
    assert len(rows) == 2
    assert sum(int(count[0]) for count in rows) == 100


@pytest.mark.parametrize("plan", ["union", "limit", "coalesce", "sorted", "cached union"])
def test_plans_that_allow_no_barrier_are_spread_first(spark: Any, plan: str) -> None:
    frame = {
        "union": lambda: spark.range(4).union(spark.range(6)),
        "limit": lambda: spark.range(100).limit(10),
        "coalesce": lambda: spark.range(10).repartition(4).coalesce(2),
        "sorted": lambda: spark.range(10).orderBy("id"),
        "cached union": lambda: spark.range(4).union(spark.range(6)).coalesce(2).cache(),
    }[plan]()
    rows = gang(as_dataset(frame), sizes)["rows"]
    assert sum(int(count[0]) for count in rows) == 10
    frame.unpersist()


def test_a_cached_frame_that_fits_stays_where_it_is(spark: Any) -> None:
    frame = spark.range(100).where("id < 30").cache()
    frame.count()
    # Spread anew the rows would be 15 and 15; in place all lie in the first of the two partitions.
    rows = gang(as_dataset(frame).select(["id"]), sizes)["rows"]
    assert [int(count[0]) for count in rows] == [30, 0]
    frame.unpersist()


def test_the_size_of_a_gang_can_be_set(spark: Any) -> None:
    spark.conf.set("spark.fireside.gang.size", "1")
    try:
        assert [int(count[0]) for count in gang(as_dataset(spark.range(9)), sizes)["rows"]] == [9]
        spark.conf.set("spark.fireside.gang.size", "many")
        with pytest.raises(ConfigError, match=r"gang\.size must be a number of tasks, .* got 'many'"):
            gang(as_dataset(spark.range(9)), sizes)
    finally:
        spark.conf.unset("spark.fireside.gang.size")


def test_a_process_that_dies_is_reported_and_the_next_gang_runs(spark: Any) -> None:
    def die(collective: Collective, rows: Dataset) -> dict[str, Any]:
        import os

        if collective.rank == 1:
            os._exit(1)
        collective.barrier()
        return {}

    data = as_dataset(spark.range(10))
    with pytest.raises(CollectiveError, match="die: the Spark stage failed: Python worker exited"):
        gang(data, die)
    assert len(gang(data, sizes)["rows"]) == 2


def test_ranks_that_do_not_make_the_same_calls_are_told(spark: Any) -> None:
    def early(collective: Collective, rows: Dataset) -> dict[str, Any]:
        if collective.rank == 0:
            collective.barrier()
        return {}

    with pytest.raises(
        CollectiveError, match="rank 1 had already returned: all ranks must make the same calls"
    ):
        gang(as_dataset(spark.range(10)), early)


@pytest.mark.parametrize("session", ["spark", "spark_connect"])
def test_vectors_pass_both_ways_as_spark_s_own_type(session: str, request: pytest.FixtureRequest) -> None:
    from pyspark.ml.linalg import Vectors, VectorUDT

    spark = request.getfixturevalue(session)
    vectors = [Vectors.dense([1.0, 2.0]), Vectors.sparse(2, [1], [3.0])]
    frame = spark.createDataFrame([(0, vectors[0]), (1, vectors[1])], ["id", "v"])
    data = as_dataset(frame)
    assert data.schema.field("v").type == VECTOR_TYPE
    assert data.to_table()["v"].to_pylist() == [
        {"type": 1, "size": None, "indices": None, "values": [1.0, 2.0]},
        {"type": 0, "size": 2, "indices": [1], "values": [3.0]},
    ]
    mapped = map_batches(data, lambda batch: batch, data.schema)
    for back in (like(mapped, frame), like(as_dataset(data.to_table()), frame)):
        assert back.schema["v"].dataType == VectorUDT()
        assert [row["v"] for row in back.orderBy("id").collect()] == vectors


@pytest.mark.parametrize("session", ["spark", "spark_connect"])
def test_null_vectors_pass_both_ways(session: str, request: pytest.FixtureRequest) -> None:
    from pyspark.ml.linalg import Vectors, VectorUDT
    from pyspark.sql.types import StructField, StructType

    spark = request.getfixturevalue(session)
    vectors = [Vectors.dense([1.0, 2.0]), None, Vectors.sparse(2, [1], [3.0])]
    schema = StructType([StructField("v", VectorUDT())])
    data = as_dataset(spark.createDataFrame([(vector,) for vector in vectors], schema))
    found = [
        {"type": 1, "size": None, "indices": None, "values": [1.0, 2.0]},
        None,
        {"type": 0, "size": 2, "indices": [1], "values": [3.0]},
    ]
    mapped = map_batches(data, lambda batch: batch, data.schema)
    for rows in (data, mapped, as_dataset(like(as_dataset(data.to_table()), data.frame))):
        assert sorted(rows.to_table()["v"].to_pylist(), key=str) == sorted(found, key=str)


def test_types_pass_both_ways(spark: Any) -> None:
    frame = spark.sql(
        """select 1Y as tiny, 2S as small, 3 as int, 4L as big, 1.5F as f, 2.5D as d, 'x' as s, X'0102' as b,
        true as flag, date'2024-02-29' as day, timestamp'2024-02-29 12:00:00.123456' as moment,
        timestamp_ntz'2024-02-29 12:00:00' as local_moment, array(1, null) as list,
        map('a', 1.0D) as map, struct(1 as p, array('q') as r) as nested, 12.34BD as money"""
    )
    data = as_dataset(frame)
    row = data.to_table().to_pylist()[0]
    assert row == next(data.batches()).to_pylist()[0]
    assert row["list"] == [1, None]
    assert row["nested"] == {"p": 1, "r": ["q"]}
    mapped = like(map_batches(data, lambda batch: batch, data.schema), frame)
    assert mapped.collect() == frame.collect()
    assert [field.dataType.simpleString() for field in mapped.schema] == [
        field.dataType.simpleString() for field in frame.schema
    ]


def test_metadata_of_columns_pass_both_ways(spark: Any) -> None:
    metadata = {"ml_attr": {"type": "nominal", "vals": ["a", "b"]}}
    frame = spark.range(3).withMetadata("id", metadata)
    data = as_dataset(frame)
    assert like(as_dataset(data.to_table()), frame).schema["id"].metadata == metadata
    mapped = map_batches(data, lambda batch: batch, data.schema)
    assert like(mapped, frame).schema["id"].metadata == metadata


def test_a_type_that_spark_lacks_is_named_before_anything_runs(spark: Any) -> None:
    schema = pa.schema([("count", pa.uint8())])
    with pytest.raises(SchemaError, match="column 'count' is uint8, which Spark has no type for"):
        map_batches(as_dataset(spark.range(3)), lambda batch: batch, schema)


def test_a_local_data_set_becomes_a_frame_of_the_session_it_came_from(spark: Any) -> None:
    table = pa.table({"word": ["a", "b"], "n": pa.array([1, None], pa.int32())})
    frame = like(as_dataset(table), spark.range(1))
    assert frame.sparkSession is spark
    assert frame.toArrow().equals(table)


def test_a_whole_column_is_summed_alike_by_spark_and_by_a_gang(spark: Any) -> None:
    frame = spark.range(10_000).selectExpr("id", "sin(id) as x", "cast(id % 7 as string) as key")

    def total(collective: Collective, rows: Dataset) -> dict[str, Any]:
        x = rows.to_table()["x"]
        return {"total": collective.allreduce(np.array(pc.sum(x).as_py() or 0.0))}

    expected = frame.selectExpr("sum(x) as total").collect()[0]["total"]
    assert float(gang(as_dataset(frame), total)["total"]) == pytest.approx(expected, rel=1e-12)


def test_libsvm_files_are_read_as_spark_reads_them(spark: Any) -> None:
    import pyspark

    path = Path(pyspark.__file__).parent / "data" / "mllib" / "sample_libsvm_data.txt"
    ours = as_dataset(path, format="libsvm")
    frame = spark.read.format("libsvm").load(str(path))
    theirs = as_dataset(frame)
    assert ours.to_table().equals(theirs.to_table())
    found = json.loads(theirs.schema.field("features").metadata[b"SPARK::metadata::json"])
    assert str(found["numFeatures"]).encode() == ours.schema.field("features").metadata[b"numFeatures"]


def test_names_that_differ_in_case_alone_are_refused_where_spark_does_not_see_it(spark: Any) -> None:
    rows = spark.range(3).withColumnRenamed("id", "v")
    schema = pa.schema([("v", pa.int64()), ("V", pa.int64())])

    def twice(batch: pa.RecordBatch) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays([batch.column(0)] * 2, schema=schema)

    with pytest.raises(SchemaError, match="the columns 'v' and 'V' differ in case alone"):
        map_batches(as_dataset(rows), twice, schema)
    spark.conf.set("spark.sql.caseSensitive", "true")
    try:
        found = like(map_batches(as_dataset(rows), twice, schema), rows)
        assert [row["V"] for row in found.collect()] == [0, 1, 2]
    finally:
        spark.conf.set("spark.sql.caseSensitive", "false")
