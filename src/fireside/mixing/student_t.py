"""Student's t distribution for whole degrees of freedom, in closed form.

Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4: with theta =
arctan(t / sqrt(nu)), the probability A(t|nu) of |T| < t is a finite sum. Written out here so that a report
on a training run needs no SciPy; the tests hold it against `scipy.stats.t`.
"""

import math

from fireside.core.errors import InputError

__all__ = ["t_quantile", "two_sided_p"]


def two_sided_p(t: float, df: int) -> float:
    """The probability that |T| is at least |t|, for `df` degrees of freedom; absolute error below 1e-12.

    Raises:
        InputError: `df` is less than 1.

    >>> round(two_sided_p(1.0, 1), 12), round(two_sided_p(2.0, 2), 6)
    (0.5, 0.183503)
    """
    if df < 1:
        raise InputError(f"{df} degrees of freedom: at least two values are needed for an interval")
    if math.isinf(t):
        return 0.0
    theta = math.atan(abs(t) / math.sqrt(df))
    sine, cosine = math.sin(theta), math.cos(theta)
    # Odd df start at cos with factors 2/3, 4/5, ...; even ones at 1 with factors 1/2, 3/4, ...
    odd = df % 2
    term, total = (cosine if odd else 1.0), 0.0
    for k in range(odd, df - 1, 2):
        total += term
        term *= cosine * cosine * (k + 1) / (k + 2)
    inside = 2.0 / math.pi * (theta + sine * total) if odd else sine * total
    return min(1.0, max(0.0, 1.0 - inside))


def t_quantile(df: int, confidence: float = 0.95) -> float:
    """The t with P(|T| < t) = `confidence`: half the width of an interval, in standard errors.

    Raises:
        InputError: `df` is less than 1, or the confidence is not between 0 and 1.

    >>> round(t_quantile(2), 4), round(t_quantile(30), 4)
    (4.3027, 2.0423)
    """
    if not 0.0 < confidence < 1.0:
        raise InputError(f"a confidence of {confidence}: give one between 0 and 1, such as 0.95")
    low, high = 0.0, 1.0
    while two_sided_p(high, df) > 1.0 - confidence:
        low, high = high, 2.0 * high
    while low < (middle := 0.5 * (low + high)) < high:
        if two_sided_p(middle, df) > 1.0 - confidence:
            low = middle
        else:
            high = middle
    return high
