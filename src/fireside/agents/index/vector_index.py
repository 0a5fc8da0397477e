"""Nearest vectors by cosine, by usearch: exact where that is fast, a graph (HNSW) where it is not.

Below `EXACT_BELOW` vectors every one is compared, in float16 from a memory-mapped array: about 1 ms for
12,000 vectors, and nothing is missed. Above, a memory-mapped HNSW graph answers in about the same time with a
recall near 0.99. Nothing is written after opening; searches may run in any number of threads.

Shape legend: N vectors, Q queries, D dimensions.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fireside.core.errors import CorruptFileError
from fireside.core.extras import require

__all__ = ["EXACT_BELOW", "VectorIndex", "write_vectors"]

Float32Array = npt.NDArray[np.float32]
Int64Array = npt.NDArray[np.int64]

EXACT_BELOW = 200_000
VECTORS, GRAPH = "vectors.npy", "vectors.usearch"


def write_vectors(directory: Path, vectors_ND: Float32Array, *, exact_below: int = EXACT_BELOW) -> None:
    """Write vectors of length 1 into an existing directory, as an array or as a graph.

    Args:
        directory: where to write.
        vectors_ND: float32, rows of length 1.
        exact_below: from this many vectors on, a graph is built.
    """
    if len(vectors_ND) < exact_below:
        np.save(directory / VECTORS, vectors_ND.astype(np.float16), allow_pickle=False)
        return
    usearch = require("usearch.index", extra="agents")
    graph = usearch.Index(ndim=vectors_ND.shape[1], metric=usearch.MetricKind.IP, dtype="f16")
    graph.add(np.arange(len(vectors_ND), dtype=np.uint64), vectors_ND)
    graph.save(str(directory / GRAPH))


class VectorIndex:
    """Searches what `write_vectors` wrote.

    Raises:
        CorruptFileError: the directory cannot be read.
    """

    def __init__(self, directory: Path) -> None:
        self._usearch = require("usearch.index", extra="agents")
        self._vectors_ND: npt.NDArray[np.float16] | None = None
        self._graph: Any = None
        try:
            if (directory / VECTORS).is_file():
                self._vectors_ND = np.load(directory / VECTORS, mmap_mode="r", allow_pickle=False)
                self.dimensions = int(self._vectors_ND.shape[1])
            else:
                self._graph = self._usearch.Index.restore(str(directory / GRAPH), view=True)
                self.dimensions = int(self._graph.ndim)
        except (OSError, EOFError, ValueError, IndexError, AttributeError, RuntimeError) as error:
            raise CorruptFileError(
                f"{directory} holds no vectors that can be read ({error}): delete it and build it again"
            ) from error

    def __len__(self) -> int:
        return len(self._graph if self._vectors_ND is None else self._vectors_ND)

    def search(self, queries_QD: Float32Array, k: int) -> tuple[Int64Array, Float32Array]:
        """The nearest vectors of each query, nearest first.

        Args:
            queries_QD: float32, rows of length 1.
            k: how many; fewer are returned where there are fewer.

        Returns:
            Their numbers, int64[Q, k], and cosines, float32[Q, k].
        """
        k = min(k, len(self))
        # A single query is too little work to share out.
        threads = min(len(queries_QD), os.cpu_count() or 1)
        if self._vectors_ND is not None:
            found = self._usearch.search(
                self._vectors_ND,
                queries_QD.astype(np.float16),
                k,
                self._usearch.MetricKind.IP,
                exact=True,
                threads=threads,
            )
        else:
            found = self._graph.search(queries_QD, k, threads=threads)
        shape = (len(queries_QD), k)
        keys_Qk = np.asarray(found.keys).reshape(shape).astype(np.int64)
        return keys_Qk, 1.0 - np.asarray(found.distances, np.float32).reshape(shape)
