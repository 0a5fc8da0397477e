"""How a question refers to a document so that only that one can be meant."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from fireside.agents.corpus import Document
from fireside.agents.question import Nugget

__all__ = ["Reference", "references"]


@dataclass(frozen=True, slots=True)
class Reference:
    """A document by the name that a question or an answer uses.

    Attributes:
        document: the document.
        name: its title where no other document has the same, else its id.
        nugget: the document as an answer.
    """

    document: Document
    name: str
    nugget: Nugget


def references(documents: Sequence[Document]) -> list[Reference]:
    """A reference to each document, in order.

    >>> files = [("a/x.md", "Notes"), ("b/x.md", "Notes"), ("c.md", "Plan")]
    >>> found = references([Document(name, title, "") for name, title in files])
    >>> [reference.name for reference in found]
    ['a/x.md', 'b/x.md', 'Plan']
    >>> found[2].nugget.aliases
    ('c.md', 'c')
    """
    titles = Counter(document.title.casefold() for document in documents)
    stems = Counter(_stem(document) for document in documents)
    made = []
    for document in documents:
        name = document.title if titles[document.title.casefold()] == 1 else document.document_id
        others = [document.document_id]
        if stems[_stem(document)] == 1:
            others.append(_stem(document))
        aliases = tuple(dict.fromkeys(other for other in others if other and other != name))
        made.append(Reference(document, name, Nugget(name, aliases=aliases)))
    return made


def _stem(document: Document) -> str:
    return PurePosixPath(document.document_id).stem
