"""What one token brings to an answer that is still being written."""

from collections.abc import Callable
from dataclasses import dataclass

from fireside.core.protocols import Sample, TopLogprobs

__all__ = ["Event", "Listener", "Piece"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A token, and the text that may be shown since.

    The texts of all pieces joined are the text of the sample. A piece may have no text, where its token ends
    inside a character or where a stop string may have begun; the last piece brings what was held back.

    Attributes:
        token: the token id.
        logprob: natural-log probability of the token under the untempered model.
        top_logprobs: the likeliest tokens, best first; empty unless asked for.
        text: what may be shown now.
        start: characters of all text before this token, shown or not.
    """

    token: int
    logprob: float
    top_logprobs: TopLogprobs
    text: str
    start: int


Event = Piece | Sample | Exception
"""Pieces, one a token; at the end the whole sample, or what went wrong."""

Listener = Callable[[Event], None]
"""Told every event from the engine's thread: it must return at once, and must not call the engine."""
