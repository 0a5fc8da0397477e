"""Words of a text as BM25 counts them: case, accents, plurals and stop words make no difference."""

import re
import unicodedata

__all__ = ["terms_of"]

_NUMBER = re.compile(r"(?<=\d),(?=\d{3}\b)")
_TERM = re.compile(r"\w+")
_APOSTROPHE = re.compile(r"(?<=\w)['’ʻʼ](?=\w)")
_STOP_WORDS = frozenset(
    _TERM.findall(
        """
        a an and any are as at be been but by can did do does for from had has have how if in into is it its
        of on or s that the their them then there these they this to was were what when where which who whom
        whose will with would
        """
    )
)


def terms_of(text: str) -> list[str]:
    """The terms of a text in their order.

    >>> terms_of("Which countries border Côte d'Ivoire? 1,284,000 sq km of cities")
    ['country', 'border', 'cote', 'divoire', '1284000', 'sq', 'km', 'city']
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
        text = "".join(letter for letter in text if not unicodedata.combining(letter))
    text = _APOSTROPHE.sub("", _NUMBER.sub("", text)).casefold()
    return [_singular(word) for word in _TERM.findall(text) if word not in _STOP_WORDS]


def _singular(word: str) -> str:
    """Harman's S-stemmer (1991): the plural endings of English, and nothing bolder."""
    if len(word) < 4 or not word.endswith("s"):
        return word
    if word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    if word.endswith(("us", "ss", "is")):
        return word
    return word[:-1]
