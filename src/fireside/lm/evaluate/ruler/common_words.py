"""Common words extraction: the ten words of a list that occur most often (RULER, 3.3).

From 4,096 tokens on, ten words occur thirty times and all others three times; below, RULER takes six times
and once, with a smaller solved example. Below 1,024 tokens, where RULER does not go, even that has no room:
there the common words occur three times and there is no example.
"""

import random
from dataclasses import dataclass
from itertools import islice

from fireside.lm.evaluate.ruler.sample import Draw, Growing, RulerPrompt
from fireside.lm.evaluate.ruler.words import distinct_words

__all__ = ["common_words"]

NUM_COMMON = 10
TEMPLATE = (
    "Below is a numbered list of words. In these words, some appear more often than others. Memorize the "
    "ones that appear most often.\n{context}\nQuestion: What are the 10 most common words in the above list?"
)
PREFIX = " Answer: The top 10 words that appear most often in the list are:"


@dataclass(frozen=True, slots=True)
class _List:
    """How often common and other words occur; `num_words` different ones where that is fixed."""

    common: int
    other: int
    num_words: int = 0


def common_words(draw: Draw) -> Growing:
    """Ten common words among so many different ones."""
    if draw.length >= 4096:
        counts, example = _List(30, 3), _List(10, 3, 40)
    elif draw.length >= 1024:
        counts, example = _List(6, 1), _List(3, 1, 20)
    else:
        counts, example = _List(3, 1), None
    solved = ""
    if example is not None:
        prompt = _prompt(example, example.num_words, draw.generator("example"))
        solved = f"{prompt.text}{prompt.answer_prefix} {_numbered(prompt.references)}\n"

    def at(size: int) -> RulerPrompt:
        prompt = _prompt(counts, size, draw.generator("words"))
        return RulerPrompt(
            text=solved + prompt.text, answer_prefix=prompt.answer_prefix, references=prompt.references
        )

    return Growing(NUM_COMMON + 1, at)


def _prompt(counts: _List, num_words: int, generator: random.Random) -> RulerPrompt:
    words = list(islice(distinct_words(generator), num_words))
    listed = words[:NUM_COMMON] * counts.common + words[NUM_COMMON:] * counts.other
    # A generator of its own: how many words were drawn before must not change where they stand.
    random.Random(generator.random()).shuffle(listed)
    return RulerPrompt(
        text=TEMPLATE.format(context=_numbered(listed)),
        answer_prefix=PREFIX,
        references=tuple(words[:NUM_COMMON]),
    )


def _numbered(words: list[str] | tuple[str, ...]) -> str:
    return " ".join(f"{number}. {word}" for number, word in enumerate(words, 1))
