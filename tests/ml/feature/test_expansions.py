"""Polynomials, cosine transforms and interactions against their definitions."""

import itertools
import math

import numpy as np
import pyarrow as pa
import pytest
import scipy.fft
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from fireside.core.errors import InputError, SchemaError
from fireside.ml.attributes import entries_of, nominal_field, vector_field_of
from fireside.ml.feature import DCT, Interaction, PolynomialExpansion, VectorAssembler
from fireside.ml.linalg import DenseVector, SparseVector, VectorBlock

numbers = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, max_side=5),
    elements=st.sampled_from([0.0, 0.0, 1.0, -2.5, 3.0, 0.1]),
)


def mixed_frame(array):
    """Every other row is sparse."""
    vectors = [
        SparseVector(len(row), {i: x for i, x in enumerate(row) if x}) if place % 2 else DenseVector(row)
        for place, row in enumerate(array)
    ]
    return pa.table({"v": VectorBlock.arrow_from_vectors(vectors)})


def dense(table, column="out"):
    return VectorBlock.from_arrow(table[column]).to_dense()


def in_order(size, degree):
    """Exponents of all monomials, by that of the last variable, then of the one before it, and so on."""
    every = [e for e in itertools.product(range(degree + 1), repeat=size) if 0 < sum(e) <= degree]
    return sorted(every, key=lambda exponents: exponents[::-1])


@settings(deadline=None)
@given(numbers, st.integers(1, 4))
def test_an_expansion_has_every_monomial_in_order(array, degree):
    found = PolynomialExpansion(inputCol="v", outputCol="out", degree=degree).transform(mixed_frame(array))
    exponents = np.array(in_order(array.shape[1], degree))
    expected = np.prod(array[:, None, :] ** exponents[None], axis=2)
    assert np.allclose(dense(found), expected, rtol=1e-14)
    kinds = found["out"].combine_chunks().field("type").to_pylist()
    assert kinds == [1 - place % 2 for place in range(len(array))]


def test_a_sparse_expansion_stores_no_zeros():
    rows = {
        "v": [SparseVector(3, {0: 0.0, 1: 3.0}), SparseVector(3, {}), SparseVector(3, {0: 1e-200, 2: 2.0})]
    }
    found = PolynomialExpansion(inputCol="v", outputCol="out").transform(rows)["out"]
    assert [repr(vector) for vector in found] == [
        "SparseVector(9, {2: 3.0, 4: 9.0})",
        "SparseVector(9, {})",
        "SparseVector(9, {0: 0.0, 5: 2.0, 6: 0.0, 8: 4.0})",
    ]
    assert found[2].values.tolist() == [1e-200, 2.0, 2e-200, 4.0]


def test_infinity_times_zero_is_left_out_where_the_zero_comes_first():
    stage = PolynomialExpansion(inputCol="v", outputCol="out")
    found = stage.transform({"v": [DenseVector([math.inf, 0.0]), DenseVector([0.0, math.inf])]})["out"]
    assert found[0].toArray().tolist() == [math.inf, math.inf, 0.0, 0.0, 0.0]
    assert np.array_equal(found[1].toArray(), [0.0, 0.0, math.inf, math.nan, math.inf], equal_nan=True)


def test_an_expansion_that_no_vector_can_hold_is_refused():
    rows = {"v": [SparseVector(100_000, {0: 1.0})]}
    with pytest.raises(InputError, match=r"which degree 3 would expand to .* entries: choose a lower degree"):
        PolynomialExpansion(inputCol="v", degree=3).transform(rows)
    with pytest.raises(InputError, match="degree must be >= 1, got 0"):
        PolynomialExpansion(degree=0)


@settings(deadline=None)
@given(numbers)
def test_the_cosine_transform_is_its_formula_and_its_inverse_goes_back(array):
    rows = mixed_frame(array)
    size = array.shape[1]
    n, k = np.arange(size), np.arange(size)[:, None]
    basis = np.cos(np.pi * k * (2 * n + 1) / (2 * size)) * np.sqrt(np.where(k == 0, 1, 2) / size)
    once = DCT(inputCol="v", outputCol="out").transform(rows)
    assert np.allclose(dense(once), array @ basis.T, atol=1e-12)
    assert np.array_equal(dense(once), scipy.fft.dct(array, norm="ortho"))
    back = DCT(inputCol="out", outputCol="back", inverse=True).transform(once)
    assert np.allclose(dense(back, "back"), array, atol=1e-12)


@settings(deadline=None)
@given(numbers, st.integers(0, 2**32 - 1))
def test_an_interaction_is_every_product(array, seed):
    other = np.random.default_rng(seed).integers(-2, 3, (len(array), 3)).astype(np.float64)
    names = [f"c{i}" for i in range(array.shape[1])]
    fields = [vector_field_of("v", names=names), vector_field_of("w", names=["a", "b", "c"])]
    # The rows of one column are sparse where those of the other are dense, or both are.
    vectors = [mixed_frame(array)["v"], mixed_frame(other[::-1])["v"].take(np.arange(len(other))[::-1])]
    rows = pa.table(vectors, schema=pa.schema(fields)).append_column("x", [other[:, 0]])
    found = Interaction(inputCols=["v", "x", "w"], outputCol="out").transform(rows)
    expected = array[:, :, None] * other[:, :1, None] * other[:, None, :]
    assert np.array_equal(dense(found), expected.reshape(len(array), -1))
    told = [entry["name"] for entry in entries_of(found.schema.field("out"))]
    assert told == [f"v_{name}:x:w_{letter}" for name in names for letter in "abc"]


def test_categories_are_encoded_before_they_are_multiplied():
    rows = pa.table(
        [[0.0, 2.0], [3.0, 5.0]],
        schema=pa.schema([nominal_field("c", pa.float64(), labels=["r", "g", "b"]), ("x", pa.float64())]),
    )
    found = Interaction(inputCols=["c", "x"], outputCol="out").transform(rows)
    assert dense(found).tolist() == [[3.0, 0.0, 0.0], [0.0, 0.0, 5.0]]
    names = [entry["name"] for entry in entries_of(found.schema.field("out"))]
    assert names == ["c_r:x", "c_g:x", "c_b:x"]
    wrong = rows.set_column(0, rows.schema.field("c"), [[0.0, 3.0]])
    with pytest.raises(InputError, match=r"column 'c' has 3.0 \(row 1 .*but its categories are 0 to 2"):
        Interaction(inputCols=["c", "x"], outputCol="out").transform(wrong)


def test_an_interaction_needs_to_know_the_entries_of_vectors():
    stage = Interaction(inputCols=["v", "x"], outputCol="out")
    rows = {"v": [DenseVector([1.0])], "x": [2.0]}
    with pytest.raises(SchemaError, match="column 'v' has no metadata of its entries: make the vectors with"):
        stage.transform(rows)
    assembled = VectorAssembler(inputCols=["x"], outputCol="a").transform(pa.table({"x": [2.0]}))
    made = Interaction(inputCols=["a", "x"], outputCol="out").transform(assembled)
    assert dense(made).tolist() == [[4.0]]
    with pytest.raises(InputError, match="inputCols must be distinct columns, at least one"):
        Interaction(inputCols=["x", "x"], outputCol="out").transform(rows)
    counted = pa.table([[0.0]], schema=pa.schema([nominal_field("c", pa.float64())]))
    with pytest.raises(SchemaError, match="column 'c' holds categories whose number its metadata do"):
        Interaction(inputCols=["c"], outputCol="out").transform(counted)
