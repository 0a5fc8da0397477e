"""Conditions on places: a phrase to say each, and for every place whether it holds, does not, or is unknown.

A condition is two bit masks over the places: those for which it surely holds and those for which it may. A
set of conditions singles out a place only where no other place may meet them all, so that a fact that the
Factbook leaves open can never make a question ambiguous (Kleene's three values).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from fireside.agents.synthesis.factbook.names import NOT_PLACES
from fireside.agents.synthesis.factbook.profile import Profile

__all__ = ["Condition", "Constraint", "Truth", "constraint", "meeting", "places"]

Truth = bool | None
Condition = tuple[str, str, Callable[[Profile], Truth]]
"""Family, phrase, and whether it holds for a profile."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """A condition, evaluated.

    Attributes:
        family: what it is about; a question has at most one condition of each family.
        phrase: as in "a country or territory that {phrase}".
        sure: bit i is set where it holds for place i.
        maybe: bit i is set where it holds for place i or is unknown.
    """

    family: str
    phrase: str
    sure: int
    maybe: int


def constraint(condition: Condition, profiles: Sequence[Profile]) -> Constraint:
    """Evaluate a condition on every profile.

    The European Union and the World meet none, because a question asks for a country or territory.
    """
    family, phrase, truth = condition
    sure = maybe = 0
    for place, profile in enumerate(profiles):
        value = False if profile.document_id in NOT_PLACES else truth(profile)
        sure |= (value is True) << place
        maybe |= (value is not False) << place
    return Constraint(family, phrase, sure, maybe)


def meeting(constraints: Iterable[Constraint]) -> tuple[int, int]:
    """Masks of the places that surely meet all of one or more constraints, and of those that may.

    >>> wet = Constraint("sea", "lies by the sea", sure=0b011, maybe=0b111)
    >>> old = Constraint("age", "is old", sure=0b110, maybe=0b110)
    >>> [bin(mask) for mask in meeting([wet, old])]
    ['0b10', '0b110']
    """
    sure = maybe = -1
    for one in constraints:
        sure &= one.sure
        maybe &= one.maybe
    return sure, maybe


def places(mask: int) -> Iterator[int]:
    """The places whose bits are set, in ascending order.

    >>> list(places(0b1010))
    [1, 3]
    """
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest
