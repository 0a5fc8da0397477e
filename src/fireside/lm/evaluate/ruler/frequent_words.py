"""Frequent words extraction: the three most frequent invented words of a text by Zipf's law (RULER, 3.3).

The word of rank k occurs N k^-2 / zeta(2) times, rounded down; the first is noise, "...". Where
the last rank that is asked for would be as frequent as those after it, these are made rarer by one, so that
there is always one right answer.
"""

import math
from itertools import islice
from string import ascii_lowercase

from fireside.lm.evaluate.ruler.sample import Draw, Growing, RulerPrompt
from fireside.lm.evaluate.ruler.words import distinct

__all__ = ["frequent_words"]

NOISE = "..."
NUM_ASKED = 3
LETTERS = 6
# RULER's: a vocabulary of one word for fifty tokens of the prompt.
TOKENS_A_WORD = 50
ANSWER_TOKENS = 50
SMALLEST_VOCABULARY = 8
ZETA_2 = math.pi**2 / 6
# The fewest words of which the last one asked for occurs at all.
SMALLEST = math.ceil((NUM_ASKED + 1) ** 2 * ZETA_2)
TEMPLATE = (
    "Read the following coded text and track the frequency of each coded word. Find the three most "
    "frequently appeared coded words. {context}\nQuestion: Do not provide any explanation. Please ignore the "
    "dots '....'. What are the three most frequently appeared words in the above coded text?"
)
PREFIX = " Answer: According to the coded text above, the three most frequently appeared words are:"


def frequent_words(draw: Draw) -> Growing:
    """Words of six random letters in a text of about so many words."""
    generator = draw.generator("vocabulary")
    num_words = max(SMALLEST_VOCABULARY, (draw.length - ANSWER_TOKENS) // TOKENS_A_WORD)
    invented = distinct(lambda _: "".join(generator.choices(ascii_lowercase, k=LETTERS)))
    vocabulary = [NOISE, *islice(invented, num_words - 1)]

    def at(size: int) -> RulerPrompt:
        text = [
            word
            for word, count in zip(vocabulary, counts(size, num_words), strict=True)
            for _ in range(count)
        ]
        draw.generator("order").shuffle(text)
        return RulerPrompt(
            text=TEMPLATE.format(context=" ".join(text)),
            answer_prefix=PREFIX,
            references=tuple(vocabulary[1 : 1 + NUM_ASKED]),
        )

    return Growing(SMALLEST, at)


def counts(size: int, num_words: int) -> list[int]:
    """How often each rank occurs among about `size` words.

    >>> counts(100, 8)
    [60, 15, 6, 3, 2, 1, 1, 0]
    >>> counts(45, 6)
    [27, 6, 3, 1, 0, 0]
    """
    zipf = [int(size / (rank**2 * ZETA_2)) for rank in range(1, num_words + 1)]
    last = zipf[NUM_ASKED]
    return [count if rank <= NUM_ASKED else min(count, last - 1) for rank, count in enumerate(zipf)]
