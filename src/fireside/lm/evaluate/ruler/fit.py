"""The largest size that fits a number of tokens, with few counts.

Tokens grow nearly in proportion to size, so a straight line through the last two counts finds the size in
about three counts where halving takes twelve; halving is what remains where it does not.
"""

from collections.abc import Callable

__all__ = ["largest_fitting"]

_INTERPOLATIONS = 8


def largest_fitting(
    count: Callable[[int], int], most: int, *, smallest: int, guess: int | None = None
) -> int | None:
    """A size whose count is at most `most`, and which one more would exceed or nearly so.

    Args:
        count: tokens at a size; about linear, not necessarily monotonic.
        most: the most tokens.
        smallest: the least size allowed.
        guess: where to look first.

    Returns:
        The size; `None` where even the smallest has too many tokens.

    >>> largest_fitting(lambda size: 40 + 7 * size, 1000, smallest=1)
    137
    >>> largest_fitting(lambda size: 40 + 7 * size, 40, smallest=1) is None
    True
    """
    low, low_count = smallest, count(smallest)
    if low_count > most:
        return None
    high: int | None = None
    slope = 0.0
    probe = guess if guess is not None and guess > low else 2 * low + 1
    probes = 0
    while high is None or high - low > 1:
        tokens = count(probe)
        slope = max((tokens - low_count) / (probe - low), 1e-3)
        if tokens <= most:
            low, low_count = probe, tokens
            if most - tokens < slope:
                break
        else:
            high = probe
        probes += 1
        step = int((most - low_count) / slope)
        if high is None:
            probe = low + max(1, min(step, 8 * low + 8))
        elif probes < _INTERPOLATIONS:
            probe = min(max(low + step, low + 1), high - 1)
        else:
            probe = (low + high) // 2
    return low
