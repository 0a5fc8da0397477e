"""Which values of a param are allowed, with the words for a message."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Check", "gt", "gt_eq", "in_array", "in_range"]


@dataclass(frozen=True, slots=True)
class Check:
    """A condition on a value.

    Attributes:
        allows: whether a value is allowed.
        text: the condition in words that follow "must be".
    """

    allows: Callable[[Any], bool]
    text: str


def gt(bound: float) -> Check:
    """Above a bound.

    >>> gt(0).allows(0), gt(0).text
    (False, '> 0')
    """
    return Check(lambda value: bool(value > bound), f"> {bound}")


def gt_eq(bound: float) -> Check:
    """At or above a bound.

    >>> gt_eq(0).allows(0)
    True
    """
    return Check(lambda value: bool(value >= bound), f">= {bound}")


def in_range(lowest: float, highest: float) -> Check:
    """From one bound to another, both allowed.

    >>> in_range(0, 1).allows(1.5)
    False
    """
    return Check(lambda value: bool(lowest <= value <= highest), f"from {lowest} to {highest}")


def in_array(allowed: Sequence[Any]) -> Check:
    """One of some values.

    >>> in_array(["error", "skip"]).text
    "one of 'error', 'skip'"
    """
    return Check(lambda value: value in allowed, f"one of {', '.join(map(repr, allowed))}")
