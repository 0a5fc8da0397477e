"""The retriever: BM25 and vectors over the same chunks, alone or fused by rank."""

from collections.abc import Sequence
from typing import Literal

from fireside.agents.index.bm25 import Bm25Index
from fireside.agents.index.chunk_store import ChunkStore
from fireside.agents.index.embedder import Embedder
from fireside.agents.index.fusion import fuse
from fireside.agents.index.vector_index import VectorIndex
from fireside.core.errors import ConfigError
from fireside.core.protocols import Passage

__all__ = ["HybridRetriever", "SearchMode"]

SearchMode = Literal["bm25", "vector", "hybrid"]

# A passage may be far down in one ranking and first in the other; beyond this depth fusion changes nothing.
_MIN_DEPTH = 50


class HybridRetriever:
    """Finds chunks; implements `Retriever`.

    Everything is read-only after construction, so any number of threads may search at once.

    Args:
        chunks: the chunks.
        bm25: BM25 over them.
        vectors: their vectors, in the same order.
        embedder: what made the vectors; only `"bm25"` can do without.
        mode: `"bm25"`, `"vector"`, or `"hybrid"`, their reciprocal rank fusion.
    """

    def __init__(
        self,
        chunks: ChunkStore,
        bm25: Bm25Index,
        vectors: VectorIndex,
        embedder: Embedder | None,
        *,
        mode: SearchMode = "hybrid",
    ) -> None:
        if mode not in ("bm25", "vector", "hybrid"):
            raise ConfigError(f"mode is {mode!r}: give 'bm25', 'vector' or 'hybrid'")
        if embedder is None and mode != "bm25":
            raise ConfigError(f"mode {mode!r} needs an embedder; only 'bm25' does without")
        self._chunks, self._bm25, self._vectors, self._embedder = chunks, bm25, vectors, embedder
        self.mode = mode

    def __len__(self) -> int:
        return len(self._chunks)

    def with_mode(self, mode: SearchMode) -> "HybridRetriever":
        """The same index, searched in another way."""
        return HybridRetriever(self._chunks, self._bm25, self._vectors, self._embedder, mode=mode)

    def search(self, query: str, k: int) -> list[Passage]:
        """At most `k` passages, best first; a query without a word finds nothing by BM25."""
        return self.search_many([query], k)[0]

    def search_many(self, queries: Sequence[str], k: int) -> list[list[Passage]]:
        """`search` for each query; the queries are embedded together."""
        if k < 1:
            raise ConfigError(f"k is {k}: ask for at least 1 passage")
        if not queries:
            return []
        if self.mode == "bm25":
            ranked = [self._by_words(query, k) for query in queries]
        elif self.mode == "vector":
            ranked = self._by_vectors(queries, k)
        else:
            depth = max(_MIN_DEPTH, 4 * k)
            by_words = [[number for number, _ in self._by_words(query, depth)] for query in queries]
            by_vectors = [[number for number, _ in found] for found in self._by_vectors(queries, depth)]
            ranked = [fuse(rankings, k) for rankings in zip(by_words, by_vectors, strict=True)]
        return [self._passages(found) for found in ranked]

    def _by_words(self, query: str, k: int) -> list[tuple[int, float]]:
        numbers, scores = self._bm25.search(query, k)
        return list(zip(numbers.tolist(), scores.tolist(), strict=True))

    def _by_vectors(self, queries: Sequence[str], k: int) -> list[list[tuple[int, float]]]:
        assert self._embedder is not None
        numbers_Qk, cosines_Qk = self._vectors.search(self._embedder.embed(queries), k)
        return [
            list(zip(numbers, cosines, strict=True))
            for numbers, cosines in zip(numbers_Qk.tolist(), cosines_Qk.tolist(), strict=True)
        ]

    def _passages(self, found: list[tuple[int, float]]) -> list[Passage]:
        rows = self._chunks.rows([number for number, _ in found])
        return [
            Passage(number, row.document_id, row.title, row.text, score)
            for (number, score), row in zip(found, rows, strict=True)
        ]
