"""Questions for the term that a sentence defines: "A ledger is a book of accounts." -> ledger."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from fireside.agents.question import Nugget, Question, Split
from fireside.agents.synthesis.anywhere.reference import Reference
from fireside.agents.synthesis.selection import draft

__all__ = ["definition_questions", "definitions_in"]

_TEMPLATES = (
    'What does "{document}" describe as "{what}"?',
    'Which term is described in "{document}" as "{what}"?',
)
_SENTENCE = re.compile(
    r"(?:^|(?<=[.!?] ))(?:(?:The|An?) )?([A-Z]?[\w'’-]+(?: [\w'’-]+){0,3}) (?:is|are) "
    r"((?:an?|the|any) [^.!?\n]{25,160})[.]",
    re.MULTILINE,
)
_PRONOUNS = re.compile(
    r"^(?:it|this|that|these|those|there|here|he|she|they|we|you|what|which|who|one|each|both|if|when|where|in|"
    r"on|at|for|as|but|and|or|so|then|note|how|why|because|since|while|also|not|all|some|most|another|such)\b",
    re.IGNORECASE,
)
_PER_DOCUMENT = 10


def definitions_in(text: str) -> list[tuple[str, str]]:
    """(term, what it is) of the sentences that define one.

    >>> definitions_in("A ledger is a book in which accounts are kept. It is a thing that one needs daily.")
    [('ledger', 'a book in which accounts are kept')]
    """
    found = []
    for match in _SENTENCE.finditer(text):
        term, what = match.group(1), match.group(2).strip()
        words = set(re.findall(r"\w+", what.casefold()))
        if not _PRONOUNS.match(term) and not words & set(re.findall(r"\w+", term.casefold())):
            found.append((term, what))
    return found


def definition_questions(
    references: Sequence[Reference], splits: Mapping[str, Split], generator: np.random.Generator
) -> Iterator[Question]:
    """At most ten questions a document; what is said of two terms is asked of neither."""
    for reference in references:
        terms: dict[str, set[str]] = defaultdict(set)
        for term, what in definitions_in(reference.document.text):
            terms[what].add(term)
        sure = [(what, next(iter(names))) for what, names in sorted(terms.items()) if len(names) == 1]
        for at in generator.permutation(len(sure))[:_PER_DOCUMENT]:
            what, term = sure[at]
            document_id = reference.document.document_id
            text = _TEMPLATES[int(generator.integers(len(_TEMPLATES)))].format(
                document=reference.name, what=what
            )
            yield draft("lookup", text, [Nugget(term)], [document_id], splits[document_id])
