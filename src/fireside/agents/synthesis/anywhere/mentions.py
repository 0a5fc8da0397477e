"""Questions for the documents that mention a name, or two, or share a value: all of them, or the only one."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from fireside.agents.question import Question, Split
from fireside.agents.synthesis.anywhere.reference import Reference
from fireside.agents.synthesis.selection import draft

__all__ = ["mention_questions", "names_in", "pair_questions", "shared_value_questions"]

_FEWEST, _MOST = 2, 8
_PAIRS_PER_DOCUMENT = 6
_MENTION = ('Which documents mention "{name}"?', 'List every document that mentions "{name}".')
_PAIR = (
    'Which document mentions both "{a}" and "{b}"?',
    'Name the one document that mentions "{a}" and "{b}".',
)
_SHARED = ('Which documents give "{value}" as the {name}?', 'List every document whose {name} is "{value}".')

# One to four words with capitals that do not begin a line, a sentence, a quotation or an item.
_WORDS = re.compile(r"\w+")
_LONGEST_NAME = 6
_WORD = r"[A-Z][\w’'-]*[A-Za-z0-9]"
_NAME = re.compile(rf"(?<=[\w,] )({_WORD}(?: {_WORD}){{0,3}})(?!\w)")


def names_in(text: str) -> set[str]:
    """Capitalised names inside sentences.

    >>> sorted(names_in("The depot in Port Vila is run by Ada Byron. Every Monday it opens."))
    ['Ada Byron', 'Monday', 'Port Vila']
    """
    return {match.group(1) for match in _NAME.finditer(text) if len(match.group(1)) > 3}


def mention_questions(
    references: Sequence[Reference], splits: Mapping[str, Split], generator: np.random.Generator
) -> Iterator[Question]:
    """Names that two to eight documents mention, all of one split."""
    for name, found in _holders(references).items():
        held = {splits[references[at].document.document_id] for at in found}
        if _FEWEST <= len(found) <= _MOST and len(held) == 1:
            text = _MENTION[int(generator.integers(len(_MENTION)))].format(name=name)
            documents = [references[at] for at in found]
            yield draft(
                "exhaustive",
                text,
                [reference.nugget for reference in documents],
                [reference.document.document_id for reference in documents],
                held.pop(),
            )


def pair_questions(
    references: Sequence[Reference], splits: Mapping[str, Split], generator: np.random.Generator
) -> Iterator[Question]:
    """Pairs of names that each stand in several documents, and together in one; at most six a document."""
    holders = {name: set(found) for name, found in _holders(references).items() if len(found) > 1}
    by_document: dict[int, list[str]] = defaultdict(list)
    for name, found in holders.items():
        for at in found:
            by_document[at].append(name)
    for at, names in sorted(by_document.items()):
        made = 0
        for _ in range(10 * _PAIRS_PER_DOCUMENT):
            if len(names) < 2 or made == _PAIRS_PER_DOCUMENT:
                break
            a, b = (names[index] for index in sorted(generator.permutation(len(names))[:2]))
            # "Port Vila" in "Port Vila Depot" is one name said twice.
            if holders[a] & holders[b] == {at} and a not in b and b not in a:
                made += 1
                document_id = references[at].document.document_id
                text = _PAIR[int(generator.integers(len(_PAIR)))].format(a=a, b=b)
                yield draft("entity", text, [references[at].nugget], [document_id], splits[document_id])


def shared_value_questions(
    references: Sequence[Reference], splits: Mapping[str, Split], generator: np.random.Generator
) -> Iterator[Question]:
    """Values that two to eight documents give under the same name, all of one split."""
    holders: dict[tuple[str, str], list[int]] = defaultdict(list)
    for at, reference in enumerate(references):
        for name, value in reference.document.fields.items():
            if len(name) <= 60 and len(value) <= 60 and re.search(r"\w", value):
                holders[name, value].append(at)
    for (name, value), found in sorted(holders.items()):
        held = {splits[references[at].document.document_id] for at in found}
        if _FEWEST <= len(found) <= _MOST and len(held) == 1:
            text = _SHARED[int(generator.integers(len(_SHARED)))].format(name=name, value=value)
            documents = [references[at] for at in found]
            yield draft(
                "exhaustive",
                text,
                [reference.nugget for reference in documents],
                [reference.document.document_id for reference in documents],
                held.pop(),
            )


def _holders(references: Sequence[Reference]) -> dict[str, list[int]]:
    """Which documents hold each name, in any case; names that are common words elsewhere are left out.

    A name is held where its words follow one another. Every document is read once, and at each place every
    name that could begin there is looked up.
    """
    texts = [f"{reference.document.title}\n{reference.document.text}" for reference in references]
    found_in = Counter(name for text in texts for name in names_in(text))
    by_words: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in sorted(found_in):
        by_words[tuple(_WORDS.findall(name.casefold()))].append(name)
    holders: dict[str, dict[int, None]] = defaultdict(dict)
    common: set[str] = set()
    for at, text in enumerate(texts):
        written = _WORDS.findall(text)
        folded = [word.casefold() for word in written]
        for start in range(len(folded)):
            for width in range(1, _LONGEST_NAME + 1):
                for name in by_words.get(tuple(folded[start : start + width]), ()):
                    holders[name][at] = None
                    # "March" is a name in one document and a way of walking in another.
                    if all(word.islower() for word in written[start : start + width]):
                        common.add(name)
    return {
        name: list(held)
        for name, held in sorted(holders.items())
        if name not in common and len(held) <= _MOST
    }
