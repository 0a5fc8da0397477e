"""Wilson's interval of a proportion: sound for few samples, and for none or all right."""

import math

__all__ = ["wilson_interval"]

_Z = 1.959963984540054  # of 95 %


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """The 95 % score interval (Wilson, 1927).

    Means of scores between 0 and 1 vary no more than shares of right answers do, so that for these the
    interval is at least as wide as it has to be.

    Args:
        share: 0 to 1.
        count: how many samples, at least 1.

    >>> low, high = wilson_interval(0.0, 10)
    >>> round(low, 3), round(high, 3)
    (0.0, 0.278)
    """
    square = _Z**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = _Z * math.sqrt(share * (1 - share) / count + square / (4 * count**2)) / (1 + square / count)
    # At shares of 0 and 1 an end of the interval is the share itself, but for rounding.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))
