"""Random rows and params, here and in pyspark: every class of `feature`, `stat` and `evaluation`.

What is an error there is one here, and the other way round; everything else is equal, to rounding. An example
that fails is not made smaller, since each attempt is several jobs of Spark.
"""

import importlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, assume, given, note, settings
from hypothesis import strategies as st

import fireside.ml.evaluation
import fireside.ml.feature
import fireside.ml.stat
from fireside.core.errors import FiresideError
from fireside.ml.base import Estimator
from fireside.ml.frame import open_frame, return_frame
from tests.ml.test_against_spark import plain, spark_stage
from tests.properties.random_stages import (
    BOOL,
    CATEGORY,
    NUMBER,
    PROBLEMS,
    WITHOUT,
    Problem,
    floats,
    many,
    num_rows,
    problems,
    table,
    vectors,
)

pytestmark = [pytest.mark.spark, pytest.mark.slow]

SOME = settings(
    max_examples=10,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
ROW_METADATA = b"org.apache.spark.sql.parquet.row.metadata"
REL, ABS = 1e-9, 1e-11


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("frames")


def spark_frame(spark: Any, rows: pa.Table, folder: Path) -> Any:
    """The rows as Spark reads them from Parquet, in one partition; no Python process of Spark takes part."""
    from fireside.compute.spark.schema import spark_schema

    path = folder / f"{len(list(folder.iterdir()))}.parquet"
    rows = open_frame(rows).to_table()
    schema = spark_schema(rows.schema).json().encode()
    pq.write_table(rows.replace_schema_metadata({ROW_METADATA: schema}), path)
    return spark.read.parquet(str(path))


def outcome(run: Any, failures: type[Exception]) -> Any:
    """What a function returns, or `None` where it fails."""
    try:
        return run()
    except failures as error:
        note(f"{type(error).__name__}: {str(error)[:500]}")
        return None


def same(ours: Any, theirs: Any, rel: float) -> bool:
    if isinstance(ours, list | tuple):
        return len(ours) == len(theirs) and all(same(*pair, rel) for pair in zip(ours, theirs, strict=True))
    if isinstance(ours, float) and isinstance(theirs, float):
        return ours == pytest.approx(theirs, rel=rel, abs=ABS, nan_ok=True)
    return bool(ours == theirs)


def assert_same_outcome(ours: Any, theirs: Any, rel: float = REL) -> None:
    assert (ours is None) == (theirs is None), f"an error {'here' if ours is None else 'in Spark'} alone"
    if ours is not None and not same(ours, theirs, rel):
        first = next((pair for pair in zip(ours, theirs, strict=False) if not same(*pair, rel)), None)
        pytest.fail(f"{len(ours)} rows here, {len(theirs)} in Spark; the first that differ: {first}")


def test_every_class_of_stages_has_problems():
    models = [name for name in fireside.ml.feature.__all__ if name.endswith("Model")]
    # These two are parts that RFormula saves.
    inner = {"ColumnPruner", "VectorAttributeRewriter"}
    stages = set(fireside.ml.feature.__all__) - set(models) - inner
    assert stages == {*PROBLEMS, *WITHOUT} - {"NaiveBayes"}


@pytest.mark.parametrize("name", PROBLEMS)
@SOME
@given(data=st.data())
def test_a_stage_does_what_it_does_in_spark(spark, folder, name, data):
    problem = data.draw(problems(name))
    note(f"{problem.stage._paramMap}\nfitted to {problem.train.to_pylist()}\nrows {problem.rows.to_pylist()}")
    ours = outcome(lambda: here(problem), FiresideError)
    theirs = outcome(lambda: there(problem, spark, folder), Exception)
    # Where a feature does not vary within a class, Spark's variance is (e + x x) - x x with a small e, and
    # most of its digits are lost.
    gaussian = name == "NaiveBayes" and problem.stage.getModelType() == "gaussian"
    assert_same_outcome(canonical(name, ours), canonical(name, theirs), 1e-4 if gaussian else REL)


def here(problem: Problem) -> tuple[Any, Any]:
    stage = problem.stage
    model = stage.fit(problem.train) if isinstance(stage, Estimator) else stage
    # Vectors in the hand, which may be of several sizes.
    rows = return_frame(open_frame(model.transform(problem.rows)), [{}])
    return model, [plain(list(row.values())) for row in rows]


def there(problem: Problem, spark: Any, folder: Path) -> tuple[Any, Any]:
    frame = spark_frame(spark, problem.rows, folder)
    model = spark_stage(problem.stage)
    if isinstance(problem.stage, Estimator):
        train = frame if problem.fitted_to is None else spark_frame(spark, problem.fitted_to, folder)
        model = model.fit(train)
    rows = model.transform(frame).collect()
    return model, [plain(list(row)) for row in sorted(rows, key=lambda row: row["id"])]


def canonical(name: str, found: tuple[Any, Any] | None) -> Any:
    """The rows, in a form that leaves out what is free."""
    if found is None:
        return None
    model, rows = found
    if name == "CountVectorizer":
        # Words that occur equally often come in any order.
        return [
            [*row[:-1], sorted(zip(map(model.vocabulary.__getitem__, row[-1][2]), row[-1][3], strict=True))]
            for row in rows
        ]
    if name == "PCA":
        # A component may point either way.
        return [[*row[:-1], [abs(value) for value in row[-1][3]]] for row in rows]
    return rows


@st.composite
def labelled(draw: Any) -> pa.Table:
    """Vectors of categories and of numbers, labels and weights."""
    rows, size = num_rows(draw, 3), draw(st.integers(1, 4))
    return table(
        c=vectors(draw, size, rows, CATEGORY),
        v=vectors(draw, size, rows),
        x=floats(many(draw, NUMBER, rows)),
        y=floats(many(draw, CATEGORY, rows)),
        w=floats(many(draw, st.sampled_from([0.0, 0.5, 1.0, 3.0]), rows)),
    )


STATISTICS = {
    "ChiSquareTest": lambda stat, rows, draw: stat.ChiSquareTest.test(rows, "c", "y", draw["flag"]),
    "KolmogorovSmirnovTest": lambda stat, rows, draw: stat.KolmogorovSmirnovTest.test(
        rows, "x", "norm", 0.5, draw["scale"]
    ),
    "Correlation": lambda stat, rows, draw: stat.Correlation.corr(
        rows, "v", "spearman" if draw["flag"] else "pearson"
    ),
}


@pytest.mark.parametrize("name", STATISTICS)
@SOME
@given(rows=labelled(), flag=BOOL, scale=st.sampled_from([0.5, 1.0, 20.0]))
def test_a_statistic_is_that_of_spark(spark, folder, name, rows, flag, scale):
    params, frame = {"flag": flag, "scale": scale}, spark_frame(spark, rows, folder)
    their_module, statistic = importlib.import_module("pyspark.ml.stat"), STATISTICS[name]
    ours = outcome(lambda: statistic_rows(statistic(fireside.ml.stat, rows, params)), FiresideError)
    theirs = outcome(lambda: statistic_rows(statistic(their_module, frame, params)), Exception)
    assert_same_outcome(ours, theirs)


def statistic_rows(frame: Any) -> list[Any]:
    """The rows of a frame of statistics; matrices are lists of rows."""
    if isinstance(frame, pa.Table):
        rows = [list(row.values()) for row in return_frame(open_frame(frame), [{}])]
    else:
        rows = [list(row) for row in frame.collect()]
    # Spark leaves the order of the rows of features to a shuffle.
    return sorted([[entries(value) for value in row] for row in rows], key=lambda row: str(row[0]))


def entries(value: Any) -> Any:
    return value.toArray().tolist() if hasattr(value, "toArray") else value


@SOME
@given(rows=labelled(), weighted=BOOL, data=st.data())
def test_a_summary_is_that_of_spark(spark, folder, rows, weighted, data):
    from pyspark.ml.stat import Summarizer as SparkSummarizer
    from pyspark.sql.functions import col

    from fireside.ml.stat.summarizer import METRICS

    metrics = data.draw(st.lists(st.sampled_from(METRICS), unique=True, min_size=1))
    frame = spark_frame(spark, rows, folder)
    weight = [col("w")] if weighted else []
    theirs = outcome(
        lambda: statistic_rows(
            frame.select(SparkSummarizer.metrics(*metrics).summary(col("v"), *weight).alias("s")).select(
                "s.*"
            )
        ),
        Exception,
    )
    ours = outcome(
        lambda: statistic_rows(
            fireside.ml.stat.Summarizer.metrics(*metrics).summary("v", "w" if weighted else None).over(rows)
        ),
        FiresideError,
    )
    assert_same_outcome(ours, theirs)


def test_every_statistic_is_compared():
    # `MultivariateGaussian` is a pair of values; its density is compared with scipy's.
    known = {*STATISTICS, "Summarizer", "SummaryBuilder", "MultivariateGaussian"}
    assert set(fireside.ml.stat.__all__) <= known


@st.composite
def evaluations(draw: Any, name: str) -> tuple[Any, pa.Table]:
    """An evaluator and rows for it."""
    rows = num_rows(draw, 2)
    weights = floats(many(draw, st.sampled_from([0.5, 1.0, 2.0]), rows))
    evaluator = getattr(fireside.ml.evaluation, name)()
    metric = evaluator.getParam("metricName")
    weight = {"weightCol": "w"} if evaluator.hasParam("weightCol") and draw(BOOL) else {}
    metrics = METRICS[name]
    evaluator._set(**{metric.name: draw(st.sampled_from(metrics))}, **weight)
    if name == "RegressionEvaluator":
        evaluator._set(throughOrigin=draw(BOOL))
        data = table(
            prediction=floats(many(draw, NUMBER, rows)), label=floats(many(draw, NUMBER, rows)), w=weights
        )
    elif name == "BinaryClassificationEvaluator":
        evaluator._set(numBins=draw(st.sampled_from([0, 2, 1000])))
        label = st.sampled_from([0.0, 1.0])
        score = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
        if draw(BOOL):
            raw: Any = floats(many(draw, score, rows))
        else:
            raw = vectors(draw, 2, rows, score)
        data = table(rawPrediction=raw, label=floats(many(draw, label, rows)), w=weights)
    elif name == "MulticlassClassificationEvaluator":
        evaluator._set(metricLabel=draw(CATEGORY), beta=draw(st.sampled_from([0.5, 1.0, 2.0])))
        shares = st.sampled_from([[1.0, 0.0, 0.0], [0.2, 0.3, 0.5], [0.4, 0.4, 0.2]])
        data = table(
            prediction=floats(many(draw, CATEGORY, rows)),
            label=floats(many(draw, CATEGORY, rows)),
            probability=[fireside.ml.linalg.DenseVector(row) for row in many(draw, shares, rows)],
            w=weights,
        )
    elif name == "ClusteringEvaluator":
        evaluator._set(distanceMeasure=draw(st.sampled_from(["squaredEuclidean", "cosine"])))
        data = table(
            features=vectors(
                draw, draw(st.integers(1, 3)), rows, st.sampled_from([1.0, 2.0, 5.0, -3.0]), dense=True
            ),
            prediction=pa.array(many(draw, st.integers(0, 2), rows), pa.int32()),
            w=weights,
        )
    else:
        items = st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0]), unique=True, max_size=4)
        kind = pa.list_(pa.float64())
        if name == "RankingEvaluator":
            evaluator._set(k=draw(st.integers(1, 5)))
        else:
            evaluator._set(metricLabel=draw(CATEGORY))
        predicted, labels = many(draw, items, rows), many(draw, items, rows)
        if evaluator.getMetricName().endswith("ByLabel"):
            # Of a label that is never predicted rightly Spark fails to look up how often it was.
            which = evaluator.getMetricLabel()
            right = any(which in pair[0] and which in pair[1] for pair in zip(predicted, labels, strict=True))
            assume(right or not any(which in row for row in labels))
        data = table(prediction=pa.array(predicted, kind), label=pa.array(labels, kind))
    return evaluator, data


METRICS = {
    "BinaryClassificationEvaluator": ["areaUnderROC", "areaUnderPR"],
    "ClusteringEvaluator": ["silhouette"],
    "MulticlassClassificationEvaluator": list(
        fireside.ml.evaluation.multiclass_classification_evaluator.METRICS
    ),
    "MultilabelClassificationEvaluator": list(
        fireside.ml.evaluation.multilabel_classification_evaluator.METRICS
    ),
    "RankingEvaluator": [
        "meanAveragePrecision",
        "meanAveragePrecisionAtK",
        "precisionAtK",
        "ndcgAtK",
        "recallAtK",
    ],
    "RegressionEvaluator": ["rmse", "mse", "mae", "r2", "var"],
}


@pytest.mark.parametrize("name", METRICS)
@SOME
@given(data=st.data())
def test_a_metric_is_that_of_spark(spark, folder, name, data):
    evaluator, rows = data.draw(evaluations(name))
    note(f"{evaluator._paramMap}\n{rows.to_pylist()}")
    frame = spark_frame(spark, rows, folder)
    theirs = getattr(importlib.import_module("pyspark.ml.evaluation"), name)()._set(**evaluator._paramMap)
    ours = outcome(lambda: [float(evaluator.evaluate(rows))], FiresideError)
    assert_same_outcome(ours, outcome(lambda: [float(theirs.evaluate(frame))], Exception))


def test_every_evaluator_is_compared():
    assert set(fireside.ml.evaluation.__all__) - {"Evaluator"} == set(METRICS)
