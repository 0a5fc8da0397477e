"""Weights along a line: whole counts that follow the exact integral."""

from fractions import Fraction
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.mixing.ramp import MAX_PIECES, chord_error, num_pieces, ramp_counts


@st.composite
def lines(draw: st.DrawFn) -> tuple[list[int], list[int], int]:
    whole = draw(st.sampled_from([7, 100, 10**6, 2**50]))
    num_domains = draw(st.integers(2, 7))

    def weights() -> list[int]:
        cuts = sorted(
            draw(st.lists(st.integers(0, whole), min_size=num_domains - 1, max_size=num_domains - 1))
        )
        return [b - a for a, b in zip([0, *cuts], [*cuts, whole], strict=True)]

    return weights(), weights(), draw(st.integers(1, 3000))


def integral(start: int, end: int, length: int, time: int) -> Fraction:
    """The weight's integral from 0 to `time`, for a weight that goes from `start` to `end` over `length`."""
    return Fraction(2 * start * length * time + (end - start) * time * time, 2 * length)


@given(lines())
def test_counts_are_the_integral_rounded_down_or_up_at_every_cut(
    line: tuple[list[int], list[int], int],
) -> None:
    start, end, length = line
    pieces = ramp_counts(start, end, length)
    held, time = [0] * len(start), 0
    for counts in pieces:
        assert min(counts) >= 0
        time += sum(counts)
        held = [a + b for a, b in zip(held, counts, strict=True)]
        for domain, count in enumerate(held):
            assert abs(count - integral(start[domain], end[domain], length, time) / sum(start)) < 1
    assert time == length


@given(lines())
def test_pieces_are_equal_to_within_a_slot(line: tuple[list[int], list[int], int]) -> None:
    lengths = [sum(counts) for counts in ramp_counts(*line)]
    assert max(lengths) - min(lengths) <= 1
    assert len(lengths) == num_pieces(*line)


@given(lines())
def test_the_chord_error_bounds_what_pieces_with_constant_weights_miss(
    line: tuple[list[int], list[int], int],
) -> None:
    start, end, length = line
    pieces = num_pieces(*line)
    cuts = [length * piece // pieces for piece in range(pieces + 1)]
    for first, last in islice(pairwise(cuts), 5):
        middle = Fraction(first + last, 2)
        for a, b in zip(start, end, strict=True):
            ends = (integral(a, b, length, first) + integral(a, b, length, last)) / 2
            parabola = (2 * a * length * middle + (b - a) * middle**2) / (2 * length)
            assert abs(ends - parabola) / sum(start) <= Fraction(chord_error(*line)) + Fraction(1, 10**9)


def test_a_stage_from_one_domain_to_another_by_hand() -> None:
    # The second domain's integral is t^2 / 18: 0.5 after 3 slots, 2 after 6, 4.5 after 9.
    assert ramp_counts([1, 0], [0, 1], 9) == [[2, 0], [2, 0], [0, 2], [0, 3]]


def test_constant_weights_are_one_piece() -> None:
    assert num_pieces([3, 1], [3, 1], 10**9) == 1


def test_the_chord_error_is_small_until_the_most_pieces_are_reached() -> None:
    assert chord_error([1, 0], [0, 1], 10**6) <= 0.126
    assert num_pieces([1, 0], [0, 1], 10**9) == MAX_PIECES
    assert chord_error([1, 0], [0, 1], 10**8) < 1
    assert chord_error([1, 0], [0, 1], 10**9) == pytest.approx(10**9 / 8 / MAX_PIECES**2, rel=1e-3)
