import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from fireside.core.errors import InputError
from fireside.ml.linalg import DenseMatrix, Matrices, SparseMatrix

matrices = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, max_side=5),
    elements=st.sampled_from([0.0, 0.0, 1.0, -2.5, 3.25]),
)


@settings(deadline=None)
@given(matrices)
def test_every_way_to_store_a_matrix_gives_the_same_entries(array):
    rows, columns = array.shape
    dense = DenseMatrix(rows, columns, array.ravel(order="F"))
    by_rows = DenseMatrix(rows, columns, array.ravel(), isTransposed=True)
    sparse = dense.toSparse()
    for matrix in (dense, by_rows, sparse, sparse.toDense(), by_rows.toSparse()):
        assert np.array_equal(matrix.toArray(), array)
        assert matrix == dense
        assert hash(matrix) == hash(dense)
        assert all(matrix[i, j] == array[i, j] for i in range(rows) for j in range(columns))
        assert pickle.loads(pickle.dumps(matrix)) == matrix
    assert len(sparse.values) == np.count_nonzero(array)


def test_a_transposed_sparse_matrix_is_stored_by_rows():
    matrix = SparseMatrix(2, 3, [0, 2, 3], [0, 2, 1], [1.0, 2.0, 3.0], isTransposed=True)
    assert np.array_equal(matrix.toArray(), [[1, 0, 2], [0, 3, 0]])
    assert matrix[0, 2] == 2.0
    assert matrix[1, 0] == 0.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Matrices.dense(2, 2, [1.0]), "values must have 4 entries, got 1"),
        (lambda: Matrices.sparse(2, 2, [0, 1], [0], [1.0]), "colPtrs must have 3 entries, got 2"),
        (lambda: Matrices.sparse(2, 2, [0, 1, 1], [0, 1], [1.0]), "rowIndices must have 1 entries, got 2"),
        (lambda: Matrices.sparse(2, 2, [0, 1, 1], [2], [1.0]), "rowIndices must be from 0 to 1"),
    ],
)
def test_a_malformed_matrix_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_an_index_outside_is_refused():
    for matrix in (Matrices.dense(1, 2, [1.0, 2.0]), Matrices.sparse(1, 2, [0, 0, 0], [], [])):
        with pytest.raises(IndexError, match="row index 1"):
            matrix[1, 0]
        with pytest.raises(IndexError, match="column index -1"):
            matrix[0, -1]


def test_matrices_are_shown_as_pyspark_shows_them():
    pyspark = pytest.importorskip("pyspark.ml.linalg")
    for rows, columns in ((2, 2), (5, 6), (1, 40)):
        values = np.arange(rows * columns) / 3 + 1
        for transposed in (False, True):
            ours, theirs = (m(rows, columns, values, transposed) for m in (DenseMatrix, pyspark.DenseMatrix))
            assert repr(ours) == repr(theirs)
        dense = DenseMatrix(rows, columns, values)
        sparse, theirs = dense.toSparse(), pyspark.DenseMatrix(rows, columns, values).toSparse()
        assert str(sparse) == str(theirs)
        # NumPy 2 shows its integers as np.int32(0); ours are plain.
        assert repr(sparse) == repr(theirs).replace("np.int32(", "").replace("np.float64(", "")
    assert str(DenseMatrix(2, 2, range(4))) == str(pyspark.DenseMatrix(2, 2, range(4)))
