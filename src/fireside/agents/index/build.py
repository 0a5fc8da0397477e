"""Building an index and opening it again.

    index/
      chunks.arrow            the chunks (Arrow IPC, memory-mapped)
      vectors.npy             float16[N, D], or vectors.usearch, a graph, for large corpora
      bm25/                   BM25's arrays
      manifest.json           written last: size and checksum of each file, the embedder's fingerprint

The directory appears whole or not at all. Opening reads every file once against its checksum, so that damage
is found then and not in the middle of a run.
"""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa

from fireside.agents.corpus.chunking import CHUNK_SCHEMA
from fireside.agents.index.bm25 import Bm25Index, write_bm25
from fireside.agents.index.chunk_store import ChunkStore, write_chunks
from fireside.agents.index.embedder import Embedder, MiniLm
from fireside.agents.index.hybrid import HybridRetriever, SearchMode
from fireside.agents.index.terms import terms_of
from fireside.agents.index.vector_index import VectorIndex, write_vectors
from fireside.core.checkpoint import verify, writing
from fireside.core.errors import CheckpointError, CorruptFileError, DocumentsError, SchemaError
from fireside.core.progress import track

__all__ = ["KIND", "build_index", "open_index"]

KIND = "fireside.agents.index"
CHUNKS, BM25 = "chunks.arrow", "bm25"
_BLOCK = 256


def build_index(
    chunks: pa.Table, directory: str | os.PathLike[str], *, embedder: Embedder | None = None
) -> None:
    """Index chunks for words and vectors. The number of a chunk is its row.

    Args:
        chunks: a table of `CHUNK_SCHEMA`, as `chunk_documents` makes it; other columns are left out.
        directory: where the index goes; an index that is there is replaced when the new one is whole.
        embedder: what makes the vectors; `MiniLm()` where `None`.

    Raises:
        SchemaError: a column is missing or no string.
        DocumentsError: there are no chunks, or none has a word.
        CheckpointError: the directory exists and is no index.
        DiskFullError: there is no room.
    """
    _check(chunks)
    embedder = embedder or MiniLm()
    texts = chunks["text"].to_pylist()
    blocks = range(0, len(texts), _BLOCK)
    metadata = {"num_chunks": len(texts), "embedder": embedder.fingerprint, "dimensions": embedder.dimensions}
    with writing(directory, kind=KIND, metadata=metadata) as inside:
        write_chunks(inside / CHUNKS, chunks)
        write_bm25(inside / BM25, texts)
        vectors = (embedder.embed(texts[start : start + _BLOCK]) for start in track(blocks, "embedding"))
        write_vectors(inside, np.concatenate(list(vectors)))


def open_index(
    directory: str | os.PathLike[str], *, embedder: Embedder | None = None, mode: SearchMode = "hybrid"
) -> HybridRetriever:
    """Open what `build_index` wrote.

    Args:
        directory: the index.
        embedder: what made its vectors; `MiniLm()` where `None`. Not used by `"bm25"`.
        mode: how to search; see `HybridRetriever`.

    Raises:
        CheckpointError: there is no index, it is damaged (`CorruptFileError`, which names the file), or its
            vectors were made by another embedder.
    """
    directory = Path(directory)
    try:
        manifest = verify(directory, kind=KIND)
    except CorruptFileError as error:
        raise CorruptFileError(f"{error}; build the index again") from error
    if mode != "bm25":
        embedder = embedder or MiniLm()
        if manifest.metadata.get("embedder") != embedder.fingerprint:
            raise CheckpointError(
                f"{directory} was built with another embedder, so its vectors mean something else: "
                "build it again, or open it with mode='bm25'"
            )
    chunks = ChunkStore(directory / CHUNKS)
    words = Bm25Index(directory / BM25)
    vectors = VectorIndex(directory)
    if not len(chunks) == len(words) == len(vectors):
        raise CorruptFileError(
            f"{directory} has {len(chunks)} chunks, {len(words)} of them in BM25 and {len(vectors)} vectors: "
            "build it again"
        )
    return HybridRetriever(chunks, words, vectors, embedder if mode != "bm25" else None, mode=mode)


def _check(chunks: pa.Table) -> None:
    for field in CHUNK_SCHEMA:
        if field.name not in chunks.schema.names:
            raise SchemaError(f"chunks need the columns {CHUNK_SCHEMA.names}; {field.name!r} is missing")
        found = chunks.schema.field(field.name).type
        if found != field.type:
            raise SchemaError(f"the column {field.name!r} of chunks is {found}, not {field.type}: cast it")
    if not any(terms_of(text) for text in chunks["text"].to_pylist()):
        raise DocumentsError(f"none of the {chunks.num_rows} chunks has a word: there is nothing to index")
