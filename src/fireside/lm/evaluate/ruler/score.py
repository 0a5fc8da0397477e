"""How an answer is scored: by the references that it contains, in upper or lower case (RULER, section 4)."""

from collections.abc import Sequence
from typing import Literal

__all__ = ["Match", "score"]

Match = Literal["all", "part"]


def score(answer: str, references: Sequence[str], match: Match) -> float:
    """The share of references that an answer contains (`"all"`), or whether it has any (`"part"`).

    >>> score("it is ABC, and 17", ["abc", "17", "18"], "all") * 3
    2.0
    >>> score("Paris, of course", ["paris", "Lutetia"], "part")
    1.0
    """
    found = [reference.lower() in answer.lower() for reference in references]
    return float(any(found)) if match == "part" else sum(found) / len(found)
