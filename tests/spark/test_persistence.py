"""What Spark has fitted and saved works here; and no class that can be saved is left out of these tests."""

import importlib
import inspect
from typing import Any

import pytest

from fireside.ml import evaluation, feature
from fireside.ml.evaluation import (
    BinaryClassificationEvaluator,
    ClusteringEvaluator,
    MulticlassClassificationEvaluator,
    MultilabelClassificationEvaluator,
    RankingEvaluator,
    RegressionEvaluator,
)
from fireside.ml.persistence.saving import Saveable
from fireside.ml.spark_name import fireside_class, spark_class_name
from tests.contracts.estimator_cases import CASES
from tests.ml.test_against_spark import assert_close, local_rows, plain, spark_frame, spark_stage

EVALUATORS = [
    BinaryClassificationEvaluator(metricName="areaUnderPR", labelCol="y", weightCol="w", numBins=7),
    ClusteringEvaluator(distanceMeasure="cosine", featuresCol="v", predictionCol="cluster"),
    MulticlassClassificationEvaluator(metricName="fMeasureByLabel", beta=0.5, metricLabel=2.0, eps=1e-9),
    MultilabelClassificationEvaluator(metricName="recallByLabel", metricLabel=1.0),
    RankingEvaluator(metricName="ndcgAtK", k=3, predictionCol="found"),
    RegressionEvaluator(metricName="r2", throughOrigin=True, weightCol="w"),
]
MODULES = ("feature", "classification", "regression", "clustering", "recommendation", "fpm", "evaluation")
INSIDE_OF_RFORMULA = {feature.ColumnPruner, feature.VectorAttributeRewriter}


def saveable_classes() -> set[type]:
    """The public classes that can be saved; those of tuning and pipelines have tests of their own."""
    found = set()
    for name in MODULES:
        try:
            module = importlib.import_module(f"fireside.ml.{name}")
        except ModuleNotFoundError:
            continue
        classes = (getattr(module, public) for public in module.__all__)
        found |= {cls for cls in classes if inspect.isclass(cls) and issubclass(cls, Saveable)}
    return found - {evaluation.Evaluator}


def test_every_class_that_can_be_saved_goes_to_spark_and_back_in_some_test():
    tested = {type(evaluator) for evaluator in EVALUATORS} | INSIDE_OF_RFORMULA
    for name, case in CASES.items():
        if " " not in name:
            tested |= {type(case.stage()), type(case.fitted(case.frame))}
    assert saveable_classes() - tested == set()


@pytest.mark.spark
@pytest.mark.parametrize("evaluator", EVALUATORS, ids=lambda evaluator: type(evaluator).__name__)
def test_an_evaluator_goes_to_spark_with_its_params_and_back(spark, evaluator, tmp_path):
    evaluator.save(tmp_path / "ours")
    theirs = type(spark_stage(evaluator)).load(str(tmp_path / "ours"))
    found = {param.name: theirs.getOrDefault(param) for param in theirs.params if theirs.isSet(param)}
    assert found == evaluator._paramMap
    assert theirs.isLargerBetter() == evaluator.isLargerBetter()
    theirs.save(str(tmp_path / "theirs"))
    back = type(evaluator).load(tmp_path / "theirs")
    assert (back.uid, back._paramMap) == (evaluator.uid, evaluator._paramMap)
    assert {name: value for name, value in back._defaultParamMap.items() if value == value} == {
        name: value for name, value in evaluator._defaultParamMap.items() if value == value
    }


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_what_spark_has_fitted_and_saved_gives_the_same_here(spark, name, tmp_path):
    case = CASES[name]
    frame, stage = spark_frame(spark, case.frame), spark_stage(case.stage())
    theirs: Any = stage.fit(frame) if case.is_estimator else stage
    theirs.save(str(tmp_path / "theirs"))
    ours = type(case.fitted(case.frame)).load(tmp_path / "theirs")
    assert ours.uid == theirs.uid
    expected = [plain(list(row)) for row in theirs.transform(frame).orderBy("id").collect()]
    assert_close(local_rows(ours.transform(case.frame)), expected, max(case.digits, 1e-12))


def test_every_class_that_can_be_saved_is_found_by_its_name_in_spark():
    for cls in saveable_classes():
        assert fireside_class(spark_class_name(cls)) is cls
