"""Evaluators against hand-solved cases, on every kind of frame, and against Spark."""

import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import mannwhitneyu

from fireside.core.errors import InputError, SchemaError
from fireside.ml.evaluation import (
    BinaryClassificationEvaluator,
    MulticlassClassificationEvaluator,
    MultilabelClassificationEvaluator,
    RankingEvaluator,
    RegressionEvaluator,
)
from fireside.ml.evaluation.multiclass_classification_evaluator import METRICS as MULTICLASS
from fireside.ml.evaluation.multilabel_classification_evaluator import METRICS as MULTILABEL
from fireside.ml.linalg import VectorBlock

RANKING = ["meanAveragePrecision", "meanAveragePrecisionAtK", "precisionAtK", "ndcgAtK", "recallAtK"]
REGRESSION = ["mse", "rmse", "r2", "mae", "var"]
random = np.random.default_rng(17)
N = 200
LABELS = random.integers(0, 3, N).astype(float)
PROBABILITIES = random.dirichlet([0.5, 0.5, 0.5], N)
LISTS = [random.integers(0, 6, random.integers(1, 6)).astype(float).tolist() for _ in range(2 * N)]
SCORES = random.integers(0, 40, N) / 40
CLASSES = pa.table(
    {
        "label": LABELS,
        "prediction": np.where(random.random(N) < 0.6, LABELS, random.integers(0, 4, N)),
        "probability": VectorBlock.from_dense(PROBABILITIES).to_arrow(),
        "w": random.uniform(0, 3, N),
    }
)
BINARY = pa.table(
    {
        "label": (SCORES + random.normal(0, 0.4, N) > 0.5).astype(float),
        "rawPrediction": VectorBlock.from_dense(np.stack([-SCORES, SCORES], axis=1)).to_arrow(),
        "score": SCORES,
        "w": random.uniform(0, 3, N),
    }
)
NUMBERS = pa.table(
    {"label": 9 + random.normal(size=N), "prediction": 9 + random.normal(size=N), "w": CLASSES["w"]}
)
PAIRS = pa.table({"label": LISTS[:N], "prediction": LISTS[N:]})

CASES = [
    *[(BinaryClassificationEvaluator(metricName=m, **more), BINARY)
      for m in ("areaUnderROC", "areaUnderPR")
      for more in ({}, {"weightCol": "w"}, {"rawPredictionCol": "score", "numBins": 7}, {"numBins": 0})],
    *[(MulticlassClassificationEvaluator(metricName=m, metricLabel=1.0, beta=2.0, **more), CLASSES)
      for m in MULTICLASS for more in ({}, {"weightCol": "w"})],
    *[(MultilabelClassificationEvaluator(metricName=m, metricLabel=2.0), PAIRS) for m in MULTILABEL],
    *[(RankingEvaluator(metricName=m, k=3), PAIRS) for m in RANKING],
    *[(RegressionEvaluator(metricName=m, throughOrigin=o, **more), NUMBERS)
      for m in REGRESSION for o in (True, False) for more in ({}, {"weightCol": "w"})],
]  # fmt: skip


def identity(case):
    return type(case).__name__ + str(sorted(case._paramMap.items())) if hasattr(case, "uid") else ""


@pytest.mark.parametrize(("evaluator", "rows"), CASES, ids=identity)
def test_streamed_rows_and_saved_evaluators_give_the_same_number(evaluator, rows, tmp_path):
    expected = evaluator.evaluate(rows)
    assert math.isfinite(expected)
    pq.write_table(rows, tmp_path / "rows.parquet", row_group_size=37)
    assert evaluator.evaluate(tmp_path / "rows.parquet") == pytest.approx(expected, rel=1e-12)
    evaluator.save(tmp_path / "saved")
    loaded = type(evaluator).load(tmp_path / "saved")
    assert loaded.evaluate(rows) == expected
    assert loaded.isLargerBetter() == evaluator.isLargerBetter()


@pytest.mark.spark
def test_every_number_is_that_of_spark(spark, tmp_path):
    import pyspark.ml.evaluation

    from tests.ml.test_against_spark import assert_same_interface, spark_frame

    frames = {}
    for evaluator, rows in CASES:
        frame = frames.setdefault(id(rows), spark_frame(spark, rows).coalesce(1).cache())
        kind = getattr(pyspark.ml.evaluation, type(evaluator).__name__)
        theirs = kind(**evaluator._paramMap)
        assert evaluator.evaluate(rows) == pytest.approx(theirs.evaluate(frame), rel=1e-10), (
            evaluator._paramMap
        )
        assert evaluator.isLargerBetter() == theirs.isLargerBetter()
        assert_same_interface(evaluator, theirs)
        assert {p.name: v for p, v in theirs._defaultParamMap.items()} == evaluator._defaultParamMap
    for evaluator, rows in CASES[:: len(CASES) // 9]:
        spread = spark_frame(spark, rows).repartition(3)
        assert evaluator.evaluate(spread) == pytest.approx(evaluator.evaluate(rows), rel=1e-10)
        evaluator.write().overwrite().save(tmp_path / "evaluator")
        theirs = getattr(pyspark.ml.evaluation, type(evaluator).__name__).load(str(tmp_path / "evaluator"))
        theirs.write().overwrite().save(str(tmp_path / "theirs"))
        assert type(evaluator).load(tmp_path / "theirs")._paramMap == evaluator._paramMap


def test_the_area_under_the_roc_curve_is_the_chance_that_a_positive_scores_higher():
    positive = BINARY["label"].to_numpy() == 1
    chance = mannwhitneyu(SCORES[positive], SCORES[~positive]).statistic / positive.sum() / (~positive).sum()
    for numBins in (0, 1000):
        evaluator = BinaryClassificationEvaluator(numBins=numBins)
        assert evaluator.evaluate(BINARY) == pytest.approx(chance, rel=1e-12)


def test_weights_count_like_repeated_rows():
    counts = np.tile([1, 2, 0, 3], N // 4)
    for evaluator, rows in CASES:
        if not evaluator.hasParam("weightCol") or evaluator.isSet("weightCol"):
            continue
        if evaluator.getMetricName() == "r2" and not evaluator.getThroughOrigin():
            continue  # the variance is for reliability weights, not for counts
        repeated = rows.take(pa.array(np.repeat(np.arange(N), counts)))
        weighted = rows.set_column(rows.column_names.index("w"), "w", pa.array(counts))
        found = evaluator.evaluate(weighted, {evaluator.weightCol: "w"})
        if not (isinstance(evaluator, BinaryClassificationEvaluator) and 0 < evaluator.getNumBins() < 50):
            assert found == pytest.approx(evaluator.evaluate(repeated), rel=1e-10)


@pytest.mark.parametrize(("label", "roc", "pr"), [(1.0, 1.0, 1.0), (0.0, 0.0, 0.0)])
def test_one_class_alone_gives_what_spark_gives(label, roc, pr):
    rows = {"label": [label, label], "rawPrediction": [0.1, 0.2]}
    assert BinaryClassificationEvaluator().evaluate(rows) == roc
    assert BinaryClassificationEvaluator(metricName="areaUnderPR").evaluate(rows) == pr
    multi = {"label": [label], "prediction": [label]}
    rate = MulticlassClassificationEvaluator(metricName="weightedFalsePositiveRate").evaluate(multi)
    assert math.isnan(rate)


def test_equal_scores_are_one_threshold():
    rows = {"label": [0, 1, 0, 1], "rawPrediction": [0.5] * 4}
    assert BinaryClassificationEvaluator().evaluate(rows) == 0.5
    assert BinaryClassificationEvaluator(metricName="areaUnderPR").evaluate(rows) == 0.5


def test_the_log_loss_is_finite_where_a_probability_is_0():
    probabilities = VectorBlock.from_dense(np.array([[0.0, 1.0], [0.25, 0.75]])).to_arrow()
    rows = pa.table({"label": [0.0, 1.0], "prediction": [1.0, 1.0], "probability": probabilities})
    found = MulticlassClassificationEvaluator(metricName="logLoss", eps=0.01).evaluate(rows)
    assert found == pytest.approx(-(math.log(0.01) + math.log(0.75)) / 2)
    with pytest.raises(InputError, match=r"2 probabilities, but a label is 2\.0"):
        MulticlassClassificationEvaluator(metricName="logLoss").evaluate(
            rows.set_column(0, "label", pa.array([2.0, 1.0]))
        )


# What Spark gives for each case, metric by metric in the order of METRICS; None where it fails, or we do not.
EDGES = {
    "no labels": (
        [[0.0, 1.0], [0.0]], [[], [0.0]],
        [0.5, 0.5, 1, 0.5, None, 0.5, 0.5, 1, 2 / 3, 1 / 3, 1, 0.5],
    ),
    "no predictions": (
        [[], [0.0]], [[0.0, 1.0], [0.0]],
        [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 1, 0.5, 2 / 3, 1, 1 / 3, 0.5],
    ),
    "twice": (
        [[0.0, 0.0, 1.0], [1.0, 1.0], [1.0, 0.0]], [[0.0, 1.0], [1.0, 1.0], [0.0, 1.0]],
        [1 / 3, 8 / 9, 1 / 6, 8 / 9, 1, 14 / 15, 2 / 3, 1, 0.8, 6 / 7, 1, 12 / 13],
    ),
    "neither": ([[], [0.0]], [[], [0.0]], [1, None, 0, 0.5, None, None, 1, 1, 1, 1, 1, 1]),
}  # fmt: skip


@pytest.mark.parametrize("name", EDGES)
def test_empty_and_repeated_labels_count_as_in_spark(name):
    predictions, labels, expected = EDGES[name]
    kind = pa.list_(pa.float64())
    rows = pa.table({"prediction": pa.array(predictions, kind), "label": pa.array(labels, kind)})
    for metric, value in zip(MULTILABEL, expected, strict=True):
        found = MultilabelClassificationEvaluator(metricName=metric).evaluate(rows)
        assert found == pytest.approx(math.nan if value is None else value, nan_ok=True), metric


def test_a_label_that_was_never_predicted_scores_0_and_one_that_never_occurs_is_refused():
    rows = {"prediction": [[1.0]], "label": [[0.0]]}
    for name in ("precisionByLabel", "recallByLabel", "f1MeasureByLabel"):
        assert MultilabelClassificationEvaluator(metricName=name).evaluate(rows) == 0
        evaluator = MultilabelClassificationEvaluator(metricName=name, metricLabel=1.0)
        with pytest.raises(InputError, match=r"no row has the label 1\.0: set metricLabel to one of 0\.0"):
            evaluator.evaluate(rows)
    evaluator = MulticlassClassificationEvaluator(metricName="precisionByLabel", metricLabel=7.0)
    with pytest.raises(InputError, match=r"no row has the label 7\.0"):
        evaluator.evaluate(CLASSES)


def test_rankings_are_scored_as_defined():
    rows = {"prediction": [[1.0, 6.0, 2.0, 7.0], [5.0]], "label": [[2.0, 1.0, 9.0], []]}
    expected = {
        "meanAveragePrecision": (1 + 2 / 3) / 3,
        "meanAveragePrecisionAtK": 1 / 2,
        "precisionAtK": 1 / 2,
        "recallAtK": 1 / 3,
        "ndcgAtK": 1 / (1 + math.log(2) / math.log(3)),
    }
    for name, score in expected.items():
        assert RankingEvaluator(metricName=name, k=2).evaluate(rows) == pytest.approx(score / 2)


def test_only_errors_and_losses_are_better_when_smaller():
    smaller = {(type(e).__name__, e.getMetricName()) for e, _ in CASES if not e.isLargerBetter()}
    assert smaller == {
        ("RegressionEvaluator", "mse"),
        ("RegressionEvaluator", "rmse"),
        ("RegressionEvaluator", "mae"),
        ("MulticlassClassificationEvaluator", "logLoss"),
        ("MulticlassClassificationEvaluator", "hammingLoss"),
        ("MulticlassClassificationEvaluator", "weightedFalsePositiveRate"),
        ("MulticlassClassificationEvaluator", "falsePositiveRateByLabel"),
        ("MultilabelClassificationEvaluator", "hammingLoss"),
    }


ONE_OF_EACH = {type(evaluator).__name__: (evaluator, rows) for evaluator, rows in CASES}


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_bad_rows_are_refused_with_stage_and_column(name):
    evaluator, rows = ONE_OF_EACH[name]
    label = rows.column_names.index("label")
    with pytest.raises(InputError, match=f"{evaluator.uid}: there are no rows to evaluate"):
        evaluator.evaluate(rows.slice(0, 0))
    with pytest.raises(SchemaError, match=f"{evaluator.uid}: there is no column 'label'"):
        evaluator.evaluate(rows.drop_columns(["label"]))
    with pytest.raises(SchemaError, match="column 'label' is string"):
        evaluator.evaluate(rows.set_column(label, "label", pa.array(["a"] * N)))
    kind = rows["label"].type
    holed = pa.concat_arrays([rows["label"].combine_chunks().slice(1), pa.nulls(1, kind)])
    with pytest.raises(InputError, match=f"{evaluator.uid}: column 'label' has a null"):
        evaluator.evaluate(rows.set_column(label, "label", holed))
    strange = [math.nan] * N if kind == pa.float64() else [[math.nan]] * N
    with pytest.raises(InputError, match=f"{evaluator.uid}: column 'label' has .*NaN"):
        evaluator.evaluate(rows.set_column(label, "label", pa.array(strange)))
    if evaluator.hasParam("weightCol"):
        bad = rows.set_column(rows.column_names.index("w"), "w", pa.array(np.full(N, -1.0)))
        with pytest.raises(InputError, match="'w' has a weight that is negative or infinite"):
            evaluator.evaluate(bad, {evaluator.weightCol: "w"})
