import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fireside.core.errors import InputError, SchemaError
from fireside.ml.evaluation import ClusteringEvaluator
from fireside.ml.linalg import VectorBlock

RANDOM = np.random.default_rng(2)
POINTS = RANDOM.normal(size=(40, 3)) + 5 * RANDOM.integers(0, 3, (40, 1))
CLUSTERS = RANDOM.integers(0, 4, 40)


def table(points, clusters, **columns):
    features = VectorBlock.from_dense(np.ascontiguousarray(points)).to_arrow()
    return pa.table({"features": features, "prediction": clusters, **columns})


def silhouette(points, clusters, distance, weights=None):
    """The definition, pair by pair."""
    weights = np.ones(len(points)) if weights is None else weights
    distances = np.array([[distance(p, q) for q in points] for p in points])
    scores = []
    for i in range(len(points)):
        mine = clusters == clusters[i]
        if weights[mine].sum() <= weights[i]:
            scores.append(0.0)
            continue
        a = distances[i][mine] @ weights[mine] / (weights[mine].sum() - weights[i])
        b = min(
            np.average(distances[i][clusters == other], weights=weights[clusters == other])
            for other in set(clusters.tolist()) - {clusters[i]}
        )
        scores.append((b - a) / max(a, b) if max(a, b) > 0 else 0.0)
    return np.average(scores, weights=weights)


def squared(p, q):
    return ((p - q) ** 2).sum()


def cosine(p, q):
    return 1 - p @ q / np.linalg.norm(p) / np.linalg.norm(q)


@pytest.mark.parametrize(("measure", "distance"), [("squaredEuclidean", squared), ("cosine", cosine)])
def test_the_silhouette_is_its_definition(measure, distance, tmp_path):
    evaluator = ClusteringEvaluator(distanceMeasure=measure)
    expected = silhouette(POINTS, CLUSTERS, distance)
    rows = table(POINTS, CLUSTERS)
    assert evaluator.evaluate(rows) == pytest.approx(expected, rel=1e-10)
    pq.write_table(rows, tmp_path / "rows.parquet", row_group_size=7)
    assert evaluator.evaluate(tmp_path / "rows.parquet") == pytest.approx(expected, rel=1e-10)
    weights = RANDOM.uniform(0.5, 2, len(POINTS))
    evaluator.setWeightCol("w")
    weighted = evaluator.evaluate(table(POINTS, CLUSTERS, w=weights))
    assert weighted == pytest.approx(silhouette(POINTS, CLUSTERS, distance, weights), rel=1e-10)


@settings(deadline=None)
@given(
    arrays(np.float64, (6, 2), elements=st.sampled_from([0.0, 1.0, 2.0, 5.0])),
    st.permutations([0, 0, 1, 1, 2, 7]),
)
def test_ties_duplicates_and_single_rows_are_as_defined(points, clusters):
    clusters = np.array(clusters)
    expected = silhouette(points, clusters, squared)
    assert ClusteringEvaluator().evaluate(table(points, clusters)) == pytest.approx(expected, abs=1e-12)


def test_larger_is_better():
    evaluator = ClusteringEvaluator()
    apart = np.array([[0.0], [1.0], [50.0], [51.0]])
    good = evaluator.evaluate(table(apart, np.array([0, 0, 1, 1])))
    bad = evaluator.evaluate(table(apart, np.array([0, 1, 0, 1])))
    assert evaluator.isLargerBetter()
    assert good > 0.99 > 0 > bad


def test_one_cluster_and_missing_columns_are_refused():
    evaluator = ClusteringEvaluator()
    with pytest.raises(InputError, match="there is 1 cluster, but a silhouette needs at least two"):
        evaluator.evaluate(table(POINTS, np.zeros(40)))
    with pytest.raises(SchemaError, match=f"{evaluator.uid}: there is no column 'prediction'"):
        evaluator.evaluate(table(POINTS, CLUSTERS).select(["features"]))
    assert evaluator.evaluate(
        table(POINTS, CLUSTERS).rename_columns(["features", "p"]), {evaluator.predictionCol: "p"}
    ) == evaluator.evaluate(table(POINTS, CLUSTERS))


@pytest.mark.spark
@pytest.mark.parametrize("measure", ["squaredEuclidean", "cosine"])
def test_the_silhouette_is_that_of_spark(spark, measure):
    from pyspark.ml.evaluation import ClusteringEvaluator as SparkEvaluator

    from tests.ml.test_against_spark import assert_same_interface, spark_frame

    rows = table(POINTS, CLUSTERS.astype(float), w=RANDOM.uniform(0.5, 2, 40))
    frame = spark_frame(spark, rows)
    ours, theirs = (
        kind(distanceMeasure=measure, weightCol="w") for kind in (ClusteringEvaluator, SparkEvaluator)
    )
    expected = theirs.evaluate(frame)
    assert ours.evaluate(rows) == pytest.approx(expected, rel=1e-10)
    assert ours.evaluate(frame) == pytest.approx(expected, rel=1e-10)
    assert_same_interface(ours, theirs)
    assert {p.name: v for p, v in theirs._defaultParamMap.items()} == ours._defaultParamMap
