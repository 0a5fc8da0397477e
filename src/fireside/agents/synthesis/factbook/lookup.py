"""Plain questions for one value of one profile; a small model has a chance at these."""

from collections.abc import Iterator, Sequence

import numpy as np

from fireside.agents.corpus.factbook import field_name
from fireside.agents.question import Nugget, Question, Split
from fireside.agents.synthesis.factbook.names import NOT_PLACES, spoken
from fireside.agents.synthesis.factbook.profile import Profile
from fireside.agents.synthesis.selection import draft, gives_away

__all__ = ["lookup_questions"]

_TEMPLATES = {
    "capital": ("What is the capital of {place}?", "Which city is the capital of {place}?"),
    "internet": (
        "What is the internet country code of {place}?",
        "Which internet country code belongs to {place}?",
    ),
    "currency": (
        "What is the three-letter code of the currency of {place}?",
        "Which currency code is used in {place}?",
    ),
    "peak": ("What is the highest point of {place}?", "What is the name of the highest point in {place}?"),
    "aircraft": (
        "What is the civil aircraft registration prefix of {place}?",
        "Which prefix does the registration of civil aircraft of {place} have?",
    ),
    "independence": ("In which year did {place} become independent?", "When did {place} gain independence?"),
    "adjective": ("What is the adjective for the nationality of {place}?",),
}


def lookup_questions(
    profiles: Sequence[Profile], splits: dict[str, Split], generator: np.random.Generator
) -> Iterator[Question]:
    """Every question of these kinds whose answer the profile states plainly."""
    for profile in profiles:
        if profile.document_id in NOT_PLACES:
            continue
        for subject, nugget in _answers(profile):
            templates = _TEMPLATES[subject]
            text = templates[int(generator.integers(len(templates)))].format(place=spoken(profile.title))
            if not gives_away(text, nugget.text):
                yield draft("lookup", text, [nugget], [profile.document_id], splits[profile.document_id])


def _answers(profile: Profile) -> Iterator[tuple[str, Nugget]]:
    if profile.capital:
        yield "capital", Nugget(profile.capital.name, aliases=profile.capital.aliases)
    if profile.internet_code:
        yield "internet", Nugget(profile.internet_code)
    if profile.currency_code:
        yield "currency", Nugget(profile.currency_code)
    if profile.highest_point:
        yield "peak", Nugget(profile.highest_point.name, aliases=profile.highest_point.aliases)
    if profile.independence and profile.independence[0]:
        year = profile.independence[0]
        yield "independence", Nugget(str(year), number=year, unit="year")
    prefix = profile.fields.get(
        field_name("Transportation", "Civil aircraft registration country code prefix"), ""
    )
    if prefix.isalnum() and prefix.isupper() and len(prefix) <= 3:
        yield "aircraft", Nugget(prefix)
    adjective = profile.fields.get(field_name("People and Society", "Nationality", "adjective"), "")
    if adjective.isalpha() and adjective.istitle():
        yield "adjective", Nugget(adjective)
