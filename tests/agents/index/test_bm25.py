import math
from pathlib import Path

import numpy as np
import pytest

from fireside.agents.index.bm25 import K1, B, Bm25Index, write_bm25
from fireside.agents.index.terms import terms_of
from fireside.core.errors import CorruptFileError

TEXTS = ["the red fox", "red red wine and a red rose", "a slow green turtle", "fox and turtle, fox again", ""]


def _reference(query: str) -> list[float]:
    """Lucene's BM25, term by term."""
    documents = [terms_of(text) for text in TEXTS]
    mean = sum(map(len, documents)) / len(documents)
    scores = []
    for document in documents:
        score = 0.0
        for term in terms_of(query):
            holding = sum(term in other for other in documents)
            if not holding:
                continue
            idf = math.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
            frequency = document.count(term)
            score += idf * frequency / (frequency + K1 * (1 - B + B * len(document) / mean))
        scores.append(score)
    return scores


@pytest.fixture
def bm25(tmp_path: Path) -> Bm25Index:
    write_bm25(tmp_path / "bm25", TEXTS)
    return Bm25Index(tmp_path / "bm25")


@pytest.mark.parametrize("query", ["red", "fox turtle", "Foxes and the wine", "red unicorn"])
def test_scores_are_those_of_the_formula(bm25: Bm25Index, query: str) -> None:
    numbers, scores = bm25.search(query, 10)
    wanted = _reference(query)
    found = dict(zip(numbers.tolist(), scores.tolist(), strict=True))
    assert found == pytest.approx({at: score for at, score in enumerate(wanted) if score > 0}, rel=1e-5)
    assert np.all(np.diff(scores) <= 0)


def test_nothing_is_found_for_unknown_words(bm25: Bm25Index) -> None:
    for query in ("unicorn", "", "?!", "the"):
        assert len(bm25.search(query, 3)[0]) == 0


def test_ties_go_by_number_at_any_k(tmp_path: Path) -> None:
    write_bm25(tmp_path / "b", ["same words"] * 6 + ["other"])
    index = Bm25Index(tmp_path / "b")
    for k in (1, 3, 6, 20):
        assert index.search("same", k)[0].tolist() == list(range(min(k, 6)))


def test_a_damaged_directory_is_one_clear_error(tmp_path: Path) -> None:
    write_bm25(tmp_path / "b", ["a word"])
    (tmp_path / "b" / "data.csc.index.npy").write_bytes(b"")
    with pytest.raises(CorruptFileError, match="build it again"):
        Bm25Index(tmp_path / "b")
    with pytest.raises(CorruptFileError):
        Bm25Index(tmp_path / "none")
