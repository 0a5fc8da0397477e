"""Rows that were drawn at random, on one process or gathered from all.

They are kept distinct and in the order of their content, so that whoever drew them, the result is the same.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from fireside.compute import Collective
from fireside.ml.clustering.matrix import FloatArray, Matrix, stack

__all__ = ["DrawnRows"]


class DrawnRows:
    """Distinct rows [M, D], dense or CSR, with a hash and a random key for each.

    Args:
        matrix: the rows.
        hashes: uint64[M], of their content.
        keys: float64[M], the numbers they were drawn with.
    """

    def __init__(self, matrix: Matrix, hashes: npt.NDArray[np.uint64], keys: FloatArray) -> None:
        _, first = np.unique(hashes, return_index=True)
        self.matrix = matrix[first]
        self.hashes = hashes[first]
        self.keys = keys[first]

    def __len__(self) -> int:
        return len(self.hashes)

    @classmethod
    def none(cls) -> "DrawnRows":
        """No rows, of no size."""
        return cls(np.zeros((0, 0)), np.zeros(0, np.uint64), np.zeros(0))

    def __add__(self, other: "DrawnRows") -> "DrawnRows":
        if not len(self) or not len(other):
            return self if len(self) else other
        return DrawnRows(
            stack([self.matrix, other.matrix]),
            np.concatenate([self.hashes, other.hashes]),
            np.concatenate([self.keys, other.keys]),
        )

    def least(self, count: int) -> "DrawnRows":
        """The rows with the least keys."""
        kept = np.sort(np.argsort(self.keys, kind="stable")[:count])
        return DrawnRows(self.matrix[kept], self.hashes[kept], self.keys[kept])

    def dense(self) -> FloatArray:
        """float64[M, D]."""
        matrix: Any = self.matrix
        return np.asarray(matrix if isinstance(matrix, np.ndarray) else matrix.toarray())

    def gather(self, collective: Collective) -> "DrawnRows":
        """The rows of all processes, on every process."""
        if collective.world_size == 1:
            return self
        from scipy.sparse import csr_array

        is_sparse = not isinstance(self.matrix, np.ndarray)
        sparse = csr_array(self.matrix)
        shapes = collective.allgather(np.array([sparse.shape[1], is_sparse], np.int64))
        hashes = collective.allgather(self.hashes.view(np.int64))
        keys = collective.allgather(self.keys)
        bounds = collective.allgather(sparse.indptr.astype(np.int64))
        places = collective.allgather(sparse.indices.astype(np.int64))
        entries = collective.allgather(sparse.data.astype(np.float64))
        gathered = DrawnRows.none()
        for rank, (size, was_sparse) in enumerate(shapes):
            rows: Any = csr_array(
                (entries[rank], places[rank], bounds[rank]), shape=(len(hashes[rank]), int(size))
            )
            gathered += DrawnRows(
                rows if was_sparse else rows.toarray(), hashes[rank].view(np.uint64), keys[rank]
            )
        return gathered
