"""Variable tracking: which variables come to have a value through a chain of assignments (RULER, 3.2).

As in RULER, a solved example precedes the question. There it takes 500 tokens; here it has the same number of
lines of noise from 4,096 tokens on, and in proportion fewer where the length is smaller.
"""

import random
from itertools import islice, pairwise
from string import ascii_uppercase

from fireside.lm.evaluate.ruler.haystack import NOISE, between_lines
from fireside.lm.evaluate.ruler.sample import Draw, Growing, RulerPrompt
from fireside.lm.evaluate.ruler.words import distinct

__all__ = ["variable_tracking"]

NUM_HOPS = 4
LETTERS, EXAMPLE_LETTERS = 5, 3
EXAMPLE_NOISE = 12
FULL_EXAMPLE_FROM = 4096
TEMPLATE = (
    "Memorize and track the chain(s) of variable assignment hidden in the following text.\n\n{context}\n"
    "Question: Find all variables that are assigned the value {query} in the text above."
)
PREFIX = (
    " Answer: According to the chain(s) of variable assignment in the text above, {count} variables are "
    "assigned the value {query}, they are: "
)


def variable_tracking(draw: Draw) -> Growing:
    """One chain of four hops: five variables."""
    generator = draw.generator("chains")
    value, example_value = generator.sample(range(10_000, 100_000), 2)
    names = _names(generator, LETTERS)
    example_names = _names(generator, EXAMPLE_LETTERS)
    noise = min(EXAMPLE_NOISE, EXAMPLE_NOISE * draw.length // FULL_EXAMPLE_FROM)
    example = _prompt(example_names, example_value, noise, draw.generator("example"))
    solved = f"{example.text}{example.answer_prefix}{' '.join(example_names)}\n\n"

    def at(size: int) -> RulerPrompt:
        prompt = _prompt(names, value, size, draw.generator("places"))
        return RulerPrompt(
            text=solved + prompt.text, answer_prefix=prompt.answer_prefix, references=prompt.references
        )

    return Growing(1, at)


def _prompt(names: tuple[str, ...], value: int, size: int, generator: random.Random) -> RulerPrompt:
    chain = [f"VAR {names[0]} = {value}"]
    chain += [f"VAR {later} = VAR {earlier}" for earlier, later in pairwise(names)]
    return RulerPrompt(
        text=TEMPLATE.format(context=between_lines([NOISE] * size, chain, generator), query=value),
        answer_prefix=PREFIX.format(count=len(names), query=value),
        references=names,
    )


def _names(generator: random.Random, letters: int) -> tuple[str, ...]:
    names = distinct(lambda _: "".join(generator.choices(ascii_uppercase, k=letters)))
    return tuple(islice(names, NUM_HOPS + 1))
