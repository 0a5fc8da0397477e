"""The same stages on the same rows, here and in pyspark."""

import importlib
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fireside.ml.base import Estimator
from fireside.ml.spark_name import spark_class_name
from tests.contracts.estimator_cases import CASES, Case

pytestmark = pytest.mark.spark

# Where Spark's result depends on its own random numbers, the cases are such that only one result is right.
CLUSTER_NUMBERS_ARE_FREE = {"KMeans", "KMeans cosine", "KMeans random weighted"}


def spark_frame(spark: Any, table: pa.Table) -> Any:
    from fireside.compute import TableDataset
    from fireside.compute.spark import to_frame

    return to_frame(TableDataset(table), spark.range(1))


def spark_stage(stage: Any) -> Any:
    """pyspark's stage of the same name, with the same params set."""
    module, _, name = spark_class_name(type(stage)).removeprefix("org.apache.spark.").rpartition(".")
    return getattr(importlib.import_module(f"pyspark.{module}"), name)(**stage._paramMap)


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
        assert ours == theirs


@pytest.mark.parametrize("name", CASES)
def test_a_stage_gives_what_it_gives_in_spark(spark, name):
    case = CASES[name]
    frame = spark_frame(spark, case.frame)
    ours = case.fitted(frame).transform(frame).orderBy("id")
    stage = spark_stage(case.stage())
    theirs = (stage.fit(frame) if case.is_estimator else stage).transform(frame).orderBy("id")
    assert ours.columns == theirs.columns
    assert [f.dataType for f in ours.schema] == [f.dataType for f in theirs.schema] or name.startswith("Hash")
    rows, expected = ([plain(list(row)) for row in found.collect()] for found in (ours, theirs))
    if name in CLUSTER_NUMBERS_ARE_FREE:
        rows, expected = renumbered(rows), renumbered(expected)
    assert_close(rows, expected, case.digits)


def renumbered(rows: list[Any]) -> list[Any]:
    """Rows whose last column, the cluster, is numbered by first appearance."""
    order = {cluster: place for place, cluster in enumerate(dict.fromkeys(row[-1] for row in rows))}
    return [[*row[:-1], order[row[-1]]] for row in rows]


@pytest.mark.parametrize("name", CASES)
def test_params_defaults_and_documented_names_are_those_of_pyspark(spark, name):
    ours = CASES[name].stage()
    theirs = spark_stage(ours)
    assert [p.name for p in ours.params] == [p.name for p in theirs.params]
    # pyspark hashes the class name with Python's salted hash, so its seed differs from run to run.
    expected = {p.name: v for p, v in theirs._defaultParamMap.items() if p.name != "seed"}
    found = {name: value for name, value in ours._defaultParamMap.items() if name != "seed"}
    expected = {k: v if k != "outputCol" else v.replace(theirs.uid, ours.uid) for k, v in expected.items()}
    assert found == expected
    assert type(ours).__name__ == type(theirs).__name__
    missing = {
        method
        for method in dir(theirs)
        if not method.startswith("_") and method not in dir(ours) and method not in dir(type(ours))
    }
    assert missing == set()


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.is_estimator])
def test_models_have_the_methods_and_attributes_of_pyspark(spark, name):
    case = CASES[name]
    ours = case.fitted(case.frame)
    theirs = spark_stage(case.stage()).fit(spark_frame(spark, case.frame))
    assert [p.name for p in ours.params] == [p.name for p in theirs.params]
    assert {m for m in dir(theirs) if not m.startswith("_")} - set(dir(ours)) == set()
    assert repr(ours).partition(":")[0] == repr(theirs).partition(":")[0]
    assert repr(ours).replace(ours.uid, "") == repr(theirs).replace(theirs.uid, "")
