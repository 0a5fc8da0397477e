import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.core.errors import InputError
from fireside.ml.clustering import KMeans
from fireside.ml.clustering.kmeans_parallel import weighted_kmeans
from fireside.ml.clustering.row_hash import row_hashes, uniform
from fireside.ml.linalg import DenseVector, SparseVector, VectorBlock

RANDOM = np.random.default_rng(8)
CENTRES = np.array([[0.0, 0.0, 0.0], [10.0, 0.0, 0.0], [0.0, 10.0, 5.0], [0.0, 0.0, -12.0]])
POINTS = np.concatenate([centre + RANDOM.normal(0, 1, (60, 3)) for centre in CENTRES])


def table(array, *, sparse=False, **columns):
    vectors = [
        SparseVector(len(row), np.flatnonzero(row), row[np.flatnonzero(row)]) if sparse else DenseVector(row)
        for row in array
    ]
    return pa.table({"features": VectorBlock.arrow_from_vectors(vectors), **columns})


def sorted_centres(model):
    return np.array(sorted(centre.tolist() for centre in model.clusterCenters()))


def lloyd(points, centres, iterations, weights=None):
    """The textbook, row by row."""
    weights = np.ones(len(points)) if weights is None else weights
    for _ in range(iterations):
        nearest = [min(range(len(centres)), key=lambda k: sum((p - centres[k]) ** 2)) for p in points]
        centres = np.array(
            [
                np.average(points[np.equal(nearest, k)], axis=0, weights=weights[np.equal(nearest, k)])
                for k in range(len(centres))
            ]
        )
    return centres


def test_well_separated_clusters_are_found_with_their_means_and_cost():
    model = KMeans(k=4, seed=1).fit(table(POINTS))
    means = np.array([POINTS[60 * k : 60 * k + 60].mean(axis=0) for k in range(4)])
    assert np.allclose(sorted_centres(model), sorted(means.tolist()), rtol=0, atol=1e-12)
    cost = sum(((POINTS[60 * k : 60 * k + 60] - means[k]) ** 2).sum() for k in range(4))
    assert model.summary.trainingCost == pytest.approx(cost, rel=1e-12)
    assert model.summary.clusterSizes == [60] * 4
    assert model.summary.k == 4
    assert model.summary.numIter <= 20
    clusters = model.transform(table(POINTS))["prediction"].to_numpy().reshape(4, 60)
    assert (clusters == clusters[:, :1]).all()
    assert len(set(clusters[:, 0].tolist())) == 4
    assert model.summary.cluster.to_table()["prediction"].to_pylist() == clusters.reshape(-1).tolist()
    assert model.summary.predictions.column_names == ["features", "prediction"]
    assert [model.predict(point) for point in POINTS[::60]] == clusters[:, 0].tolist()


@pytest.mark.parametrize("init", ["k-means||", "random"])
def test_the_model_does_not_depend_on_order_batches_or_sparsity(init, tmp_path):
    estimator = KMeans(k=6, seed=3, initMode=init, maxIter=5)
    rounded = np.round(POINTS)
    expected = estimator.fit(table(rounded))
    shuffled = RANDOM.permutation(rounded)
    pq.write_table(table(shuffled), tmp_path / "rows.parquet", row_group_size=50)
    for rows in (table(shuffled), table(shuffled, sparse=True), str(tmp_path / "rows.parquet")):
        model = estimator.fit(rows)
        assert np.allclose(model.clusterCenters(), expected.clusterCenters(), rtol=0, atol=1e-12)
        assert model.summary.trainingCost == pytest.approx(expected.summary.trainingCost)
        assert model.summary.clusterSizes == expected.summary.clusterSizes


def test_seeds_decide_and_equal_seeds_agree():
    noise = np.random.default_rng(0).uniform(size=(200, 4))

    def cost(seed):
        return KMeans(k=8, seed=seed, maxIter=2).fit(table(noise)).summary.trainingCost

    assert len({cost(seed) for seed in range(6)}) > 1
    assert cost(3) == cost(3)


def test_a_weight_counts_as_so_many_rows():
    weights = RANDOM.integers(0, 4, len(POINTS))
    repeated = np.repeat(POINTS, weights, axis=0)
    weighted = KMeans(k=4, seed=2, weightCol="w").fit(table(POINTS, w=weights))
    plain = KMeans(k=4, seed=2).fit(table(repeated))
    assert np.allclose(sorted_centres(weighted), sorted_centres(plain), atol=1e-12)
    assert weighted.summary.trainingCost == pytest.approx(plain.summary.trainingCost)


def test_iterations_are_those_of_lloyd():
    noise = np.random.default_rng(3).uniform(size=(80, 2))
    start = KMeans(k=3, seed=9, maxIter=0).fit(table(noise))
    assert start.summary.trainingCost == 0.0
    for iterations in (1, 4):
        model = KMeans(k=3, seed=9, maxIter=iterations, tol=0.0).fit(table(noise))
        expected = lloyd(noise, np.array(start.clusterCenters()), iterations)
        assert np.allclose(model.clusterCenters(), expected, atol=1e-13)
        assert model.summary.numIter == iterations


def test_a_far_origin_costs_no_digits():
    near = KMeans(k=4, seed=1).fit(table(POINTS))
    far = KMeans(k=4, seed=1).fit(table(POINTS + 1e8))
    assert far.summary.trainingCost == pytest.approx(near.summary.trainingCost, rel=1e-6)


def test_cosine_clusters_are_directions():
    angles = np.concatenate([RANDOM.normal(angle, 0.05, 30) for angle in (0.3, 1.5)])
    lengths = RANDOM.uniform(0.1, 50, len(angles))
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1) * lengths[:, None]
    model = KMeans(k=2, seed=1, tol=1e-14, distanceMeasure="cosine").fit(table(rows))
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    means = np.array([unit[:30].mean(axis=0), unit[30:].mean(axis=0)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    assert np.allclose(sorted_centres(model), sorted(means.tolist()), atol=1e-12)
    cost = (1 - unit[:30] @ means[0]).sum() + (1 - unit[30:] @ means[1]).sum()
    assert model.summary.trainingCost == pytest.approx(cost, rel=1e-9)
    assert model.predict([100.0, 30.0]) == model.predict([1.0, 0.3])


def test_fewer_distinct_rows_than_clusters_give_fewer_clusters():
    model = KMeans(k=5, seed=1).fit(table(np.repeat([[1.0, 2.0], [3.0, 4.0]], 4, axis=0)))
    assert sorted_centres(model).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert model.summary.trainingCost == 0.0


@pytest.mark.parametrize(
    ("rows", "params", "message"),
    [
        ({"features": [[1.0, np.nan]]}, {}, "column 'features' has NaN or infinity"),
        ({"features": [[1.0], [np.inf]]}, {}, r"NaN or infinity \(row 1 of its batch\)"),
        ({"features": [[0.0, 0.0]]}, {"distanceMeasure": "cosine"}, "has a vector of zeros"),
        ({"features": [[1.0]], "w": [-1.0]}, {"weightCol": "w"}, "column 'w' has a weight that is negative"),
        ({"features": [[1.0]], "w": [0.0]}, {"weightCol": "w"}, r"no rows \(of a weight above 0\)"),
    ],
)
def test_rows_that_cannot_be_clustered_are_named(rows, params, message):
    with pytest.raises(InputError, match=message):
        KMeans(**params).fit(rows)


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from([0.0, -0.0, 1.0, 2.5, -3.0]), min_size=3, max_size=3), min_size=1))
def test_hashes_of_rows_depend_on_their_content_alone(rows):
    from scipy.sparse import csr_array

    array = np.array(rows)
    hashes = row_hashes(array)
    assert np.array_equal(hashes, row_hashes(csr_array(array)))
    same = (array[:, None, :] == array[None, :, :]).all(axis=2)
    assert np.array_equal(same, hashes[:, None] == hashes[None, :])


def test_draws_are_uniform_and_fresh_for_each_step():
    hashes = row_hashes(np.arange(40_000.0).reshape(-1, 1))
    one, other = uniform(hashes, 7, 0), uniform(hashes, 7, 1)
    assert abs(one.mean() - 0.5) < 0.01
    assert abs(np.quantile(one, 0.9) - 0.9) < 0.01
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.02
    assert one.min() > 0
    assert one.max() < 1


def test_few_points_start_where_k_means_plus_plus_can():
    points = np.array([[0.0], [0.1], [10.0], [10.1], [20.0]])
    centres = weighted_kmeans(points, np.ones(5), 3, seed=0)
    assert sorted(centres[:, 0].tolist()) == pytest.approx([0.05, 10.05, 20.0])


@pytest.mark.spark
def test_a_cluster_of_executors_gives_the_model_of_one_machine(spark):
    from tests.ml.test_against_spark import spark_frame

    noise = np.round(np.random.default_rng(5).uniform(0, 9, size=(300, 5)))
    estimator = KMeans(k=7, seed=13)
    for sparse in (False, True):
        rows = table(noise, sparse=sparse)
        expected, found = estimator.fit(rows), estimator.fit(spark_frame(spark, rows))
        assert np.allclose(found.clusterCenters(), expected.clusterCenters(), atol=1e-12)
        assert found.summary.trainingCost == pytest.approx(expected.summary.trainingCost, rel=1e-12)
        assert found.summary.clusterSizes == expected.summary.clusterSizes


@pytest.mark.spark
def test_costs_are_as_low_as_those_of_spark(spark):
    from pyspark.ml.clustering import KMeans as SparkKMeans

    from tests.ml.test_against_spark import spark_frame

    rows = table(POINTS)
    theirs = SparkKMeans(k=4, seed=1).fit(spark_frame(spark, rows))
    ours = KMeans(k=4, seed=1).fit(rows)
    assert ours.summary.trainingCost <= theirs.summary.trainingCost * (1 + 1e-9)
