from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from fireside.agents.corpus import CHUNK_SCHEMA
from fireside.agents.index import HybridRetriever, build_index, open_index
from fireside.core.errors import CheckpointError, ConfigError, DocumentsError, SchemaError
from fireside.core.protocols import Retriever


def _open(index: Path, embedder: object, mode: str = "hybrid") -> HybridRetriever:
    return open_index(index, embedder=embedder, mode=mode)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["bm25", "vector", "hybrid"])
def test_each_mode_finds_the_passage_and_returns_it_whole(
    index: Path, embedder: object, chunks: pa.Table, mode: str
) -> None:
    retriever = _open(index, embedder, mode)
    assert isinstance(retriever, Retriever)
    assert len(retriever) == chunks.num_rows
    best = retriever.search("capital of Cote d'Ivoire", 2)[0]
    row = chunks.to_pylist()[best.chunk_id]
    assert best.document_id == row["document_id"] == "cote-d-ivoire"
    assert (best.title, best.text) == (row["title"], row["text"])


@pytest.mark.parametrize("mode", ["bm25", "vector", "hybrid"])
def test_many_searches_are_single_searches_and_scores_descend(
    index: Path, embedder: object, mode: str
) -> None:
    retriever = _open(index, embedder, mode)
    queries = ["desert", "capital Abuja", "plains hills"]
    many = retriever.search_many(queries, 3)
    assert many == [retriever.search(query, 3) for query in queries]
    for found in many:
        scores = [passage.score for passage in found]
        assert scores == sorted(scores, reverse=True)
        assert len({passage.chunk_id for passage in found}) == len(found)


def test_threads_find_what_one_thread_finds(index: Path, embedder: object) -> None:
    retriever = _open(index, embedder)
    queries = [f"{word} capital" for word in ("desert", "plains", "Niamey", "Abuja")] * 25
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda query: retriever.search(query, 3), queries)) == [
            retriever.search(query, 3) for query in queries
        ]


def test_a_query_without_words_finds_nothing_by_words(index: Path, embedder: object) -> None:
    assert _open(index, embedder, "bm25").search("?!", 3) == []
    assert _open(index, embedder).search_many([], 3) == []


def test_bm25_needs_no_embedder(index: Path) -> None:
    assert open_index(index, mode="bm25").search("Niamey", 1)[0].document_id == "niger"


def test_building_twice_gives_the_same_files(
    index: Path, chunks: pa.Table, embedder: object, tmp_path: Path
) -> None:
    build_index(chunks, tmp_path / "again", embedder=embedder)  # type: ignore[arg-type]
    for file in sorted(path for path in index.rglob("*") if path.is_file()):
        twin = tmp_path / "again" / file.relative_to(index)
        assert file.read_bytes() == twin.read_bytes(), file


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "gone"])
def test_damage_to_any_file_is_one_clear_error(index: Path, embedder: object, damage: str) -> None:
    for file in sorted(path for path in index.rglob("*") if path.is_file()):
        whole = file.read_bytes()
        if damage == "empty":
            file.write_bytes(b"")
        elif damage == "cut":
            file.write_bytes(whole[: len(whole) // 2])
        elif damage == "flipped":
            file.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
        else:
            file.unlink()
        with pytest.raises(CheckpointError) as caught:
            _open(index, embedder)
        assert file.name in str(caught.value) or "manifest" in str(caught.value)
        assert "\n" not in str(caught.value)
        file.write_bytes(whole)
    assert len(_open(index, embedder)) == 4


def test_a_missing_index_is_one_clear_error(tmp_path: Path, embedder: object) -> None:
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        _open(tmp_path / "none", embedder)


def test_an_index_refuses_another_embedder(index: Path, word_embedder: type) -> None:
    with pytest.raises(CheckpointError, match="another embedder"):
        _open(index, word_embedder("other"))


def test_a_failed_build_leaves_the_old_index(index: Path, chunks: pa.Table, embedder: object) -> None:
    class Failing:
        dimensions = 64
        fingerprint = "failing"

        def embed(self, texts: object) -> object:
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        build_index(chunks, index, embedder=Failing())  # type: ignore[arg-type]
    assert len(_open(index, embedder)) == 4
    assert [path.name for path in index.parent.iterdir()] == ["index"]


def test_bad_input_is_named(tmp_path: Path, chunks: pa.Table, index: Path, embedder: object) -> None:
    with pytest.raises(SchemaError, match="'text' is missing"):
        build_index(chunks.drop_columns(["text"]), tmp_path / "x")
    numbers = chunks.set_column(0, "document_id", pa.array([1, 2, 3, 4]))
    with pytest.raises(SchemaError, match="int64"):
        build_index(numbers, tmp_path / "x")
    with pytest.raises(DocumentsError, match="none of the 0 chunks"):
        build_index(CHUNK_SCHEMA.empty_table(), tmp_path / "x")
    with pytest.raises(ConfigError, match="mode"):
        _open(index, embedder, "magic")
    with pytest.raises(ConfigError, match="k is 0"):
        _open(index, embedder).search("a", 0)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("dear")
    with pytest.raises(CheckpointError, match="move it away"):
        build_index(chunks, tmp_path / "mine", embedder=embedder)  # type: ignore[arg-type]
