"""A column of vectors as arrays: what every kernel works on.

The stored entries of N vectors lie one after the other: `values[indptr[i]:indptr[i + 1]]` belong to row i,
dense or sparse alike, so that a kernel that only scales entries never asks which it is. To and from Arrow
the values are shared, not copied.

Shapes: N rows, D entries in each vector, E stored entries in all.
"""

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.ml.linalg.dense_vector import DenseVector
from fireside.ml.linalg.fold import fold_rows
from fireside.ml.linalg.sparse_vector import SparseVector
from fireside.ml.linalg.vector import FloatArray, IndexArray, Vector, sparse_is_smaller
from fireside.ml.linalg.vector_arrow import (
    StoredEntries,
    arrow_from_entries,
    arrow_from_vectors,
    entries_from_arrow,
)
from fireside.ml.linalg.vector_type import VECTOR_TYPE

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["VectorBlock"]

BoolArray = npt.NDArray[np.bool_]

MANY = 4096
"""From so many entries on a compiled kernel is worth being loaded."""


class VectorBlock:
    """N vectors of one size.

    Args:
        size: D.
        indptr: int[N+1], where the entries of each row start, and the end of the last.
        values: float64[E].
        indices: int32[E], the place of each entry in its vector; `None` where every row is dense.
        is_dense: bool[N], which rows are dense; `None` where all are, or (with `indices`) none is.

    >>> block = VectorBlock.from_vectors([DenseVector([1, 0]), SparseVector(2, {0: 4.0})])
    >>> block.to_dense()
    array([[1., 0.],
           [4., 0.]])
    """

    __slots__ = ("__dict__", "indptr", "is_dense", "size", "values")

    def __init__(
        self,
        size: int,
        indptr: npt.NDArray[Any],
        values: FloatArray,
        indices: IndexArray | None = None,
        is_dense: BoolArray | None = None,
    ) -> None:
        self.size = size
        self.indptr = indptr
        self.values = values
        self.is_dense = np.full(len(indptr) - 1, indices is None) if is_dense is None else is_dense
        if indices is not None:
            self.__dict__["indices"] = indices

    @cached_property
    def indices(self) -> IndexArray:
        """int32[E], the place of each stored entry in its vector."""
        return np.tile(np.arange(self.size, dtype=np.int32), len(self))

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @classmethod
    def from_dense(cls, array: FloatArray) -> "VectorBlock":
        """Dense rows from float64[N, D]; shares the memory of a C-contiguous array."""
        rows, size = array.shape
        return cls(size, np.arange(rows + 1, dtype=np.int64) * size, np.ascontiguousarray(array).reshape(-1))

    @classmethod
    def from_csr(cls, matrix: "csr_array") -> "VectorBlock":
        """Sparse rows from a CSR matrix [N, D] whose indices are sorted and unique; shares its memory."""
        return cls(
            matrix.shape[1],
            matrix.indptr,
            matrix.data.astype(np.float64, copy=False),
            matrix.indices.astype(np.int32, copy=False),
        )

    @classmethod
    def from_vectors(cls, vectors: Iterable[Vector]) -> "VectorBlock":
        """From vectors in the hand; for tests, single rows, and what a user types."""
        return cls.from_arrow(cls.arrow_from_vectors(vectors))

    @staticmethod
    def arrow_from_vectors(vectors: Iterable[Vector | None]) -> pa.StructArray:
        """An Arrow column of vectors in the hand; `None` becomes null."""
        return arrow_from_vectors(vectors)

    @classmethod
    def from_arrow(cls, column: pa.Array | pa.ChunkedArray, *, name: str = "the column") -> "VectorBlock":
        """From an Arrow column of vectors, or of lists of numbers (dense vectors).

        Args:
            column: the vectors; none may be null.
            name: what an error calls the column.

        Raises:
            InputError: a vector is null, is malformed, or differs in size from the first; or the column does
                not hold vectors.
        """
        return cls(*entries_from_arrow(column, name))

    @classmethod
    def from_scalar(cls, vector: pa.StructScalar) -> "VectorBlock":
        """One vector, whatever the sizes of others in its column."""
        return cls.from_arrow(pa.array([vector.as_py()], VECTOR_TYPE))

    def to_arrow(self) -> pa.StructArray:
        """The Arrow column; values and indices are shared, not copied.

        Raises:
            InputError: there are more than 2^31 - 1 entries.
        """
        indices = None if self.is_dense.all() else self.indices
        return arrow_from_entries(StoredEntries(self.size, self.indptr, self.values, indices, self.is_dense))

    def with_values(self, values: FloatArray) -> "VectorBlock":
        """The same places, other values: float64[E]."""
        indices = self.__dict__.get("indices")
        return VectorBlock(self.size, self.indptr, values, indices, self.is_dense)

    def scaled(self, factors: FloatArray) -> "VectorBlock":
        """Each entry times the factor of its place, float64[D]."""
        if self.is_dense.all():
            return self.with_values((self.to_dense() * factors).reshape(-1))
        if len(self.values) < MANY:
            return self.with_values(self.values * factors[self.indices])
        from fireside.ml.linalg.block_kernels import scale_entries

        scaled = np.empty(len(self.values))
        scale_entries(self.values, self.indices, factors, scaled)
        return self.with_values(scaled)

    def column_sums(self) -> FloatArray:
        """float64[D], the sum of all vectors."""
        if self.is_dense.all():
            return fold_rows(np.add, self.to_dense())
        from fireside.ml.linalg.block_kernels import add_to_columns

        sums = np.zeros(self.size)
        add_to_columns(self.values, self.indices, sums)
        return sums

    def rows(self) -> npt.NDArray[np.intp]:
        """intp[E], the row of each stored entry."""
        return np.repeat(np.arange(len(self)), np.diff(self.indptr))

    def to_dense(self) -> FloatArray:
        """float64[N, D], C-contiguous; shared with the block where every row is dense."""
        if self.is_dense.all():
            return self.values.reshape(len(self), self.size)
        dense = np.zeros((len(self), self.size))
        dense[self.rows(), self.indices] = self.values
        return dense

    def to_csr(self) -> "csr_array":
        """A scipy CSR array [N, D] of the stored entries; shared with the block where every row is sparse."""
        from scipy.sparse import csr_array

        # scipy copies the indices when the bounds are of another type.
        fits = len(self.values) <= np.iinfo(np.int32).max
        indptr = self.indptr.astype(np.int32, copy=False) if fits else self.indptr
        return csr_array((self.values, self.indices, indptr), shape=(len(self), self.size))

    def to_matrix(self) -> "FloatArray | csr_array":
        """`to_dense()` where every row is dense, else `to_csr()`."""
        return self.to_dense() if self.is_dense.all() else self.to_csr()

    def to_vectors(self) -> list[Vector]:
        """Vectors in the hand, one a row; not for hot paths."""
        vectors: list[Vector] = []
        for row, is_dense in enumerate(self.is_dense.tolist()):
            entries = slice(int(self.indptr[row]), int(self.indptr[row + 1]))
            if is_dense:
                vectors.append(DenseVector(self.values[entries]))
            else:
                vectors.append(SparseVector(self.size, self.indices[entries], self.values[entries]))
        return vectors

    def compressed(self) -> "VectorBlock":
        """Without zeros, each row dense or sparse, whichever takes less room."""
        if len(self) == 1:
            return self._compressed_row()
        from fireside.ml.linalg.block_kernels import count_nonzeros, fill_compressed

        counts = np.empty(len(self), np.int64)
        count_nonzeros(self.values, self.indptr, counts)
        is_dense = ~sparse_is_smaller(counts, self.size)
        if is_dense.all():
            return self if self.is_dense.all() else VectorBlock.from_dense(self.to_dense())
        indptr = np.concatenate([[0], np.cumsum(np.where(is_dense, self.size, counts))]).astype(np.int64)
        if not self.is_dense.any() and not is_dense.any() and indptr[-1] == len(self.values):
            return self
        values, indices = np.empty(indptr[-1] + 1), np.empty(indptr[-1] + 1, np.int32)
        places = np.empty(0, np.int32) if self.is_dense.all() else self.indices
        fill_compressed(self.values, places, self.indptr, indptr, is_dense, values, indices)
        return VectorBlock(self.size, indptr, values[:-1], indices[:-1], is_dense)

    def _compressed_row(self) -> "VectorBlock":
        count, is_dense = int(np.count_nonzero(self.values)), bool(self.is_dense[0])
        if not sparse_is_smaller(count, self.size):
            return self if is_dense else VectorBlock.from_dense(self.to_dense())
        if count == len(self.values) and not is_dense:
            return self
        kept = self.values.nonzero()[0]
        return VectorBlock(self.size, np.array([0, count]), self.values[kept], self.indices[kept])

    def slice(self, start: int, stop: int) -> "VectorBlock":
        """The rows from `start` to before `stop`; values and indices are shared, not copied."""
        indptr = self.indptr[start : stop + 1]
        entries = slice(int(indptr[0]), int(indptr[-1]))
        indices = self.indices[entries] if "indices" in self.__dict__ else None
        return VectorBlock(
            self.size, indptr - indptr[0], self.values[entries], indices, self.is_dense[start:stop]
        )

    def take(self, rows: npt.NDArray[np.intp]) -> "VectorBlock":
        """The given rows, in their order."""
        lengths = np.diff(self.indptr)[rows]
        indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        entries = np.arange(indptr[-1]) - np.repeat(indptr[:-1] - self.indptr[rows], lengths)
        indices = self.indices[entries] if "indices" in self.__dict__ else None
        return VectorBlock(self.size, indptr, self.values[entries], indices, self.is_dense[rows])
