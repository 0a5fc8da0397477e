"""Documents to clean chunks in domains: a `fireside.ml` pipeline over `fireside.compute`.

    read -> chunk -> words -> drop near-duplicates (MinHash) -> TF-IDF -> k-means domains

Chunking is a `map_batches`, everything after it a pipeline, so all of it runs unchanged on Spark.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from fireside.agents.corpus import (
    CHUNK_SCHEMA,
    Document,
    DocumentProblem,
    chunk_batch,
    documents_table,
    read_factbook,
    read_folder,
)
from fireside.compute import as_dataset, map_batches
from fireside.core.errors import DocumentsError
from fireside.ml import Pipeline
from fireside.ml.feature import RegexTokenizer
from fireside.recipes.clusters import Cluster, cluster_texts
from fireside.recipes.near_duplicates import near_duplicates

__all__ = ["Prepared", "prepare_chunks", "read_documents"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Chunks that are worth searching.

    Attributes:
        chunks: `CHUNK_SCHEMA` and an int32 column `domain`.
        clusters: by the numbers in `domain`.
        num_before: chunks before near-duplicates were dropped.
    """

    chunks: pa.Table
    clusters: tuple[Cluster, ...]
    num_before: int

    @property
    def num_duplicates(self) -> int:
        """How many chunks were dropped."""
        return self.num_before - self.chunks.num_rows


def read_documents(folder: Path | None) -> tuple[list[Document], list[DocumentProblem]]:
    """A user's folder, or the World Factbook where there is none.

    Raises:
        DocumentsError: nothing in the folder can be read.
    """
    return read_folder(folder) if folder is not None else (read_factbook(), [])


def prepare_chunks(documents: Sequence[Document], *, seed: int) -> Prepared:
    """Chunk, drop near-duplicates, and sort into domains.

    Raises:
        DocumentsError: the documents hold no word.
    """
    cut = map_batches(as_dataset(documents_table(documents)), chunk_batch, CHUNK_SCHEMA)
    words = RegexTokenizer(inputCol="text", outputCol="words", pattern=r"[^\w]+")
    chunks = Pipeline(stages=[words]).fit(cut).transform(cut).to_table()
    chunks = chunks.filter(pc.greater(pc.list_value_length(chunks["words"]), 0))
    if chunks.num_rows == 0:
        raise DocumentsError(f"the {len(documents)} documents hold no words: give some that have text")
    near = near_duplicates(as_dataset(chunks.select(["words"])), seed=seed)
    kept = chunks.filter(pa.array(~near))
    words_of_kept = as_dataset(kept.select(["words"]))
    domains, clusters = cluster_texts(words_of_kept, num_texts=kept.num_rows, seed=seed)
    return Prepared(
        chunks=kept.select(CHUNK_SCHEMA.names).append_column("domain", domains),
        clusters=clusters,
        num_before=chunks.num_rows,
    )
