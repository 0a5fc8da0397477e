import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fireside.core.errors import InputError
from fireside.ml.linalg import VECTOR_TYPE, DenseVector, SparseVector, VectorBlock, Vectors

blocks = st.tuples(st.integers(0, 5), st.integers(1, 6)).flatmap(
    lambda shape: st.tuples(
        arrays(np.float64, shape, elements=st.sampled_from([0.0, 0.0, 0.0, 1.5, -2.0])),
        arrays(np.bool_, shape[0]),
    )
)


def vectors_of(array, is_dense):
    return [
        DenseVector(row) if dense else SparseVector(len(row), np.flatnonzero(row), row[np.flatnonzero(row)])
        for row, dense in zip(array, is_dense, strict=True)
    ]


@settings(deadline=None)
@given(blocks)
def test_a_block_goes_to_arrow_and_back_row_kind_and_all(drawn):
    array, is_dense = drawn
    vectors = vectors_of(array, is_dense)
    column = VectorBlock.arrow_from_vectors(vectors)
    block = VectorBlock.from_arrow(column)
    again = block.to_arrow()
    again.validate(full=True)
    assert again.type == VECTOR_TYPE
    assert again.to_pylist() == column.to_pylist()
    assert block.to_vectors() == vectors
    assert [type(v) for v in block.to_vectors()] == [type(v) for v in vectors]
    if len(array):
        assert np.array_equal(block.to_dense(), array)
        assert np.array_equal(block.to_csr().toarray(), array)


@settings(deadline=None)
@given(blocks, st.data())
def test_slices_and_chunks_of_a_column_are_read_in_place(drawn, data):
    array, is_dense = drawn
    column = VectorBlock.arrow_from_vectors(vectors_of(array, is_dense))
    start = data.draw(st.integers(0, len(array)))
    part = VectorBlock.from_arrow(column.slice(start))
    assert part.to_vectors() == vectors_of(array[start:], is_dense[start:])
    chunks = pa.chunked_array([column.slice(0, start), column.slice(start)])
    assert VectorBlock.from_arrow(chunks).to_vectors() == vectors_of(array, is_dense)


@settings(deadline=None)
@given(blocks, st.data())
def test_taking_rows_is_numpy_indexing(drawn, data):
    array, is_dense = drawn
    rows = np.array(
        data.draw(st.lists(st.integers(0, len(array) - 1)) if len(array) else st.just([])), np.intp
    )
    block = VectorBlock.from_arrow(VectorBlock.arrow_from_vectors(vectors_of(array, is_dense)))
    assert block.take(rows).to_vectors() == vectors_of(array[rows], is_dense[rows])
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, len(array))] * 2)))
    assert block.slice(start, stop).to_vectors() == vectors_of(array[start:stop], is_dense[start:stop])


@settings(deadline=None)
@given(blocks)
def test_compressing_keeps_the_entries_and_takes_the_smaller_form(drawn):
    array, is_dense = drawn
    block = VectorBlock.from_arrow(VectorBlock.arrow_from_vectors(vectors_of(array, is_dense))).compressed()
    for row, vector in zip(array, block.to_vectors(), strict=True):
        assert np.array_equal(vector.toArray(), row)
        # The bytes that Spark counts for each form.
        smaller_sparse = 12 * np.count_nonzero(row) + 28 < 8 * len(row) + 12
        assert isinstance(vector, SparseVector if smaller_sparse else DenseVector)
        assert not smaller_sparse or len(vector.values) == np.count_nonzero(row)


def test_dense_and_sparse_memory_is_shared_with_arrow():
    array = np.arange(12.0).reshape(4, 3)
    column = VectorBlock.from_dense(array).to_arrow()
    assert np.shares_memory(VectorBlock.from_arrow(column).to_dense(), array)
    matrix = scipy.sparse.csr_array(array)
    block = VectorBlock.from_arrow(VectorBlock.from_csr(matrix).to_arrow())
    assert np.shares_memory(block.to_csr().data, matrix.data)
    assert np.shares_memory(block.to_csr().indices, matrix.indices)


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float32()), pa.large_list(pa.float64()), pa.list_(pa.int64(), 2)]
)
def test_lists_of_numbers_are_dense_vectors(kind):
    column = pa.array([[1, 2], [3, 4]], kind)
    assert VectorBlock.from_arrow(column).to_vectors() == [Vectors.dense(1, 2), Vectors.dense(3, 4)]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (
            VectorBlock.arrow_from_vectors([Vectors.dense(1), None]),
            "the column has a null vector in row 1: drop or fill null rows first",
        ),
        (
            VectorBlock.arrow_from_vectors([Vectors.dense(1), Vectors.sparse(2, {})]),
            "vectors of size 1 and, in row 1, of size 2",
        ),
        (pa.array(["a"]), "has type string: vectors are needed"),
        (
            pa.array([{"type": 7, "size": 1, "indices": [0], "values": [1.0]}], VECTOR_TYPE),
            "the field 'type' must be 0 or 1",
        ),
        (
            pa.array([{"type": 0, "size": 1, "indices": [0, 1], "values": [1.0]}], VECTOR_TYPE),
            "indices and values differ in number",
        ),
        (
            pa.array([{"type": 0, "size": 1, "indices": [1], "values": [1.0]}], VECTOR_TYPE),
            "an index that is not from 0 to 0",
        ),
    ],
)
def test_a_column_that_does_not_hold_vectors_of_one_size_is_refused(column, message):
    with pytest.raises(InputError, match=message):
        VectorBlock.from_arrow(column)
