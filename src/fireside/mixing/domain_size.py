"""`DomainSize`: what a plan needs to know of a domain."""

from fireside.core.config import config

__all__ = ["DomainSize", "num_sequences"]


@config
class DomainSize:
    """How large a domain is, and which data it holds.

    Attributes:
        name: as the schedule calls it.
        num_tokens: how many tokens it holds.
        fingerprint: changes when the tokens do; empty where only the numbers are of interest.
    """

    name: str
    num_tokens: int
    fingerprint: str = ""


def num_sequences(num_tokens: int, sequence_length: int) -> int:
    """How many sequences a domain holds: each predicts T tokens, and reads the one before them as well.

    >>> num_sequences(21, 10), num_sequences(20, 10)
    (2, 1)
    """
    return max(0, num_tokens - 1) // sequence_length
