"""Questions for the one place that meets two or three conditions, verified against every profile."""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from fireside.agents.question import Nugget, Question, Split
from fireside.agents.synthesis.factbook.constraint import Constraint, meeting
from fireside.agents.synthesis.factbook.profile import Profile
from fireside.agents.synthesis.selection import draft

__all__ = ["entity_questions", "joined", "singles_out"]

_TEMPLATES = (
    "Which country or territory {phrases}?",
    "Name the country or territory that {phrases}.",
    "There is only one country or territory that {phrases}. Which one is it?",
    "I am looking for a country or territory that {phrases}. Which one do I mean?",
)
_PER_PLACE = 6
_TRIES = 400


def entity_questions(
    profiles: Sequence[Profile],
    constraints: Sequence[Constraint],
    splits: dict[str, Split],
    generator: np.random.Generator,
) -> Iterator[Question]:
    """Up to six questions for each place, with different conditions as far as there are any.

    Every condition is needed: without any one of them, several places remain.
    """
    for place, profile in enumerate(profiles):
        true = [one for one in constraints if one.sure >> place & 1]
        used: set[str] = set()
        made = 0
        for chosen in _draws(true, generator):
            phrases = {one.phrase for one in chosen}
            if made == _PER_PLACE:
                break
            if len(phrases & used) < 2 and singles_out(chosen, place) and _minimal(chosen):
                used |= phrases
                made += 1
                template = _TEMPLATES[int(generator.integers(len(_TEMPLATES)))]
                yield draft(
                    "entity",
                    template.format(phrases=joined([one.phrase for one in chosen])),
                    [Nugget(profile.title, aliases=profile.aliases)],
                    [profile.document_id],
                    splits[profile.document_id],
                )


def singles_out(constraints: Sequence[Constraint], place: int) -> bool:
    """Whether this place surely meets all constraints, and no other place may."""
    sure, maybe = meeting(constraints)
    return sure == maybe == 1 << place


def joined(phrases: Sequence[str]) -> str:
    """Phrases as one, with commas and an "and".

    >>> joined(["is landlocked", "borders Chad", "lies in Africa"])
    'is landlocked, borders Chad and lies in Africa'
    """
    return f"{', '.join(phrases[:-1])} and {phrases[-1]}" if len(phrases) > 1 else phrases[0]


def _minimal(constraints: Sequence[Constraint]) -> bool:
    return all(meeting(rest)[1].bit_count() > 1 for rest in combinations(constraints, len(constraints) - 1))


def _draws(true: Sequence[Constraint], generator: np.random.Generator) -> Iterator[list[Constraint]]:
    """Random pairs and triples of conditions of different families."""
    if len({one.family for one in true}) < 2:
        return
    for _ in range(_TRIES):
        picked = [true[at] for at in generator.permutation(len(true))[:6]]
        families: dict[str, Constraint] = {}
        for one in picked:
            families.setdefault(one.family, one)
        size = int(generator.integers(2, 4))
        if len(families) >= size:
            yield list(families.values())[:size]
