"""Questions for a number: of one place, the sum or difference of two, or the largest of three."""

from collections.abc import Iterator, Sequence

import numpy as np

from fireside.agents.question import Nugget, Question, Split
from fireside.agents.synthesis.factbook.names import NOT_PLACES, spoken
from fireside.agents.synthesis.factbook.profile import Profile
from fireside.agents.synthesis.factbook.quantities import QUANTITIES, Quantity, amount, shown, tolerance
from fireside.agents.synthesis.selection import draft

__all__ = ["numeric_questions"]

_SINGLE = (
    "What is the {label} of {a}?",
    "According to the World Factbook, what is the {label} of {a}?",
    "Find the {label} of {a}.",
)
_SUM = (
    "What is the {label} of {a} and {b} taken together?",
    "Add the {label} of {a} to that of {b}. What is the sum?",
)
_DIFFERENCE = (
    "By how much does the {label} of {a} exceed that of {b}?",
    "What is the difference between the {label} of {a} and the {label} of {b}?",
)
_LARGEST = ("Which of these has {more}: {a}, {b} or {c}?", "Of {a}, {b} and {c}, which one has {more}?")
_PER_QUANTITY = 30
# A difference that is smaller than this share of what it is taken from is within the noise of an estimate.
_CLEAR = 0.2

Valued = tuple[Profile, float]


def numeric_questions(
    profiles: Sequence[Profile], splits: dict[str, Split], generator: np.random.Generator
) -> Iterator[Question]:
    """For each quantity and split, up to 30 questions of each form."""
    for quantity in QUANTITIES:
        for split in ("train", "heldout"):
            known = [
                (profile, value)
                for profile in profiles
                if splits[profile.document_id] == split
                and profile.document_id not in NOT_PLACES
                and (value := amount(quantity, profile.fields)) is not None
            ]
            if len(known) >= 3:
                for _ in range(_PER_QUANTITY):
                    yield from _one_of_each(quantity, known, split, generator)


def _one_of_each(
    quantity: Quantity, known: Sequence[Valued], split: Split, generator: np.random.Generator
) -> Iterator[Question]:
    a, b, c = (known[at] for at in generator.permutation(len(known))[:3])

    def ask(templates: Sequence[str], nugget: Nugget, *used: Valued) -> Question:
        template = templates[int(generator.integers(len(templates)))]
        names = {letter: spoken(profile.title) for letter, (profile, _) in zip("abc", used, strict=False)}
        text = template.format(label=quantity.label, more=quantity.more, **names)
        return draft("numeric", text, [nugget], [profile.document_id for profile, _ in used], split)

    # "0 km" of coastline is a fact, but a question about it is a trick.
    if a[1]:
        yield ask(_SINGLE, _number(a[1], quantity.unit), a)
    if quantity.additive and a[1] and b[1]:
        yield ask(_SUM, _number(a[1] + b[1], quantity.unit), a, b)
    larger, smaller = (a, b) if a[1] > b[1] else (b, a)
    if smaller[1] > 0 and larger[1] - smaller[1] > _CLEAR * larger[1]:
        yield ask(_DIFFERENCE, _number(larger[1] - smaller[1], quantity.unit), larger, smaller)
    first, second, _ = sorted((a, b, c), key=lambda valued: -valued[1])
    if first[1] - second[1] > _CLEAR * first[1]:
        winner = first[0]
        yield ask(_LARGEST, Nugget(winner.title, aliases=winner.aliases), a, b, c)


def _number(value: float, unit: str) -> Nugget:
    value = round(value, 6)
    return Nugget(shown(value, unit), number=value, unit=unit, tolerance=tolerance(value))
