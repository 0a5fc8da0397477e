"""The same stages on the same rows, here and in pyspark."""

import importlib
from typing import Any

import pyarrow as pa
import pytest

from fireside.ml.frame import open_frame
from fireside.ml.linalg import DenseVector, SparseVector, VectorBlock, is_vector_type
from fireside.ml.spark_name import spark_class_name
from tests.contracts.estimator_cases import CASES

pytestmark = pytest.mark.spark

# Where Spark's result depends on its own random numbers, the cases are such that only one result is right.
CLUSTER_NUMBERS_ARE_FREE = {"KMeans", "KMeans cosine", "KMeans random weighted"}
# A component may point either way: Spark's Java LAPACK and newer ones decide differently.
SIGNS_ARE_FREE = {"PCA", "PCA mixed"}


def spark_frame(spark: Any, table: pa.Table) -> Any:
    from fireside.compute import TableDataset
    from fireside.compute.spark import to_frame

    return to_frame(TableDataset(table), spark.range(1))


def spark_stage(stage: Any) -> Any:
    """pyspark's stage of the same name, with the same params set."""
    module, _, name = spark_class_name(type(stage)).removeprefix("org.apache.spark.").rpartition(".")
    params = {name: spark_value(value) for name, value in stage._paramMap.items()}
    # Not through the constructor: some of pyspark's leave params to their setters.
    return getattr(importlib.import_module(f"pyspark.{module}"), name)()._set(**params)


def spark_value(value: Any) -> Any:
    """A value of a param as pyspark takes it."""
    from pyspark.ml.linalg import Vectors as SparkVectors

    if isinstance(value, SparseVector):
        return SparkVectors.sparse(value.size, value.indices, value.values)
    return SparkVectors.dense(value.toArray()) if isinstance(value, DenseVector) else value


def plain(value: Any) -> Any:
    """A value of a Spark row, such that equality means equality of kind and content."""
    kind = type(value).__name__
    if kind == "DenseVector":
        return ("dense", len(value), (), tuple(value.values))
    if kind == "SparseVector":
        return ("sparse", value.size, tuple(value.indices), tuple(value.values))
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def assert_close(ours: Any, theirs: Any, digits: float) -> None:
    if isinstance(ours, (list, tuple)):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_close(one, other, digits)
    elif isinstance(ours, float) and digits:
        assert ours == pytest.approx(theirs, rel=digits, abs=1e-15, nan_ok=True)
    else:
        assert ours == theirs or (ours != ours and theirs != theirs)


@pytest.mark.parametrize("name", CASES)
def test_a_stage_gives_what_it_gives_in_spark(spark, name):
    from fireside.compute.spark.schema import spark_schema

    case = CASES[name]
    frame = spark_frame(spark, case.frame)
    model, stage = case.fitted(case.frame), spark_stage(case.stage())
    spark_model = stage.fit(frame) if case.is_estimator else stage
    assert_same_interface(model, spark_model)
    theirs = spark_model.transform(frame).orderBy("id")
    schema = spark_schema(model.transformSchema(open_frame(case.frame).schema))
    assert [(f.name, f.dataType) for f in schema] == [(f.name, f.dataType) for f in theirs.schema]
    for field, expected_field in zip(schema, theirs.schema, strict=True):
        assert_same_attributes(field.metadata.get("ml_attr"), expected_field.metadata.get("ml_attr"))
    rows = local_rows(model.transform(case.frame))
    expected = [plain(list(row)) for row in theirs.collect()]
    if name in CLUSTER_NUMBERS_ARE_FREE:
        rows, expected = renumbered(rows), renumbered(expected)
    if name in SIGNS_ARE_FREE:
        rows, expected = first_row_positive(rows), first_row_positive(expected)
    assert_close(rows, expected, case.digits)


def assert_same_interface(ours: Any, theirs: Any) -> None:
    """The same class, params, methods and attributes."""
    assert type(ours).__name__ == type(theirs).__name__
    assert [p.name for p in ours.params] == [p.name for p in theirs.params]
    assert {name for name in dir(theirs) if not name.startswith("_")} - set(dir(ours)) == set()
    assert repr(ours).replace(ours.uid, "") == repr(theirs).replace(theirs.uid, "")


def assert_same_attributes(ours: Any, theirs: Any) -> None:
    """Equal, except that Spark looks into the first row for the size of a vector, and writes empty lists."""
    if ours is not None:
        ours, theirs = ({k: v for k, v in side.items() if v != {}} for side in (ours, theirs))
        assert ours == theirs


def local_rows(table: pa.Table) -> list[Any]:
    """The rows of an Arrow table as `plain` has those of Spark."""
    columns = []
    for column in table.sort_by("id").columns:
        values = column.combine_chunks()
        if is_vector_type(values.type):
            vectors = iter(VectorBlock.from_arrow(values.drop_null()).to_vectors())
            columns.append([next(vectors) if valid else None for valid in values.is_valid().to_pylist()])
        elif pa.types.is_list(values.type) and is_vector_type(values.type.value_type):
            columns.append([[DenseVector(v["values"]) for v in row] for row in values.to_pylist()])
        else:
            columns.append(values.to_pylist())
    return [plain(list(row)) for row in zip(*columns, strict=True)]


def renumbered(rows: list[Any]) -> list[Any]:
    """Rows whose last column, the cluster, is numbered by first appearance."""
    order = {cluster: place for place, cluster in enumerate(dict.fromkeys(row[-1] for row in rows))}
    return [[*row[:-1], order[row[-1]]] for row in rows]


def first_row_positive(rows: list[Any]) -> list[Any]:
    """Rows that end in a dense vector; an entry that is negative in the first row changes its sign in all."""
    signs = [-1.0 if value < 0 else 1.0 for value in rows[0][-1][3]]
    return [
        [*row[:-1], [sign * value for sign, value in zip(signs, row[-1][3], strict=True)]] for row in rows
    ]


@pytest.mark.parametrize("name", CASES)
def test_params_defaults_and_documented_names_are_those_of_pyspark(spark, name):
    ours = CASES[name].stage()
    theirs = spark_stage(ours)
    # pyspark hashes the class name with Python's salted hash, so its seed differs from run to run.
    expected = {p.name: v for p, v in theirs._defaultParamMap.items() if p.name != "seed"}
    found = {name: value for name, value in ours._defaultParamMap.items() if name != "seed"}
    expected = {k: v if k != "outputCol" else v.replace(theirs.uid, ours.uid) for k, v in expected.items()}
    assert_close(sorted(found.items()), sorted(expected.items()), 0.0)
    assert_same_interface(ours, theirs)
