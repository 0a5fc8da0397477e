"""Weights that move along a line: a stage as pieces with constant weights.

Domain d is to have received I_d(t) = (a_d t + (b_d - a_d) t^2 / 2n) / A samples after t of the stage's n
slots, where its weight goes from a_d to b_d and A is the sum of either. The stage is cut in equal pieces,
and each piece is given a whole number of samples of each domain, so that at every cut the count is I_d
rounded down or up. Within a piece the chord stays within `chord_error` samples of the parabola.

*Why there are such counts.* The k-th sample of a domain belongs into a piece that overlaps the time in which
I_d goes from k to k + 1. Spreading each sample over its time by I_d fills every piece exactly, so there is
a fractional matching of samples to places; by Hall's theorem there is then a whole one, and, the times being
intervals, "earliest deadline first" finds it (Tijdeman, "The chairman assignment problem", 1980, has the same
windows). Knows nothing about trees or domains' sizes.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, isqrt

__all__ = ["MAX_PIECES", "chord_error", "num_pieces", "ramp_counts"]

MAX_PIECES = 4096
"""More pieces would cost planning time; a stage of 10^8 slots is still followed to within a sample."""


def num_pieces(start_weights: Sequence[int], end_weights: Sequence[int], length: int) -> int:
    """How many pieces a stage is cut into: 1 for constant weights, else enough for a chord error below 1/8.

    >>> num_pieces([1, 1], [1, 1], 1000), num_pieces([1, 0], [0, 1], 1000)
    (1, 32)
    """
    steepest = max(abs(b - a) for a, b in zip(start_weights, end_weights, strict=True))
    if steepest == 0:
        return 1
    # chord_error = steepest / A * n / (8 pieces^2), solved for pieces.
    wanted = isqrt(length * steepest // sum(start_weights)) + 1
    return min(wanted, length, MAX_PIECES)


def chord_error(start_weights: Sequence[int], end_weights: Sequence[int], length: int) -> float:
    """How far the pieces' straight counts are from the line's parabola, in samples, at most.

    >>> chord_error([1, 0], [0, 1], 1024)
    0.125
    """
    steepest = max(abs(b - a) for a, b in zip(start_weights, end_weights, strict=True))
    longest = ceil(length / num_pieces(start_weights, end_weights, length))
    return steepest / sum(start_weights) * longest**2 / (8 * length)


def ramp_counts(start_weights: Sequence[int], end_weights: Sequence[int], length: int) -> list[list[int]]:
    """How many samples of each domain each piece holds.

    Args:
        start_weights: integer weight of each domain at the first slot.
        end_weights: the same after the last slot; the same sum.
        length: number of slots in the stage, at least 1.

    Returns:
        For each piece, the count of each domain; a piece's counts sum to its length.

    >>> ramp_counts([1, 0], [0, 1], 8)
    [[2, 0], [2, 1], [0, 3]]
    """
    line = _Line(start_weights, end_weights, length)
    pieces = num_pieces(start_weights, end_weights, length)
    cuts = [length * piece // pieces for piece in range(pieces + 1)]
    counts, held = [], [0] * len(start_weights)
    for piece in range(1, pieces + 1):
        before, held = held, _earliest_deadlines_first(line, held, cuts, piece)
        counts.append([now - then for now, then in zip(held, before, strict=True)])
    return counts


class _Line:
    """The parabolas I_d, as exact fractions with one denominator."""

    def __init__(self, start_weights: Sequence[int], end_weights: Sequence[int], length: int) -> None:
        assert sum(start_weights) == sum(end_weights) > 0
        self._start, self._end, self._length = start_weights, end_weights, length
        self._denominator = 2 * length * sum(start_weights)

    def bounds(self, domain: int, time: int) -> tuple[int, int]:
        """I_d, rounded down and up."""
        numerator = self._numerator(domain, time)
        return numerator // self._denominator, -(-numerator // self._denominator)

    def deadline(self, domain: int, count: int, cuts: Sequence[int], first: int) -> tuple[int, Fraction]:
        """When a domain must have so many samples: the number of the cut and, past the last, the time.

        Past the end the line goes on with the end's weights; a domain that then weighs nothing comes last.
        """
        lower, upper = first, len(cuts)
        while lower < upper:
            middle = (lower + upper) // 2
            if self.bounds(domain, cuts[middle])[0] >= count:
                upper = middle
            else:
                lower = middle + 1
        if lower < len(cuts):
            return lower, Fraction(0)
        missing = count * self._denominator - self._numerator(domain, cuts[-1])
        if self._end[domain] == 0:
            return lower + 1, Fraction(missing)
        return lower, Fraction(missing, self._end[domain])

    def _numerator(self, domain: int, time: int) -> int:
        a, b = self._start[domain], self._end[domain]
        return (2 * a * self._length + (b - a) * time) * time


def _earliest_deadlines_first(line: _Line, held: Sequence[int], cuts: Sequence[int], cut: int) -> list[int]:
    """The counts at a cut: what is due by then, and an early sample for those domains that are due next."""
    bounds = [line.bounds(domain, cuts[cut]) for domain in range(len(held))]
    counts = [max(have, low) for have, (low, _) in zip(held, bounds, strict=True)]
    early = [domain for domain, (_, high) in enumerate(bounds) if counts[domain] < high]
    spare = cuts[cut] - sum(counts)
    assert 0 <= spare <= len(early)
    if 0 < spare < len(early):
        early.sort(key=lambda domain: (line.deadline(domain, counts[domain] + 1, cuts, cut + 1), domain))
    for domain in early[:spare]:
        counts[domain] += 1
    return counts
