"""Cutting documents into chunks: pieces of bounded length that stand alone.

A chunk begins with the title and section of its document, because a line such as "Coastline: 4,853 km" says
nothing without them. Cuts fall between sections first, then paragraphs, lines, sentences, words. Every
character of a document is in exactly one chunk. Knows nothing about how chunks are found again.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise, zip_longest

import pyarrow as pa

from fireside.agents.corpus.document import DOCUMENT_SCHEMA, Document, documents_table
from fireside.agents.corpus.sections import HEADING, SECTION_JOIN, Span, sections_of
from fireside.core.config import config
from fireside.core.errors import ConfigError, SchemaError

__all__ = ["CHUNK_SCHEMA", "ChunkingConfig", "chunk_batch", "chunk_documents", "split_text"]

CHUNK_SCHEMA = pa.schema(
    [("document_id", pa.string()), ("title", pa.string()), ("section", pa.string()), ("text", pa.string())]
)

# Where a line that is too long may be cut, best first; a cut falls after the match.
_BREAKS = (re.compile(r"[.!?]\s+"), re.compile(r"[;:]\s+"), re.compile(r"\s+"))
_MAX_NAME = 80


@config
class ChunkingConfig:
    """How long chunks are.

    Attributes:
        max_characters: of a chunk, its first line with title and section included. 800 characters of English
            are about 200 tokens, which the default embedder sees whole.
    """

    max_characters: int = 800

    def __post_init__(self) -> None:
        if self.max_characters < 300:
            raise ConfigError(f"max_characters is {self.max_characters}: a chunk needs at least 300")


def split_text(text: str, max_characters: int) -> list[Span]:
    """Spans of at most `max_characters` that follow one another and cover the text.

    >>> text = "# A\\none two\\n## B\\nthree"
    >>> [(text[start:end], section) for start, end, section in split_text(text, 100)]
    [('# A\\none two\\n', 'A'), ('## B\\nthree', 'A / B')]
    """
    return [
        Span(start, end, name)
        for first, last, name in sections_of(text)
        for start, end in pairwise(_cuts(text, first, last, max_characters))
    ]


def chunk_documents(documents: Iterable[Document], chunking: ChunkingConfig | None = None) -> pa.Table:
    """All chunks of some documents, in order, as a table of `CHUNK_SCHEMA`.

    >>> table = chunk_documents([Document("chad", "Chad", "## Government\\nCapital - name: N'Djamena")])
    >>> table["text"].to_pylist()
    ["Chad. Government\\nCapital - name: N'Djamena"]
    """
    batches = documents_table(list(documents)).to_batches(max_chunksize=256)
    return pa.Table.from_batches([chunk_batch(batch, chunking) for batch in batches], schema=CHUNK_SCHEMA)


def chunk_batch(batch: pa.RecordBatch, chunking: ChunkingConfig | None = None) -> pa.RecordBatch:
    """Documents in, chunks out: a pure function of Arrow batches, for `map_batches`.

    Args:
        batch: string columns `document_id`, `title`, `text`; others are ignored.
        chunking: how long; the default configuration where `None`.

    Returns:
        A batch of `CHUNK_SCHEMA`: the chunks of the first document, then of the second, and so on.

    Raises:
        SchemaError: a column is missing.
    """
    max_characters = (chunking or ChunkingConfig()).max_characters
    missing = [name for name in DOCUMENT_SCHEMA.names if name not in batch.schema.names]
    if missing:
        raise SchemaError(f"documents need the columns {DOCUMENT_SCHEMA.names}; missing: {missing}")
    columns = [batch.column(batch.schema.get_field_index(name)).to_pylist() for name in DOCUMENT_SCHEMA.names]
    rows: list[tuple[str, str, str, str]] = []
    for document_id, title, text in zip(*columns, strict=True):
        rows += ((document_id, title, *chunk) for chunk in _chunks(title or "", text or "", max_characters))
    return pa.RecordBatch.from_arrays(
        [pa.array([row[i] for row in rows], pa.string()) for i in range(len(CHUNK_SCHEMA))],
        schema=CHUNK_SCHEMA,
    )


def _chunks(title: str, text: str, max_characters: int) -> Iterator[tuple[str, str]]:
    """(section, chunk) of a document, in order."""
    name = title if len(title) <= _MAX_NAME else title[: _MAX_NAME - 1] + "…"
    sections = sections_of(text)
    for (first, last, section), following in zip_longest(sections, sections[1:]):
        path = section.removeprefix(title).removeprefix(SECTION_JOIN)
        header = f"{name}. {_shorten(path)}" if path else name
        bodies = [
            _without_heading(text[start:end], section).strip()
            for start, end in pairwise(_cuts(text, first, last, max_characters - len(header) - 1))
        ]
        yield from ((section, f"{header}\n{body}") for body in bodies if body)
        # A heading with nothing below it but further headings is named by those; any other is a chunk itself.
        if (
            path
            and not any(bodies)
            and not (following and following.section.startswith(section + SECTION_JOIN))
        ):
            yield section, header


def _cuts(text: str, first: int, last: int, limit: int) -> list[int]:
    """Ascending positions from `first` to `last`, at most `limit` apart."""
    cuts = [first]
    while last - cuts[-1] > limit:
        cuts.append(_next_cut(text, cuts[-1], limit))
    return [*cuts, last]


def _next_cut(text: str, start: int, limit: int) -> int:
    """The best place to end a piece that begins at `start`: always past `start`, never past the limit."""
    window = text[start : start + limit]
    # A paragraph is worth a short chunk, down to half the limit; a line down to a quarter.
    paragraph = window.rfind("\n\n")
    if paragraph >= limit // 2:
        return start + paragraph + 2
    line = window.rfind("\n")
    if line >= limit // 4:
        return start + line + 1
    for pattern in _BREAKS:
        ends = [match.end() for match in pattern.finditer(window) if match.end() >= limit // 4]
        if ends:
            return start + ends[-1]
    return start + limit


def _without_heading(body: str, section: str) -> str:
    """The chunk's first line already names the section; saying it twice costs tokens."""
    first, _, rest = body.partition("\n")
    heading = HEADING.match(first)
    named = heading is not None and len(section) <= _MAX_NAME and section.endswith(heading.group(2))
    return rest if named else body


def _shorten(name: str) -> str:
    """The innermost end of a path of headings."""
    return name if len(name) <= _MAX_NAME else "…" + name[1 - _MAX_NAME :]
