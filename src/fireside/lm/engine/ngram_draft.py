"""Guesses of a sequence's next tokens from its own past: prompt lookup.

Where the last tokens have stood together before, what followed them then is likely to follow again: answers
quote their prompts, code repeats its names, JSON its keys (Saxena, "Prompt Lookup Decoding", 2023). A guess
is a pure function of the tokens; whether it holds is for the model to say.
"""

import numpy as np
import numpy.typing as npt

__all__ = ["draft_tokens"]

Int64Array = npt.NDArray[np.int64]

# A single token in common says too little.
_LONGEST, _SHORTEST = 4, 2


def draft_tokens(tokens: Int64Array, count: int) -> tuple[int, ...]:
    """The `count` tokens that followed when a sequence last ended as it does now; nothing where it never did.

    The longest ending that stood before decides, its latest place first. Where that is so close that what
    followed runs into the end, the guess goes on by its own beginning: what repeats goes on repeating.

    >>> draft_tokens(np.array([7, 1, 2, 3, 4, 5, 9, 1, 2]), 3)
    (3, 4, 5)
    >>> draft_tokens(np.array([1, 2, 1, 2]), 3)
    (1, 2, 1)
    >>> draft_tokens(np.array([1, 2, 3]), 3)
    ()
    """
    if count < 1 or len(tokens) <= _SHORTEST:
        return ()
    # Where the ending may have ended before, by one more of its tokens in each round.
    ends = np.flatnonzero(tokens[:-1] == tokens[-1])
    place = None
    for length in range(2, _LONGEST + 1):
        ends = ends[ends >= length - 1]
        ends = ends[tokens[ends - (length - 1)] == tokens[-length]] if len(tokens) > length else ends[:0]
        if not len(ends):
            break
        place = int(ends[-1])
    if place is None:
        return ()
    followed = tokens[place + 1 : place + 1 + count]
    return tuple(np.resize(followed, count).tolist())
