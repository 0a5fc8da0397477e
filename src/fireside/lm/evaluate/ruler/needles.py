"""Needle in a haystack: eight of the thirteen tasks (RULER, section 3.1 and table 2).

A needle says that a key has a value; the question asks for the values of one key or several. Keys and values
occur once: a value that stood in two needles could be found without its key.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from fireside.lm.evaluate.ruler.haystack import NOISE, between_lines, in_essay
from fireside.lm.evaluate.ruler.sample import Draw, Growing, RulerPrompt
from fireside.lm.evaluate.ruler.words import distinct_names, distinct_numbers, distinct_uuids

__all__ = ["Needles"]

NEEDLE = "One of the special magic {kind} for {key} is: {value}."
ONE = (
    "A special magic {kind} is hidden within the following text. Make sure to memorize it. I will quiz you "
    "about the {kind} afterwards.\n{context}\nWhat is the special magic {kind} for {query} mentioned in the "
    "provided text?"
)
ONE_PREFIX = " The special magic {kind} for {query} mentioned in the provided text is"
MANY = (
    "Some special magic {kind} are hidden within the following text. Make sure to memorize it. I will quiz "
    "you about the {kind} afterwards.\n{context}\nWhat are all the special magic {kind} for {query} "
    "mentioned in the provided text?"
)
MANY_PREFIX = " The special magic {kind} for {query} mentioned in the provided text are"


@dataclass(frozen=True, kw_only=True, slots=True)
class Needles:
    """A task of the family.

    Attributes:
        haystack: one sentence over and over, an essay, or other needles.
        keys: what a needle is asked for by: words joined by a hyphen, or UUIDs.
        values: what is asked for: numbers of seven digits, or UUIDs.
        num_keys: needles with keys of their own, beside those of the haystack.
        num_values: needles of each key.
        num_queries: keys that are asked for.
    """

    haystack: Literal["noise", "essay", "needles"]
    keys: Literal["words", "uuids"] = "words"
    values: Literal["numbers", "uuids"] = "numbers"
    num_keys: int = 1
    num_values: int = 1
    num_queries: int = 1

    def __call__(self, draw: Draw) -> Growing:
        """The needles of a sample."""
        values = list(islice(_stream(self.values, draw.generator("values")), self.num_keys * self.num_values))
        keys = list(islice(_stream(self.keys, draw.generator("keys")), self.num_keys))
        per_key = [values[i * self.num_values : (i + 1) * self.num_values] for i in range(self.num_keys)]
        generator = draw.generator("order")
        asked = generator.sample(range(self.num_keys), self.num_queries)
        needles = [self._needle(key, value) for key, own in zip(keys, per_key, strict=True) for value in own]
        generator.shuffle(needles)
        references = tuple(value for place in asked for value in per_key[place])
        query = _listed([keys[place] for place in asked])
        template, prefix = (ONE, ONE_PREFIX) if len(references) == 1 else (MANY, MANY_PREFIX)
        kind = self.values[:-1] if len(references) == 1 else self.values

        def at(size: int) -> RulerPrompt:
            context = self._context(draw, size, needles)
            return RulerPrompt(
                text=template.format(kind=kind, context=context, query=query),
                answer_prefix=prefix.format(kind=kind, query=query),
                references=references,
            )

        return Growing(1 if self.haystack == "essay" else len(needles), at)

    def _needle(self, key: str, value: str) -> str:
        return NEEDLE.format(kind=self.values, key=key, value=value)

    def _context(self, draw: Draw, size: int, needles: Sequence[str]) -> str:
        generator = draw.generator("places")
        if self.haystack == "essay":
            return in_essay(draw.texts.sentences, size, needles, generator)
        if self.haystack == "noise":
            return between_lines([NOISE] * size, needles, generator)
        # The same streams as the needles': what they have given already is passed over.
        keys = _stream(self.keys, draw.generator("keys"))
        values = _stream(self.values, draw.generator("values"))
        others = zip(
            islice(keys, self.num_keys, self.num_keys + size),
            islice(values, self.num_keys * self.num_values, None),
            strict=False,
        )
        return between_lines([self._needle(key, value) for key, value in others], needles, generator)


def _stream(kind: str, generator: random.Random) -> Iterator[str]:
    streams = {"words": distinct_names, "numbers": distinct_numbers, "uuids": distinct_uuids}
    return streams[kind](generator)


def _listed(names: Sequence[str]) -> str:
    """Names as a sentence lists them.

    >>> _listed(["a"]), _listed(["a", "b", "c"])
    ('a', 'a, b, and c')
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])}, and {names[-1]}"
