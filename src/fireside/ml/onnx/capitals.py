"""How a word may be written that becomes another in lower case.

A graph can lower ASCII letters alone, the same on every machine. So it looks words up by all their ways of
writing: those that become the word by Java's rules, with their ASCII letters in lower case already.
"""

import functools
import itertools
from collections import defaultdict
from collections.abc import Mapping

import pyarrow as pa

from fireside.ml.feature.text.lower_case import lower_case, lower_one

__all__ = ["written_as"]

MOST = 1 << 16
"""More ways of writing one word than this are not listed."""


def written_as(word: str) -> list[str] | None:
    """All strings without ASCII capitals whose lower case is a word; `None` where there are too many.

    >>> written_as("fire"), written_as("été")
    (['fire'], ['ÉtÉ', 'Été', 'étÉ', 'été'])
    >>> written_as("ας"), written_as("Fire")
    (['ΑΣ', 'Ας', 'αΣ', 'ας'], [])
    """
    choices, place, many = [], 0, 1
    while place < len(word):
        # Only the dotted capital I becomes two characters.
        pair = word[place : place + 2]
        letters = [*_capitals().get(word[place], ()), word[place]]
        if len(pair) == 2 and pair in _capitals():
            letters = [letter + pair[1] for letter in letters] + list(_capitals()[pair])
            place += 1
        choices.append(letters)
        many *= len(letters)
        place += 1
        if many > MOST:
            return None
    # A sigma depends on its neighbours.
    return sorted(text for text in map("".join, itertools.product(*choices)) if lower_one(text) == word)


@functools.cache
def _capitals() -> Mapping[str, list[str]]:
    """Lower case -> the characters beyond ASCII that become it, and are not it."""
    found: dict[str, list[str]] = defaultdict(list)
    letters = [chr(code) for code in range(0x80, 0x20000) if not 0xD800 <= code < 0xE000]
    for letter, lowered in zip(letters, lower_case(pa.array(letters)).to_pylist(), strict=True):
        if lowered != letter:
            found[lowered].append(letter)
    # Before the end of a word.
    found["\u03c2"].append("\u03a3")
    return dict(found)
