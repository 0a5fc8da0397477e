"""Places in documents that a question can be asked about: what stands before, what follows, what it is about.

One function for each kind of question; each reads texts and knows nothing about other choices or items.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

__all__ = ["Candidate", "Find", "definitions", "facts", "phrases", "words"]

CONTEXT_WORDS, CONTEXT_CHARACTERS = 24, 400
FIELD_CHARACTERS = VALUE_CHARACTERS = 40
DEFINITION_WORDS = 6
LEAST_OCCURRENCES = 8


class Candidate(NamedTuple):
    """One place in a document.

    Attributes:
        context: what stands before; about 24 words where there are so many.
        continuation: what the question is about.
        about: choices of one item differ in it.
        size: choices of one item are near in it, so that it tells nothing.
        rest: what follows whichever choice is made.
    """

    context: str
    continuation: str
    about: str = ""
    size: int = 0
    rest: str = ""

    @property
    def place(self) -> str:
        """The end of it: a candidate whose place is in the training texts too is no question."""
        return (self.context + self.continuation + self.rest)[-80:]


Find = Callable[[Sequence[str]], Iterator[Candidate]]


def definitions(texts: Sequence[str]) -> Iterator[Candidate]:
    r"""The first words of what an entry of a dictionary says; choices belong to different parts of speech.

    >>> (found,) = definitions(["Wayed, a.\n1. Used to the way, as a horse is; broken. [R.]"])
    >>> found.context, found.continuation, found.about
    ('Wayed, a.', '\nUsed to the way, as a', 'a.')
    """
    for text in texts:
        for entry in text.split("\n\n"):
            head, _, body = entry.partition("\n")
            first = re.sub(r"^\d+\. ", "", body.partition("\n")[0]).split(" ")[:DEFINITION_WORDS]
            if (
                len(first) == DEFINITION_WORDS
                and first[0] not in ("See", "Same", "same")
                and "[" not in first
            ):
                definition = "\n" + " ".join(first)
                speech = head.rpartition(", ")[2].replace("adj.", "a.")
                yield Candidate(head, definition, speech, len(definition))


def facts(texts: Sequence[str]) -> Iterator[Candidate]:
    r"""The name of a field in a profile, after the lines before it and before its value.

    >>> (found,) = facts(["## Geography\nCoastline: 1,250 km"])
    >>> found.context, found.continuation, found.rest
    ('## Geography', '\nCoastline', ': 1,250 km')
    """
    for text in texts:
        for line in re.finditer(r"(?<=.)\n([A-Z][^:\n]*(?:: [^:\n]*)?)(: .+)$", text, re.M):
            if len(line[1]) <= FIELD_CHARACTERS and len(line[2]) <= VALUE_CHARACTERS:
                yield Candidate(_before(text, line.start()), f"\n{line[1]}", line[1], len(line[1]), line[2])


def phrases(texts: Sequence[str]) -> Iterator[Candidate]:
    """Six different words in a row.

    >>> (found,) = phrases(["The lake is deep and no one has measured it."])
    >>> found.context, found.continuation
    ('The', ' lake is deep and no one')
    """
    for text in texts:
        for found in re.finditer(r"(?<=[a-z,])((?: [a-z]{2,},?){6})(?= [a-z])", text):
            if len(set(found[1].split())) == 6:
                yield Candidate(_before(text, found.start()), found[1])


def words(texts: Sequence[str]) -> Iterator[Candidate]:
    """A common word that is new in its context, before four that follow; choices are as long and as common.

    >>> (found,) = words(["We saw those boats and the sea was calm. " + "boats " * 8])
    >>> found.context, found.continuation, found.rest
    ('We saw those', ' boats', ' and the sea was')
    """
    counts = Counter(word for text in texts for word in re.findall(r"\b[a-z]{4,}\b", text))
    for text in texts:
        for found in re.finditer(r"(?<=[a-z,]) ([a-z]{4,})(?=((?: [a-z]+,?){4})\b)", text):
            context, word = _before(text, found.start()), found[1]
            if counts[word] >= LEAST_OCCURRENCES and word not in context:
                yield Candidate(context, f" {word}", word, 1_000_000 * len(word) + counts[word], found[2])


def _before(text: str, end: int) -> str:
    """The last 24 words before a place, spaces and lines as they are."""
    before = text[max(0, end - CONTEXT_CHARACTERS) : end]
    start, *last = before.rsplit(None, CONTEXT_WORDS)
    return before[len(start) :].lstrip() if len(last) == CONTEXT_WORDS else before.lstrip()
