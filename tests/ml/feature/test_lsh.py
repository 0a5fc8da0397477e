import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.core.errors import InputError
from fireside.ml.feature import BucketedRandomProjectionLSH, MinHashLSH, MinHashLSHModel, candidates
from fireside.ml.java_random import JavaRandom
from fireside.ml.linalg import DenseVector, SparseVector, VectorBlock
from tests.contracts.estimator_cases import CASES

sets = st.lists(st.frozensets(st.integers(0, 11), min_size=1), min_size=1, max_size=8)
points = st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5)), min_size=1, max_size=8)


def as_vectors(members):
    return [SparseVector(12, dict.fromkeys(sorted(one), 1.0)) for one in members]


def frame(vectors):
    return {"id": list(range(len(vectors))), "v": vectors}


def pairs(joined):
    return {
        (a["id"], b["id"]): distance
        for a, b, distance in zip(joined["datasetA"], joined["datasetB"], joined["distCol"], strict=True)
    }


@settings(deadline=None)
@given(sets, sets, st.floats(0.1, 1.1))
def test_the_join_finds_exactly_the_near_pairs_that_share_a_hash(one, other, threshold):
    model = MinHashLSH(inputCol="v", outputCol="h", numHashTables=3, seed=5).fit(frame(as_vectors(one)))
    a, b = frame(as_vectors(one)), frame(as_vectors(other))
    hashes_a, hashes_b = ([tuple(v[0] for v in row) for row in values(model, f)] for f in (a, b))
    expected = {
        (i, j): 1 - len(x & y) / len(x | y)
        for i, x in enumerate(one)
        for j, y in enumerate(other)
        if any(p == q for p, q in zip(hashes_a[i], hashes_b[j], strict=True))
        and 1 - len(x & y) / len(x | y) < threshold
    }
    assert pairs(model.approxSimilarityJoin(a, b, threshold)) == expected


def values(model, rows):
    return [[hashed.values.tolist() for hashed in row] for row in model.transform(rows)["h"]]


@settings(deadline=None)
@given(sets)
def test_joined_with_itself_a_frame_gives_each_pair_both_ways(members):
    rows = frame(as_vectors(members))
    model = MinHashLSH(inputCol="v", outputCol="h", numHashTables=2, seed=1).fit(rows)
    itself = pairs(model.approxSimilarityJoin(rows, rows, 2.0))
    assert itself == pairs(model.approxSimilarityJoin(rows, dict(rows), 2.0))
    assert all(itself[i, i] == 0.0 for i in range(len(members)))
    assert all(itself[j, i] == distance for (i, j), distance in itself.items())


@settings(deadline=None)
@given(points, st.floats(0.5, 4))
def test_projected_points_join_by_euclidean_distance(coordinates, threshold):
    for kind in (DenseVector, lambda xy: SparseVector(2, [0, 1], list(xy))):
        rows = frame([kind(xy) for xy in coordinates])
        lsh = BucketedRandomProjectionLSH(inputCol="v", outputCol="h", bucketLength=1e6, numHashTables=4)
        found = pairs(lsh.fit(rows).approxSimilarityJoin(rows, rows, threshold))
        # Buckets this long hold all points on either side of 0, so equal signs of one projection suffice.
        for (i, j), distance in found.items():
            exact = np.hypot(*np.subtract(coordinates[i], coordinates[j]))
            assert distance == pytest.approx(exact, abs=1e-12)
            assert distance < threshold
        assert all((i, i) in found for i in range(len(coordinates)))


def test_candidates_come_in_parts_that_together_are_all(monkeypatch):
    hashes = np.random.default_rng(1).integers(0, 4, (30, 3)).astype(float)
    whole = list(candidates.candidate_pairs(hashes, hashes))
    monkeypatch.setattr(candidates, "PAIRS_AT_ONCE", 7)
    parts = list(candidates.candidate_pairs(hashes, hashes))
    assert len(parts) > len(whole) == 1
    expected = {(i, j) for i in range(30) for j in range(30) if (hashes[i] == hashes[j]).any()}
    found = [pair for left, right in parts for pair in zip(left.tolist(), right.tolist(), strict=True)]
    assert len(found) == len(set(found))
    assert set(found) == expected


def test_neighbours_come_nearest_first():
    vectors = as_vectors([{0, 1, 2}, {0, 1}, {0, 1, 2, 3}, {9}])
    model = MinHashLSH(inputCol="v", outputCol="h", numHashTables=20, seed=2).fit(frame(vectors))
    found = model.approxNearestNeighbors(frame(vectors), vectors[0], 2)
    assert found["id"] == [0, 2]
    assert found["distCol"] == [0.0, 0.25]
    with pytest.raises(InputError, match="at least 1, got 0"):
        model.approxNearestNeighbors(frame(vectors), vectors[0], 0)


def test_an_empty_set_is_refused_by_name():
    model = MinHashLSHModel([1, 2]).setParams(inputCol="v", outputCol="h")
    with pytest.raises(InputError, match=rf"{model.uid}: column 'v' holds a vector of zeros \(row 1"):
        model.transform({"v": [SparseVector(2, {0: 1.0}), SparseVector(2, {0: 0.0})]})
    with pytest.raises(InputError, match="key holds a vector of zeros"):
        model.approxNearestNeighbors({"v": [SparseVector(2, {0: 1.0})]}, SparseVector(2, {}), 1)


def test_a_bucket_length_is_needed():
    with pytest.raises(InputError, match="param bucketLength is not set"):
        BucketedRandomProjectionLSH(inputCol="v").fit({"v": [[1.0]]})


def test_java_random_numbers_follow_their_specification():
    # Values of java.util.Random(42): nextInt(1000), then of a new one nextDouble() and nextGaussian().
    assert [JavaRandom(42).nextInt(1 << 16)] == [(1562431130 * (1 << 16)) >> 31]
    assert JavaRandom(42).nextInt(1000) == 1562431130 % 1000
    assert JavaRandom(42).nextDouble() == 0.7275636800328681
    assert JavaRandom(42).nextGaussian() == 1.1419053154730547
    with pytest.raises(InputError, match="from 1 to 2"):
        JavaRandom(0).nextInt(0)


@pytest.mark.spark
@pytest.mark.parametrize("name", ["MinHashLSH", "BucketedRandomProjectionLSH"])
def test_joins_and_neighbours_are_those_of_spark(spark, name):
    from tests.ml.test_against_spark import spark_frame, spark_stage

    case = CASES[name]
    rows = spark_frame(spark, case.frame)
    theirs = spark_stage(case.stage()).fit(rows)
    ours = case.fitted(case.frame)
    expected = {
        (row[0], row[1]): row[2]
        for row in theirs.approxSimilarityJoin(rows, rows, 2.5, "d")
        .selectExpr("datasetA.id", "datasetB.id b", "d")
        .collect()
    }
    joined = ours.approxSimilarityJoin(case.frame, case.frame, 2.5, "d")
    found = {(row["datasetA"]["id"], row["datasetB"]["id"]): row["d"] for row in joined.to_pylist()}
    assert found == pytest.approx(expected, rel=1e-12)
    from pyspark.ml.linalg import Vectors as SparkVectors

    array = VectorBlock.from_scalar(case.frame["v"][0]).to_dense()[0]
    nearest = theirs.approxNearestNeighbors(rows, SparkVectors.dense(array), 3).collect()
    assert ours.approxNearestNeighbors(case.frame, array, 3)["id"].to_pylist() == [row.id for row in nearest]
    back = ours.approxSimilarityJoin(rows, rows, 2.5, "d")
    assert back.count() == len(expected)
    assert back.columns == ["datasetA", "datasetB", "d"]


@pytest.mark.parametrize("kind", [MinHashLSH, BucketedRandomProjectionLSH])
def test_without_rows_there_are_no_pairs_and_no_neighbours(kind):
    some = {"v": [SparseVector(3, {0: 1.0}), SparseVector(3, {1: 1.0, 2: 1.0})]}
    params = {"bucketLength": 1.0} if kind is BucketedRandomProjectionLSH else {}
    model = kind(inputCol="v", outputCol="h", **params).fit(some)
    table = pa.table({"v": VectorBlock.arrow_from_vectors(some["v"])})
    nothing = table.slice(0, 0)
    for one, other in ((nothing, table), (table, nothing), (nothing, nothing)):
        assert model.approxSimilarityJoin(one, other, 1.0).num_rows == 0
    assert model.approxNearestNeighbors(nothing, some["v"][0], 2).num_rows == 0
