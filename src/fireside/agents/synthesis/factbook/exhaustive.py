"""Questions for all places that meet a condition or two, where there are two to eight of them."""

from collections.abc import Iterator, Sequence
from itertools import chain, combinations

import numpy as np

from fireside.agents.question import Nugget, Question, Split
from fireside.agents.synthesis.factbook.constraint import Constraint, meeting, places
from fireside.agents.synthesis.factbook.entity import joined
from fireside.agents.synthesis.factbook.profile import Profile
from fireside.agents.synthesis.selection import draft

__all__ = ["exhaustive_questions"]

_TEMPLATES = (
    "List every country or territory that {phrases}.",
    "Name each country or territory that {phrases}.",
    "Give a full list: every country or territory that {phrases}.",
)
_FEWEST, _MOST = 2, 8
_PER_ANSWER = 2


def exhaustive_questions(
    profiles: Sequence[Profile],
    constraints: Sequence[Constraint],
    splits: dict[str, Split],
    generator: np.random.Generator,
) -> Iterator[Question]:
    """Questions whose answer is known for every profile and lies in one split; at most two for an answer."""
    heldout = sum((splits[profile.document_id] == "heldout") << at for at, profile in enumerate(profiles))
    singles = [one for one in constraints if one.maybe.bit_count() <= 60]
    pairs = (
        pair
        for pair in combinations(singles, 2)
        if pair[0].family != pair[1].family or pair[0].family == "border"
    )
    asked: dict[int, int] = {}
    for chosen in chain(((one,) for one in constraints), pairs):
        sure, maybe = meeting(chosen)
        if sure != maybe or not _FEWEST <= sure.bit_count() <= _MOST:
            continue
        # A condition that changes nothing would only make the question longer.
        if len(chosen) > 1 and any(one.maybe == maybe for one in chosen):
            continue
        if sure & heldout not in (0, sure) or asked.get(sure, 0) == _PER_ANSWER:
            continue
        asked[sure] = asked.get(sure, 0) + 1
        found = [profiles[place] for place in places(sure)]
        template = _TEMPLATES[int(generator.integers(len(_TEMPLATES)))]
        yield draft(
            "exhaustive",
            template.format(phrases=joined([one.phrase for one in chosen])),
            [Nugget(profile.title, aliases=profile.aliases) for profile in found],
            [profile.document_id for profile in found],
            splits[found[0].document_id],
        )
