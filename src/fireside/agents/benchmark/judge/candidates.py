"""What an answer puts forward, in order: each a possible answer, right or wrong.

An answer that names two hundred countries has said nothing. So the judge counts what is put forward, and for
a question with one answer lets only the first count. Words of the question itself are not put forward: "The
capital of Chad is N'Djamena" names one candidate.

Where names are looked for and the text has capitals, each run of words with capitals is a candidate. Else
each part of a list is: what lies between punctuation, "and" and "or", if it says anything new. A name that is
denied ("not Mali but Niger") is not put forward.
"""

from collections.abc import Callable, Iterator, Sequence, Set
from itertools import pairwise
from typing import NamedTuple

from fireside.agents.benchmark.judge.negation import is_negated
from fireside.agents.benchmark.judge.words import FUNCTION_WORDS, Word

__all__ = ["Candidate", "candidates", "is_name", "name_test"]

_CONNECTORS = frozenset({"of", "de", "du", "da", "del", "di", "la", "le", "el", "al", "van", "von", "und"})
# In "the City of Niamey" or "the Republic of Chad" these only say what kind of thing is named.
_KINDS = frozenset(
    {"city", "town", "republic", "kingdom", "state", "nation", "commonwealth", "principality", "sultanate"}
)
_ALTERNATIVES = frozenset({"or", "either", "maybe", "perhaps"})
NameTest = Callable[[Word], bool]


class Candidate(NamedTuple):
    """Something put forward.

    Attributes:
        first: index of its first word.
        nugget: whether it is the answer that is looked for.
        alternative: whether it stands behind an "or".
    """

    first: int
    nugget: bool
    alternative: bool


def is_name(text: str) -> bool:
    """Whether an answer is a name or a code, which a text writes with capitals."""
    return any(letter.isupper() for letter in text)


def name_test(words: Sequence[Word]) -> NameTest:
    """Tells the words of names in this text."""
    capitals = any(word.capital for word in words)

    def test(word: Word) -> bool:
        if word.form in FUNCTION_WORDS or word.form in _CONNECTORS or word.form.isdigit():
            return False
        return word.capital or not capitals

    return test


def candidates(
    words: Sequence[Word], found: Sequence[tuple[int, int]], known: Set[str], *, names: bool
) -> list[Candidate]:
    """All candidates in order.

    Args:
        words: of the statement.
        found: where a nugget stands, as (first word, past the last); they do not overlap.
        known: forms that are not put forward, being part of the question.
        names: whether the answers looked for are names.
    """
    if names and any(word.capital for word in words):
        return _names_put_forward(words, dict(found), known)
    return _parts_put_forward(words, dict(found), known, room=1 if names else 4)


def _names_put_forward(words: Sequence[Word], found: dict[int, int], known: Set[str]) -> list[Candidate]:
    test = name_test(words)
    put_forward: list[Candidate] = []
    at, alternative = 0, False
    while at < len(words):
        alternative |= words[at].form in _ALTERNATIVES
        nugget = at in found
        end = found[at] if nugget else _name_end(words, at, test, found)
        said = known | _KINDS
        novel = test(words[at]) and any(word.form not in said for word in words[at:end])
        if nugget or (novel and not is_negated((at, end), words)):
            put_forward.append(Candidate(at, nugget, alternative))
            alternative = False
        at = end
    return put_forward


def _parts_put_forward(
    words: Sequence[Word], found: dict[int, int], known: Set[str], *, room: int
) -> list[Candidate]:
    """`room` is how many new words may stand beside a nugget in its part; with more it is one of many."""
    put_forward: list[Candidate] = []
    alternative = False
    for first, end in _parts(words, found):
        alternative |= any(word.form in _ALTERNATIVES for word in words[first : first + 1])
        places = [(at, found[at]) for at in range(first, end) if at in found]
        inside = {at for start, past in places for at in range(start, past)}
        new = [
            at
            for at in range(first, end)
            if at not in inside and words[at].form not in known and words[at].form not in FUNCTION_WORDS
        ]
        if places or new:
            put_forward.append(Candidate(first, bool(places) and len(new) <= room, alternative))
            alternative = False
    return put_forward


def _parts(words: Sequence[Word], found: dict[int, int]) -> Iterator[tuple[int, int]]:
    """(first word, past the last) of each part of a list; a nugget is never cut."""
    inside = {at for start, past in found.items() for at in range(start + 1, past)}
    cuts = [
        at
        for at, word in enumerate(words)
        if at not in inside and (word.gap in ("comma", "stop") or word.form in ("and", "or"))
    ]
    return pairwise(sorted({0, *cuts, len(words)}))


def _name_end(words: Sequence[Word], at: int, test: NameTest, found: dict[int, int]) -> int:
    """Past the last word of the name that begins at `at`; the next word where none begins there."""
    end = at + 1
    if not test(words[at]):
        return end
    while end < len(words) and end not in found and words[end].gap in ("space", "hyphen"):
        if test(words[end]):
            end += 1
        elif (
            words[end].form in _CONNECTORS
            and end + 1 < len(words)
            and words[end + 1].gap == "space"
            and test(words[end + 1])
            and end + 1 not in found
        ):
            end += 2
        else:
            break
    return end
