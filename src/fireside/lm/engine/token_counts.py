"""Which tokens a sequence has, and how often its answer has them: what penalties look at."""

import numpy as np
import numpy.typing as npt

__all__ = ["TokenCounts"]

Int64Array = npt.NDArray[np.int64]


class TokenCounts:
    """The distinct tokens of a prompt and its answer.

    Args:
        prompt: int64[P].
        max_new: the most tokens that will be added.

    >>> counts = TokenCounts(np.array([7, 5, 7]), max_new=2)
    >>> counts.add(9)
    >>> counts.add(7)
    >>> counts.tokens, counts.in_answer
    (array([5, 7, 9]), array([0, 1, 1]))
    """

    def __init__(self, prompt: Int64Array, max_new: int) -> None:
        distinct = np.unique(prompt)
        self._size = len(distinct)
        self._tokens = np.concatenate((distinct, np.empty(max_new, np.int64)))
        self._in_answer = np.zeros(len(self._tokens), np.int64)
        self._place = {int(token): place for place, token in enumerate(distinct)}

    @property
    def tokens(self) -> Int64Array:
        """Every token once."""
        return self._tokens[: self._size]

    @property
    def in_answer(self) -> Int64Array:
        """How often the answer has each of `tokens`; 0 for those of the prompt alone."""
        return self._in_answer[: self._size]

    def add(self, token: int) -> None:
        """Count a token of the answer."""
        place = self._place.setdefault(token, self._size)
        if place == self._size:
            self._tokens[place] = token
            self._size += 1
        self._in_answer[place] += 1
