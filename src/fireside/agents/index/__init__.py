"""Finding chunks: BM25 and vectors side by side, on disk and memory-mapped, behind `Retriever`.

Importing this package loads neither onnxruntime nor an index library; building or opening an index does.
"""

from fireside.agents.index.build import build_index, open_index
from fireside.agents.index.embedder import Embedder, MiniLm
from fireside.agents.index.hybrid import HybridRetriever, SearchMode

__all__ = ["Embedder", "HybridRetriever", "MiniLm", "SearchMode", "build_index", "open_index"]
