"""Documents to clean chunks in domains: a `fireside.ml` pipeline over `fireside.compute`.

    read -> chunk -> words -> drop near-duplicates (MinHash) -> TF-IDF -> k-means domains

Chunking is a `map_batches`, everything after it a pipeline, so all of it runs unchanged on Spark.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
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
from fireside.ml.clustering import KMeans, KMeansModel
from fireside.ml.feature import (
    IDF,
    CountVectorizer,
    CountVectorizerModel,
    HashingTF,
    MinHashLSH,
    NGram,
    Normalizer,
    RegexTokenizer,
    StopWordsRemover,
)

__all__ = ["Cluster", "Prepared", "prepare_chunks", "read_documents"]

SIMILARITY = 0.8
SHINGLE_WORDS = 3
HASH_TABLES = 4
MAX_CLUSTERS = 8
CHUNKS_PER_CLUSTER = 20


@dataclass(frozen=True, slots=True)
class Cluster:
    """A domain found by k-means: the terms that weigh most in its centre, and how many chunks it has."""

    name: str
    chunks: int


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
    kept = without_near_duplicates(chunks, seed=seed)
    domains, clusters = clustered(kept, seed=seed)
    return Prepared(
        chunks=kept.select(CHUNK_SCHEMA.names).append_column("domain", domains),
        clusters=clusters,
        num_before=chunks.num_rows,
    )


def without_near_duplicates(chunks: pa.Table, *, seed: int) -> pa.Table:
    """The chunks without those whose shingles are nearly those of an earlier one.

    Near means an exact Jaccard similarity of at least `SIMILARITY`, among the pairs that MinHash finds. A
    pair at that bound is missed with probability (1 - 0.8)^4, about 0.2 %. Chunks too short for a shingle
    are kept.
    """
    rows = pa.table({"row": np.arange(chunks.num_rows), "words": chunks["words"]})
    shingles = NGram(n=SHINGLE_WORDS, inputCol="words", outputCol="shingles")
    sets = HashingTF(inputCol="shingles", outputCol="sets", binary=True, numFeatures=1 << 20)
    shingled = shingles.transform(rows)
    shingled = shingled.filter(pc.greater(pc.list_value_length(shingled["shingles"]), 0))
    if shingled.num_rows < 2:
        return chunks
    sketched = sets.transform(shingled).select(["row", "sets"])
    lsh = MinHashLSH(inputCol="sets", outputCol="hashes", numHashTables=HASH_TABLES, seed=seed).fit(sketched)
    pairs = lsh.approxSimilarityJoin(sketched, sketched, threshold=1 - SIMILARITY + 1e-9)
    left, right = (
        pc.struct_field(pairs[side].combine_chunks(), "row").to_numpy() for side in ("datasetA", "datasetB")
    )
    later = np.unique(right[left < right])
    keep = np.ones(chunks.num_rows, dtype=bool)
    keep[later] = False
    return chunks.filter(pa.array(keep))


def clustered(chunks: pa.Table, *, seed: int) -> tuple[pa.Array, tuple[Cluster, ...]]:
    """The domain of each chunk, int32[N], and what the domains are about; a small corpus is one domain."""
    num_clusters = min(MAX_CLUSTERS, chunks.num_rows // CHUNKS_PER_CLUSTER)
    if num_clusters < 2:
        return pa.array(np.zeros(chunks.num_rows, np.int32)), (Cluster("everything", chunks.num_rows),)
    pipeline = Pipeline(
        stages=[
            StopWordsRemover(inputCol="words", outputCol="terms"),
            CountVectorizer(inputCol="terms", outputCol="counts", minDF=3.0),
            IDF(inputCol="counts", outputCol="tfidf"),
            Normalizer(inputCol="tfidf", outputCol="features"),
            KMeans(k=num_clusters, seed=seed, predictionCol="domain"),
        ]
    )
    model = pipeline.fit(chunks)
    domains = model.transform(chunks)["domain"].combine_chunks()
    counter, kmeans = model.stages[1], model.stages[-1]
    assert isinstance(counter, CountVectorizerModel)
    assert isinstance(kmeans, KMeansModel)
    sizes = np.bincount(domains.to_numpy(), minlength=num_clusters)
    clusters = tuple(
        Cluster(", ".join(counter.vocabulary[i] for i in np.argsort(-np.asarray(center))[:3]), int(size))
        for center, size in zip(kmeans.clusterCenters(), sizes, strict=True)
    )
    return domains, clusters
