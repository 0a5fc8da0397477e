"""The text of one choice with its tokens, as both become certain."""

from collections.abc import Collection

from fireside.lm.engine.piece import Piece

__all__ = ["ChoiceText"]


class ChoiceText:
    """Pairs text with tokens: a token is given out once text that it begins has been.

    So the tokens that are told are those of the text that is shown: neither the end token nor what a stop
    string has cut off.

    Args:
        end_tokens: tokens that stand for no text.
    """

    def __init__(self, end_tokens: Collection[int]) -> None:
        self._end_tokens = end_tokens
        self._waiting: list[Piece] = []
        self._num_shown = 0

    def add(self, piece: Piece) -> tuple[str, list[Piece]]:
        """The text that this piece makes certain, and the tokens."""
        self._num_shown += len(piece.text)
        if piece.token not in self._end_tokens:
            self._waiting.append(piece)
        ready = [one for one in self._waiting if one.start < self._num_shown]
        del self._waiting[: len(ready)]
        return piece.text, ready
