import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.agents.corpus import CHUNK_SCHEMA, ChunkingConfig, Document, chunk_batch, chunk_documents
from fireside.agents.corpus.chunking import split_text
from fireside.agents.corpus.document import documents_table
from fireside.core.errors import ConfigError, InputError, SchemaError

_LINES = st.lists(
    st.one_of(
        st.text(st.characters(codec="utf-8"), max_size=400),
        st.from_regex(r"\A#{1,6} [A-Za-z ]{1,30}\Z"),
        st.just(""),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(_LINES, st.integers(1, 200))
def test_spans_follow_one_another_cover_the_text_and_keep_the_bound(lines: list[str], limit: int) -> None:
    text = "\n".join(lines)
    spans = split_text(text, limit)
    assert "".join(text[start:end] for start, end, _ in spans) == text
    assert all(0 < end - start <= limit for start, end, _ in spans)


@settings(deadline=None)
@given(_LINES, st.text(max_size=120), st.integers(300, 600))
def test_every_visible_character_is_in_a_chunk_and_chunks_keep_the_bound(
    lines: list[str], title: str, limit: int
) -> None:
    text = "\n".join(lines)
    chunks = chunk_documents([Document("d", title, text)], ChunkingConfig(max_characters=limit))[
        "text"
    ].to_pylist()
    assert all(len(chunk) <= limit for chunk in chunks)
    joined = "".join("".join(chunk.split()) for chunk in chunks)
    for word in text.replace("#", " ").split():
        # A word longer than a chunk is cut; its pieces are still there, one after the other.
        assert word in joined or any(word[:20] in chunk for chunk in chunks)


def test_cuts_prefer_paragraphs_then_lines_then_sentences_then_words() -> None:
    paragraph = "a" * 60 + "\n\n" + "b" * 30 + "\n" + "c" * 30
    assert next(paragraph[s:e] for s, e, _ in split_text(paragraph, 100)) == "a" * 60 + "\n\n"
    lines = "a" * 60 + "\n" + "b" * 60
    assert [lines[s:e] for s, e, _ in split_text(lines, 100)] == ["a" * 60 + "\n", "b" * 60]
    sentences = "One is here. " * 3 + "Two two two"
    assert [sentences[s:e] for s, e, _ in split_text(sentences, 45)] == ["One is here. " * 3, "Two two two"]
    words = "abc " * 20
    assert all(words[s:e].endswith(" ") for s, e, _ in split_text(words, 30))
    assert [e - s for s, e, _ in split_text("x" * 25, 10)] == [10, 10, 5]


def test_a_chunk_stands_alone() -> None:
    text = "## Geography\n" + "\n".join(f"Field {number}: value {number}" for number in range(60))
    chunks = chunk_documents([Document("fr", "France", text)], ChunkingConfig(max_characters=300))[
        "text"
    ].to_pylist()
    assert len(chunks) > 3
    assert all(chunk.startswith("France. Geography\nField") for chunk in chunks)
    assert all(line.startswith("Field") for chunk in chunks for line in chunk.split("\n")[1:])


def test_headings_nest_and_the_title_is_said_once() -> None:
    document = Document("g", "Guide", "# Guide\n## Install\n### Linux\nuse apt\n## Remove\nno way\n## End")
    assert chunk_documents([document])["text"].to_pylist() == [
        "Guide. Install / Linux\nuse apt",
        "Guide. Remove\nno way",
        "Guide. End",
    ]


def test_batches_go_in_and_out_in_order_whatever_their_size() -> None:
    documents = [Document(f"d{number}", f"T{number}", "word " * 200 * number) for number in range(5)]
    table = documents_table(documents)
    whole = chunk_batch(table.to_batches()[0])
    parts = [chunk_batch(batch) for batch in table.to_batches(max_chunksize=2)]
    assert pa.Table.from_batches(parts).equals(pa.Table.from_batches([whole]))
    assert whole.schema == CHUNK_SCHEMA
    assert "d0" not in whole.column("document_id").to_pylist()


def test_an_empty_batch_gives_an_empty_batch() -> None:
    assert chunk_documents([]).num_rows == 0
    assert chunk_batch(documents_table([Document("a", "A", "")]).to_batches()[0]).schema == CHUNK_SCHEMA


def test_bad_input_is_named() -> None:
    with pytest.raises(SchemaError, match="title"):
        chunk_batch(pa.RecordBatch.from_pydict({"document_id": ["a"], "text": ["b"]}))
    with pytest.raises(ConfigError, match="at least 300"):
        ChunkingConfig(max_characters=10)
    with pytest.raises(InputError, match="'a'"):
        documents_table([Document("a", "A", "x"), Document("a", "B", "y")])
