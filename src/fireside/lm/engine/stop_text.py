"""The text of an answer as it comes, up to the first of some stop strings.

What could be the beginning of a stop string is held back until it is known not to be.
"""

from fireside.lm.tokenizer import TextStream, Tokenizer

__all__ = ["StopText", "before_stop"]


class StopText:
    """Turns tokens into text that may be shown.

    Args:
        tokenizer: of the model.
        stops: the strings, none of them empty.

    Attributes:
        num_characters: of the text of all tokens so far, complete characters only.
        has_stopped: whether a stop string has come.

    >>> tokenizer = Tokenizer.train_bpe(["x"], vocab_size=257)
    >>> text = StopText(tokenizer, ("b!",))
    >>> [text.add(token) for token in tokenizer.encode("abb!c")[:4]], text.has_stopped
    (['a', '', 'b', ''], True)
    """

    def __init__(self, tokenizer: Tokenizer, stops: tuple[str, ...]) -> None:
        self._stream = TextStream(tokenizer)
        self._stops = stops
        self._held = ""
        self.num_characters = 0
        self.has_stopped = False

    def add(self, token: int) -> str:
        """The text that may be shown with this token; nothing more once `has_stopped`."""
        new = self._stream.add(token)
        self.num_characters += len(new)
        self._held += new
        shown = before_stop(self._held, self._stops)
        if len(shown) < len(self._held):
            self.has_stopped = True
            self._held = ""
            return shown
        shown = self._held[: len(self._held) - _possible_beginning(self._held, self._stops)]
        self._held = self._held[len(shown) :]
        return shown


def before_stop(text: str, stops: tuple[str, ...]) -> str:
    """The text up to the first of the stop strings.

    >>> before_stop("one. two; three", (";", "."))
    'one'
    """
    found = [place for place in (text.find(stop) for stop in stops) if place >= 0]
    return text[: min(found)] if found else text


def _possible_beginning(text: str, stops: tuple[str, ...]) -> int:
    """How many characters at the end of a text could begin a stop string.

    >>> _possible_beginning("so </to", ("</tool>", "x"))
    4
    """
    for length in range(min(len(text), max(map(len, stops), default=1) - 1), 0, -1):
        end = text[len(text) - length :]
        if any(stop.startswith(end) for stop in stops):
            return length
    return 0
