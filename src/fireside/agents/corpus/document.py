"""A document: plain text with markdown headings, and the named values that were found in it.

Every reader ends here. The text of a document is data, whatever it says: nothing in it is ever executed,
fetched or obeyed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from fireside.agents.corpus.text import clean_text
from fireside.core.errors import InputError

__all__ = ["DOCUMENT_SCHEMA", "Document", "DocumentProblem", "documents_table", "make_document"]

DOCUMENT_SCHEMA = pa.schema([("document_id", pa.string()), ("title", pa.string()), ("text", pa.string())])


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a corpus.

    Attributes:
        document_id: unique in the corpus; what a citation names.
        title: what a person would call it.
        text: plain text; headings are lines that begin with `#`.
        fields: values by name, such as `{"Government: Capital - name": "Paris"}`; a name that stood there
            twice with two values is left out, because it would have no one answer.
        source: where it was read from, for reports; never opened again.
    """

    document_id: str
    title: str
    text: str
    fields: Mapping[str, str] = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True, slots=True)
class DocumentProblem:
    """A file that could not be read, or only in part.

    Attributes:
        path: relative to the folder that was read.
        reason: one line.
        partial: whether its beginning was read and is among the documents.
    """

    path: str
    reason: str
    partial: bool = False


def make_document(
    document_id: str, title: str, text: str, pairs: Sequence[tuple[str, str]] = (), source: str = ""
) -> Document:
    """A document with cleaned text, and with those named values that are unambiguous.

    >>> document = make_document("a.md", "A\\u200b", "x\\r\\ny", [("k", "1"), ("k", "2"), ("l", "3")])
    >>> document.title, document.text, dict(document.fields)
    ('A', 'x\\ny', {'l': '3'})
    """
    values: dict[str, str] = {}
    ambiguous = set()
    for raw_name, raw_value in pairs:
        name, value = clean_text(raw_name).strip(), clean_text(raw_value).strip()
        if not name or not value:
            continue
        if values.setdefault(name, value) != value:
            ambiguous.add(name)
    fields = {name: value for name, value in values.items() if name not in ambiguous}
    title = " ".join(clean_text(title).split()) or document_id
    return Document(document_id, title, clean_text(text), fields, source)


def documents_table(documents: Sequence[Document]) -> pa.Table:
    """The documents as an Arrow table of `DOCUMENT_SCHEMA`, one row each.

    Raises:
        InputError: two documents have one id.

    >>> documents_table([Document("a", "A", "text")]).to_pylist()
    [{'document_id': 'a', 'title': 'A', 'text': 'text'}]
    """
    ids = [document.document_id for document in documents]
    if len(set(ids)) != len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise InputError(f"two documents have the id {twice!r}: give each its own")
    columns = [ids, [document.title for document in documents], [document.text for document in documents]]
    return pa.table(columns, schema=DOCUMENT_SCHEMA)
