"""What needles are hidden in: one sentence over and over, or sentences of a text.

RULER takes Paul Graham's essays, from their beginning in every sample. Here the text is the user's, and every
sample begins at another of its sentences, so that samples differ in more than their needle; where the text
ends it begins again, as there. Needles stand between sentences at depths drawn from RULER's forty.
"""

import random
import re
from collections.abc import Sequence

from fireside.core.errors import InputError

__all__ = ["DEPTHS", "NOISE", "between_lines", "in_essay", "sentences_of"]

NOISE = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."

DEPTHS = tuple(round(100 * step / 39) for step in range(40))
"""Per cent of the haystack before the needle: forty depths from 0 to 100."""

_END_OF_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])\s*")
# Lists and code have no ends of sentences; pieces must stay small, or lengths could not be met closely.
_LONGEST = 300


def sentences_of(text: str) -> tuple[str, ...]:
    """Sentences of a text without line breaks; long ones are cut at spaces.

    >>> sentences_of("One is here.\\nTwo is\\tthere!  三。四。")
    ('One is here.', 'Two is there!', '三。', '四。')
    """
    plain = " ".join(text.split())
    pieces = []
    for sentence in _END_OF_SENTENCE.split(plain):
        rest = sentence
        while len(rest) > _LONGEST:
            cut = rest.rfind(" ", 1, _LONGEST)
            cut = _LONGEST if cut < 0 else cut
            pieces.append(rest[:cut].strip())
            rest = rest[cut:].strip()
        pieces.append(rest)
    return tuple(piece for piece in pieces if piece)


def between_lines(lines: Sequence[str], needles: Sequence[str], generator: random.Random) -> str:
    """Needles in their order between lines, at most one in a gap while there are gaps enough."""
    gaps = range(len(lines) + 1)
    places = (
        generator.sample(gaps, len(needles))
        if len(gaps) >= len(needles)
        else generator.choices(gaps, k=len(needles))
    )
    return "\n".join(_mixed(lines, needles, sorted(places)))


def in_essay(sentences: Sequence[str], size: int, needles: Sequence[str], generator: random.Random) -> str:
    """So many sentences from a random one on, with needles at random depths, as one paragraph.

    Raises:
        InputError: there are no sentences.
    """
    if not sentences:
        raise InputError("the haystack has no text: give a file or folder that has some")
    start = generator.randrange(len(sentences))
    taken = [sentences[(start + i) % len(sentences)] for i in range(size)]
    places = sorted(size * depth // 100 for depth in generator.sample(DEPTHS, len(needles)))
    return " ".join(_mixed(taken, needles, places))


def _mixed(lines: Sequence[str], needles: Sequence[str], places: Sequence[int]) -> list[str]:
    """Each needle before the line at its place; places ascend."""
    mixed: list[str] = []
    last = 0
    for place, needle in zip(places, needles, strict=True):
        mixed += [*lines[last:place], needle]
        last = place
    return [*mixed, *lines[last:]]
