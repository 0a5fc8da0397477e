"""A folder of documents to an index: read, prepare, embed, write."""

from dataclasses import dataclass
from pathlib import Path

from fireside.agents.corpus import DocumentProblem
from fireside.agents.index import build_index
from fireside.recipes.prepare_documents import prepare_chunks, read_documents

__all__ = ["IndexSummary", "index_folder"]


@dataclass(frozen=True, slots=True)
class IndexSummary:
    """What went into an index, and what did not."""

    num_documents: int
    num_chunks: int
    num_duplicates: int
    unreadable: tuple[DocumentProblem, ...]


def index_folder(folder: Path, index: Path, *, seed: int = 17) -> IndexSummary:
    """Index a folder; an index that is there is replaced when the new one is whole.

    Raises:
        DocumentsError: nothing in the folder can be read.
        CheckpointError: `index` exists and is no index.
        DiskFullError: there is no room.
    """
    documents, unreadable = read_documents(folder)
    prepared = prepare_chunks(documents, seed=seed)
    build_index(prepared.chunks, index)
    return IndexSummary(
        num_documents=len(documents),
        num_chunks=prepared.chunks.num_rows,
        num_duplicates=prepared.num_duplicates,
        unreadable=tuple(unreadable),
    )
