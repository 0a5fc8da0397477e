"""Words in a form in which equal names are equal, and where each stands in the text.

"Côte d'Ivoire", "COTE D’IVOIRE" and "the Cote d'Ivoire" are the same words. What stands between two words is
kept, because it tells a list ("Niger, Nigeria") from a name ("Equatorial Guinea", "Guinea-Bissau").
"""

import re
import unicodedata
from typing import Literal, NamedTuple

__all__ = ["FUNCTION_WORDS", "Gap", "Word", "find_words", "words_of"]

Gap = Literal["space", "hyphen", "comma", "stop"]
"""What stands before a word: only space, a hyphen, punctuation within a sentence, or the end of one."""

_WORD = re.compile(r"(?:[^\W\d_]\.){2,}|[^\W_]+(?:['’‘ʻʼ`´][^\W_]+)*")
_HYPHENS = frozenset({"-", "\u2010", "\u2011"})
_STOP = re.compile(r"[.!?][\"'”’)\]*]*(?:\s|$)|\n")
_ARTICLES = frozenset({"the", "a", "an"})
_SAME = {"st": "saint", "ste": "sainte", "mt": "mount", "ft": "fort", "percent": "%"}
_ABBREVIATED = frozenset({"saint", "sainte", "mount", "fort", "no", "dr", "mr", "mrs"})
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i", "ð": "d", "þ": "th", "ŧ": "t", "ħ": "h"}
)
_POSSESSIVE = re.compile(r"['’]s$")
_APOSTROPHES = re.compile(r"['’‘ʻʼ`´.]")

FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        about according after all also although among an and are as at based be because been being
        between both but by can could did do does each either every few final for from given had has
        have he hence her here his how i if in into is it its located looking many might more most
        my nor not of on only or other our out over per please same she should since so some such
        sure than that the their them then there therefore these they this those though thus to too
        total under until very was we well were what when where whether which while who whose why
        will with within would yes you your
        answer answers capital capitals country countries document documents exact question
        """,
    )
)
"""Words that are never a candidate for an answer, even where they begin a sentence."""


class Word(NamedTuple):
    """A word of a text.

    Attributes:
        form: case, accents and apostrophes removed, common abbreviations written out.
        capital: whether it has an upper-case letter.
        gap: what stands before it.
        start: where it begins in the text.
        end: where it ends.
    """

    form: str
    capital: bool
    gap: Gap
    start: int
    end: int


def words_of(text: str) -> list[Word]:
    """The words of a text without articles; articles alone are kept.

    >>> [(word.form, word.gap) for word in words_of("St. Lucia, the Guinea-Bissau. N’Djamena")]
    [('saint', 'stop'), ('lucia', 'space'), ('guinea', 'comma'), ('bissau', 'hyphen'), ('ndjamena', 'stop')]
    """
    found: list[Word] = []
    articles: list[Word] = []
    end, pending = 0, ""
    for match in _WORD.finditer(text):
        between = pending + text[end : match.start()]
        form = _form(match.group())
        gap: Gap = _gap(between, after=found[-1].form) if found else "stop"
        word = Word(form, any(map(str.isupper, match.group())), gap, match.start(), match.end())
        end = match.end()
        # What stood before an article stands before its noun.
        pending = between if form in _ARTICLES else ""
        (articles if form in _ARTICLES else found).append(word)
    return found or articles


def find_words(wanted: list[Word], words: list[Word]) -> list[tuple[int, int]]:
    """All places where the wanted words follow one another, as (first, past the last).

    >>> find_words(words_of("New York"), words_of("In New York, New York"))
    [(1, 3), (3, 5)]
    """
    forms = [word.form for word in words]
    target = [word.form for word in wanted]
    width = len(target)
    if not width:
        return []
    return [(at, at + width) for at in range(len(forms) - width + 1) if forms[at : at + width] == target]


def _form(word: str) -> str:
    plain = unicodedata.normalize("NFKD", _POSSESSIVE.sub("", word))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = _APOSTROPHES.sub("", plain.casefold()).translate(_LETTERS)
    return _SAME.get(plain, plain)


def _gap(between: str, after: str) -> Gap:
    if not between.strip(" \t\u00a0"):
        return "space"
    if between in _HYPHENS:
        return "hyphen"
    if after in _ABBREVIATED and between.strip() == ".":
        return "space"
    return "stop" if _STOP.search(between) else "comma"
