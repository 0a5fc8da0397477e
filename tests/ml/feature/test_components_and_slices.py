"""PCA, VectorSlicer and VectorSizeHint: against NumPy, by hand, and where they refuse."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.core.errors import InputError, SchemaError
from fireside.ml.attributes import entries_of, nominal_field, ordinal_field, vector_size_of
from fireside.ml.feature import PCA, VectorAssembler, VectorSizeHint, VectorSlicer
from fireside.ml.feature.pca import centred_products
from fireside.ml.linalg import DenseVector, SparseVector, VectorBlock

NAN = float("nan")


def sparse_rows(array):
    vectors = [SparseVector(len(row), {i: x for i, x in enumerate(row) if x}) for row in array]
    return pa.table({"v": VectorBlock.arrow_from_vectors(vectors)})


def dense_rows(array):
    return pa.table({"v": VectorBlock.from_dense(array).to_arrow()})


@pytest.mark.parametrize("rows_of", [dense_rows, sparse_rows])
def test_components_are_the_eigenvectors_of_the_covariance(rows_of):
    random = np.random.default_rng(3)
    array = random.normal(size=(200, 5)) * [5, 3, 2, 1, 0.5] @ random.normal(size=(5, 5)) + 7
    model = PCA(k=3, inputCol="v", outputCol="p").fit(rows_of(array))
    values, vectors = np.linalg.eigh(np.cov(array.T))
    assert np.allclose(model.explainedVariance.toArray(), values[::-1][:3] / values.sum(), rtol=1e-10)
    found, expected = model.pc.toArray(), vectors[:, ::-1][:, :3]
    assert np.allclose(found * np.sign(found[0]), expected * np.sign(expected[0]), atol=1e-9)
    projected = VectorBlock.from_arrow(model.transform(rows_of(array))["p"]).to_dense()
    assert np.allclose(projected, array @ found, rtol=1e-12)


@settings(deadline=None)
@given(st.integers(2, 12), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_centred_products_are_those_of_numpy_dense_and_sparse(count, size, seed):
    random = np.random.default_rng(seed)
    array = random.normal(size=(count, size)) * random.integers(0, 2, (count, size))
    expected = np.cov(array.T, ddof=0).reshape(size, size) * count
    for rows in (dense_rows(array), sparse_rows(array)):
        block = VectorBlock.from_arrow(rows["v"])
        assert np.allclose(centred_products(block, array.mean(axis=0)), expected, atol=1e-12)


def test_a_large_mean_costs_the_covariance_no_digits():
    array = 1e8 + np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 1.0]])
    model = PCA(k=2, inputCol="v").fit(dense_rows(array))
    values = np.linalg.eigvalsh(np.cov((array - 1e8).T))[::-1]
    assert np.allclose(model.explainedVariance.toArray(), values / values.sum(), rtol=1e-12)


def test_rows_without_variance_have_no_shares():
    model = PCA(k=1, inputCol="v").fit({"v": [[1.0, 2.0], [1.0, 2.0]]})
    assert np.isnan(model.explainedVariance.toArray()).all()
    assert model.pc.toArray().tolist() == [[1.0], [0.0]]


def test_components_that_do_not_exist_are_refused():
    with pytest.raises(InputError, match="vectors of size 2, which have no 3 components: set k to at most 2"):
        PCA(k=3, inputCol="v").fit({"v": [[1.0, 2.0], [3.0, 4.0]]})
    with pytest.raises(InputError, match="there is 1 row to fit to, but a covariance needs two"):
        PCA(k=1, inputCol="v").fit({"v": [[1.0, 2.0]]})
    with pytest.raises(InputError, match="column 'v' has NaN or infinity in feature 1"):
        PCA(k=1, inputCol="v").fit({"v": [[1.0, NAN], [2.0, 3.0]]})
    with pytest.raises(InputError, match="vectors of size 70000, of which PCA takes at most 65535"):
        PCA(k=1, inputCol="v").fit({"v": [SparseVector(70_000, {}), SparseVector(70_000, {})]})
    with pytest.raises(InputError, match="param k is not set and has no default"):
        PCA(inputCol="v").fit({"v": [[1.0]]})


@settings(deadline=None)
@given(st.permutations(range(5)), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_slicing_is_that_of_numpy(order, count, seed):
    picked = list(order)[:count]
    random = np.random.default_rng(seed)
    array = random.normal(size=(4, 5)) * random.integers(0, 2, (4, 5))
    stage = VectorSlicer(inputCol="v", outputCol="s", indices=picked)
    both = pa.concat_tables([dense_rows(array), sparse_rows(array)])
    found = VectorBlock.from_arrow(stage.transform(both)["s"])
    assert np.array_equal(found.to_dense(), np.tile(array[:, picked], (2, 1)))
    assert found.is_dense.tolist() == [True] * 4 + [False] * 4


def test_entries_are_found_by_the_names_that_an_assembler_left():
    rows = pa.table({"a": [1.0], "b": [2.0], "c": [3.0]})
    assembled = VectorAssembler(inputCols=["a", "b", "c"], outputCol="v").transform(rows)
    found = VectorSlicer(inputCol="v", outputCol="s", names=["c", "a"], indices=[1]).transform(assembled)
    assert VectorBlock.from_arrow(found["s"]).to_dense().tolist() == [[2.0, 3.0, 1.0]]
    assert [entry["name"] for entry in entries_of(found.schema.field("s"))] == ["b", "c", "a"]
    stage = VectorSlicer(inputCol="v", outputCol="s")
    with pytest.raises(SchemaError, match="has no entry named 'd' in its metadata, only a, b, c"):
        stage.copy().setNames(["d"]).transform(assembled)
    with pytest.raises(InputError, match="entry 0 is picked by index and by name: name it once"):
        stage.copy().setParams(names=["a"], indices=[0]).transform(assembled)
    with pytest.raises(SchemaError, match="vectors of size 3, which have no entry 3: choose indices"):
        stage.copy().setIndices([3]).transform(assembled)
    with pytest.raises(InputError, match="picks nothing: set indices or names"):
        stage.transform(assembled)


def test_entries_that_vectors_do_not_have_are_refused():
    rows = {"v": [[1.0, 2.0]]}
    with pytest.raises(InputError, match="vectors of size 2, which have no entry 4: choose indices"):
        VectorSlicer(inputCol="v", outputCol="s", indices=[4]).transform(rows)
    with pytest.raises(SchemaError, match="no entry named 'a' in its metadata, no names at all: pick"):
        VectorSlicer(inputCol="v", outputCol="s", names=["a"]).transform(rows)
    for wrong in ([1, 1], [-1]):
        with pytest.raises(InputError, match="indices must be distinct numbers from 0 on"):
            VectorSlicer(indices=wrong)


def hinted(handling, vectors):
    column = VectorBlock.arrow_from_vectors(vectors)
    return VectorSizeHint(inputCol="v", size=2, handleInvalid=handling).transform(pa.table({"v": column}))


def test_a_hint_writes_the_size_and_looks_at_the_rows():
    right, longer = DenseVector([1, 2]), SparseVector(3, {2: 1.0})
    assert vector_size_of(hinted("error", [right]).schema.field("v")) == 2
    assert len(hinted("skip", [right, longer, None])) == 1
    assert len(hinted("optimistic", [right, longer, None])) == 3
    with pytest.raises(InputError, match=r"column 'v' has a vector of size 3 instead of 2 \(row 1 of its"):
        hinted("error", [right, longer])
    with pytest.raises(InputError, match=r"column 'v' has a null \(row 0 of its batch\): correct it, or set"):
        hinted("error", [None, right])


def test_a_hint_lets_an_assembler_keep_nulls():
    column = VectorBlock.arrow_from_vectors([DenseVector([1, 2]), None])
    hint = VectorSizeHint(inputCol="v", size=2, handleInvalid="optimistic").transform(pa.table({"v": column}))
    stage = VectorAssembler(inputCols=["v"], outputCol="a", handleInvalid="keep")
    found = VectorBlock.from_arrow(stage.transform(hint)["a"]).to_dense()
    assert np.array_equal(found, [[1, 2], [NAN, NAN]], equal_nan=True)


def test_a_hint_does_not_contradict_what_is_known():
    rows = VectorAssembler(inputCols=["a"], outputCol="v").transform(pa.table({"a": [1.0]}))
    assert (
        VectorSizeHint(inputCol="v", size=1).transform(rows).schema.equals(rows.schema, check_metadata=True)
    )
    with pytest.raises(SchemaError, match="vectors of size 1, say its metadata, not of size 2: set"):
        VectorSizeHint(inputCol="v", size=2).transform(rows)
    with pytest.raises(InputError, match="param size is not set"):
        VectorSizeHint(inputCol="v").transform(rows)


def test_an_assembled_vector_keeps_what_was_known_of_its_columns():
    rows = pa.table(
        [[0.0], [1.0], [2.5]],
        schema=pa.schema(
            [
                nominal_field("c", pa.float64(), labels=["x", "y"]),
                ordinal_field("o", pa.float64(), ["low", "high"]),
                ("n", pa.float64()),
            ]
        ),
    )
    once = VectorAssembler(inputCols=["c", "n"], outputCol="v").transform(rows)
    twice = VectorAssembler(inputCols=["o", "v"], outputCol="w").transform(once)
    assert entries_of(twice.schema.field("w")) == [
        {"idx": 0, "type": "nominal", "ord": True, "vals": ["low", "high"], "name": "o"},
        {"idx": 1, "type": "nominal", "vals": ["x", "y"], "name": "v_c"},
        {"idx": 2, "type": "numeric", "name": "v_n"},
    ]
