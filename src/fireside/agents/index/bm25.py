"""BM25 over chunks (Robertson and Zaragoza 2009, in Lucene's form), by bm25s.

All scores of a term are computed when the index is built, so a search adds up a few sparse columns. The
arrays are memory-mapped; after opening nothing is written, and searches may run in any number of threads.

Shape legend: N chunks.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fireside.agents.index.terms import terms_of
from fireside.core.errors import CorruptFileError
from fireside.core.extras import require

__all__ = ["Bm25Index", "write_bm25"]

Int64Array = npt.NDArray[np.int64]
Float32Array = npt.NDArray[np.float32]

K1, B = 1.5, 0.75


def write_bm25(directory: Path, texts: Iterable[str]) -> None:
    """Index the texts, of which at least one has a term, into a new directory."""
    bm25s = require("bm25s", extra="agents")
    vocabulary: dict[str, int] = {}
    ids = [[vocabulary.setdefault(term, len(vocabulary)) for term in terms_of(text)] for text in texts]
    index = bm25s.BM25(method="lucene", k1=K1, b=B)
    index.index((ids, vocabulary), show_progress=False)
    index.save(directory, show_progress=False)


class Bm25Index:
    """Searches what `write_bm25` wrote.

    Raises:
        CorruptFileError: the directory cannot be read.
    """

    def __init__(self, directory: Path) -> None:
        bm25s = require("bm25s", extra="agents")
        try:
            self._index: Any = bm25s.BM25.load(directory, mmap=True, show_progress=False)
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise CorruptFileError(
                f"{directory} is not a BM25 index ({error}): delete it and build it again"
            ) from error
        self._vocabulary: dict[str, int] = self._index.vocab_dict

    def __len__(self) -> int:
        return int(self._index.scores["num_docs"])

    def search(self, query: str, k: int) -> tuple[Int64Array, Float32Array]:
        """At most `k` chunks that share a term with the query, best first, lower numbers first where equal.

        Returns:
            Their numbers, int64, and their scores, float32, all above 0.
        """
        ids = [self._vocabulary[term] for term in terms_of(query) if term in self._vocabulary]
        if not ids:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        scores_N: Float32Array = self._index.get_scores_from_ids(ids)
        return _top(scores_N, k)

    def search_many(self, queries: Sequence[str], k: int) -> list[tuple[Int64Array, Float32Array]]:
        """`search` for each query."""
        return [self.search(query, k) for query in queries]


def _top(scores_N: Float32Array, k: int) -> tuple[Int64Array, Float32Array]:
    """The `k` largest scores above 0, in descending order; equal ones in the order of their numbers.

    >>> _top(np.array([1, 0, 3, 1, 1], np.float32), 3)
    (array([2, 0, 3]), array([3., 1., 1.], dtype=float32))
    """
    if k < len(scores_N):
        # All ties of the k-th score are kept, so that which of them go is decided by number, not by chance.
        bound = np.partition(scores_N, len(scores_N) - k)[len(scores_N) - k]
        chosen = np.flatnonzero(scores_N >= max(bound, np.finfo(np.float32).tiny))
    else:
        chosen = np.flatnonzero(scores_N > 0)
    order = np.lexsort((chosen, -scores_N[chosen]))[:k]
    return chosen[order].astype(np.int64), scores_N[chosen[order]]
