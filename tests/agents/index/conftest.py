"""A small corpus, and an embedder whose vectors are plain functions of the words."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from fireside.agents.corpus import Document, chunk_documents
from fireside.agents.index import build_index
from fireside.agents.index.terms import terms_of

TEXTS = {
    "chad": ("Chad", "Capital: N'Djamena\nTerrain: desert in the north"),
    "niger": ("Niger", "Capital: Niamey\nTerrain: desert and dunes"),
    "cote-d-ivoire": ("Côte d'Ivoire", "Capital: Yamoussoukro\nTerrain: flat plains"),
    "nigeria": ("Nigeria", "Capital: Abuja\nTerrain: plains and hills"),
}


class WordEmbedder:
    """The normalised sum of a random direction for each term."""

    dimensions = 64

    def __init__(self, salt: str = "") -> None:
        self.fingerprint = f"words {salt}"

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        rows = [sum((_direction(term) for term in terms_of(text)), np.full(64, 1e-3)) for text in texts]
        vectors = np.array(rows, np.float32).reshape(len(texts), 64)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _direction(term: str) -> npt.NDArray[np.float64]:
    seed = int.from_bytes(hashlib.blake2b(term.encode(), digest_size=8).digest(), "big")
    return np.random.default_rng(seed).standard_normal(64)


@pytest.fixture
def embedder() -> WordEmbedder:
    return WordEmbedder()


@pytest.fixture
def word_embedder() -> type[WordEmbedder]:
    return WordEmbedder


@pytest.fixture
def chunks() -> pa.Table:
    return chunk_documents([Document(name, title, text) for name, (title, text) in TEXTS.items()])


@pytest.fixture
def index(tmp_path: Path, chunks: pa.Table, embedder: WordEmbedder) -> Path:
    build_index(chunks, tmp_path / "index", embedder=embedder)
    return tmp_path / "index"
