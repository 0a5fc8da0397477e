import copy
import pickle

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fireside.core.errors import InputError
from fireside.ml.linalg import VECTOR_TYPE, DenseVector, SparseVector, VectorBlock, Vectors

finite = st.floats(-1e3, 1e3, allow_nan=False, width=32)
pairs_of_arrays = st.integers(0, 8).flatmap(
    lambda size: st.tuples(*[arrays(np.float64, size, elements=finite | st.just(0.0))] * 2)
)


def sparse(array):
    indices = np.flatnonzero(array)
    return SparseVector(len(array), indices, array[indices])


@settings(deadline=None)
@given(pairs_of_arrays)
def test_dense_and_sparse_arithmetic_agrees_with_numpy(pair):
    a, b = pair
    for left in (DenseVector(a), sparse(a)):
        for right in (DenseVector(b), sparse(b), b, b.tolist(), tuple(b)):
            assert left.dot(right) == pytest.approx(np.dot(a, b))
            assert left.squared_distance(right) == pytest.approx(np.sum((a - b) ** 2))
        assert left.norm(1) == pytest.approx(np.abs(a).sum())
        assert left.numNonzeros() == np.count_nonzero(a)
        assert np.array_equal(left.toArray(), a)


@settings(deadline=None)
@given(arrays(np.float64, 5, elements=finite | st.just(0.0)))
def test_a_sparse_vector_equals_and_hashes_as_its_dense_twin(array):
    assert DenseVector(array) == sparse(array)
    assert hash(DenseVector(array)) == hash(sparse(array))
    assert DenseVector(array) != sparse(np.append(array, 0.0))


def test_stored_zeros_do_not_matter_for_equality():
    assert SparseVector(3, [0, 1], [1.0, 0.0]) == SparseVector(3, [0], [1.0])


def test_operators_work_entry_by_entry():
    u, v = DenseVector([3.0, 4.0]), DenseVector([1.0, 2.0])
    assert [u + v, u - v, u * v, u / v, u % 2, -u, 1 - u, 6 / u, 2 * u, 1 + u, 5 % u] == [
        DenseVector(x)
        for x in (
            [4, 6],
            [2, 2],
            [3, 8],
            [3, 2],
            [1, 0],
            [-3, -4],
            [-2, -3],
            [2, 1.5],
            [6, 8],
            [4, 5],
            [2, 1],
        )
    ]
    assert u.sum() == 7.0
    assert u[1] == 4.0
    assert list(u[:1]) == [3.0]


@pytest.mark.parametrize("vector", [DenseVector([1.0, np.nan]), SparseVector(4, {2: 1.5})])
def test_vectors_survive_pickling_and_copying(vector):
    for twin in (pickle.loads(pickle.dumps(vector)), copy.copy(vector), copy.deepcopy(vector)):
        assert type(twin) is type(vector)
        assert np.array_equal(twin.toArray(), vector.toArray(), equal_nan=True)


def test_sparse_entries_are_read_by_index_from_either_end():
    vector = SparseVector(4, {1: 1.0, 3: 5.5})
    assert [vector[i] for i in range(-4, 4)] == [0.0, 1.0, 0.0, 5.5] * 2
    with pytest.raises(IndexError, match="index 4 is out of range for a vector of size 4"):
        vector[4]
    with pytest.raises(TypeError, match="integer"):
        vector["a"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((4, {6: 1.0}), "index 6 is not below the size 4"),
        ((4, {-1: 1.0}), "index -1 is negative"),
        ((4, [2, 1], [1.0, 1.0]), "2 is followed by 1"),
        ((4, [(1, 1.0), (1, 2.0)]), "1 is followed by 1"),
        ((4, [1], [1.0, 2.0]), "1 indices but 2 values"),
        ((4,), "pass a size and pairs"),
    ],
)
def test_a_malformed_sparse_vector_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        SparseVector(*arguments)


def test_sizes_that_differ_are_refused():
    for other in (Vectors.dense(1.0), Vectors.sparse(3, {0: 1.0}), [1.0], np.ones((3, 2))):
        with pytest.raises(InputError, match="sizes 2 and"):
            Vectors.dense(1.0, 2.0).dot(other)


def test_a_scipy_column_stands_for_a_vector():
    column = scipy.sparse.csc_array(np.array([[0.0], [2.0]]))
    assert Vectors.dense(1.0, 3.0).dot(column) == 6.0
    assert Vectors.norm(column, 2) == 2.0
    with pytest.raises(InputError, match="pass one column"):
        Vectors.dense(1.0).dot(scipy.sparse.csc_array(np.ones((1, 2))))


def test_a_matrix_can_be_multiplied_from_the_left():
    matrix = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    for vector in (Vectors.dense(1, 0, 2), Vectors.sparse(3, {0: 1.0, 2: 2.0})):
        assert np.array_equal(vector.dot(matrix), [11.0, 14.0])


def test_vectors_are_shown_as_pyspark_shows_them():
    pyspark = pytest.importorskip("pyspark.ml.linalg")
    for numbers in ([0.0, 1.0, -2.5, 1 / 3, 1e10, 1.23456789e-7, np.nan, np.inf], []):
        assert repr(DenseVector(numbers)) == repr(pyspark.DenseVector(numbers))
        indices = list(range(0, 2 * len(numbers), 2))
        ours, theirs = SparseVector(20, indices, numbers), pyspark.SparseVector(20, indices, numbers)
        assert repr(ours) == repr(theirs)
        assert str(ours) == str(theirs)
        assert str(DenseVector(numbers)) == str(pyspark.DenseVector(numbers))


@pytest.mark.parametrize("vector", [Vectors.dense(1, 0), Vectors.sparse(3, {1: 4.0}), Vectors.dense([])])
def test_a_vector_and_a_column_of_it_have_the_same_fields(vector):
    field_names = [field.name for field in VECTOR_TYPE]
    stored = VectorBlock.arrow_from_vectors([vector])[0].as_py()
    assert dict(zip(field_names, vector.to_struct(), strict=True)) == stored
