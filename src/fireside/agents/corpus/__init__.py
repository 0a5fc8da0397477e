"""Documents in, chunks out: folders and packaged corpora read into plain text, and cut to be searched.

Knows nothing about indexes, questions or models.
"""

from fireside.agents.corpus.chunking import CHUNK_SCHEMA, ChunkingConfig, chunk_batch, chunk_documents
from fireside.agents.corpus.document import Document, DocumentProblem, documents_table
from fireside.agents.corpus.factbook import read_factbook
from fireside.agents.corpus.folder import read_folder
from fireside.agents.corpus.formats import ReadingLimits

__all__ = [
    "CHUNK_SCHEMA",
    "ChunkingConfig",
    "Document",
    "DocumentProblem",
    "ReadingLimits",
    "chunk_batch",
    "chunk_documents",
    "documents_table",
    "read_factbook",
    "read_folder",
]
