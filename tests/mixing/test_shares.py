"""From shares and amounts to integer weights."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.core.errors import ConfigError
from fireside.mixing.interleave import MAX_WEIGHT
from fireside.mixing.shares import exact, integer_weights, stage_weights
from fireside.mixing.stage import Stage


def weights(stage: Stage, sequences: int = 100, **sizes: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return stage_weights(stage, sequences=sequences, sequence_length=10, sizes=sizes)


def test_shares_become_the_smallest_integers() -> None:
    start, end = weights(Stage(name="a", shares={"x": 0.7, "y": 0.2, "z": 0.1}), x=1, y=1, z=1)
    assert start == end == (7, 2, 1)


def test_a_domain_that_the_stage_does_not_name_weighs_nothing() -> None:
    assert weights(Stage(name="a", shares={"y": 1.0}), x=9, y=9)[0] == (0, 1)


def test_shares_divide_what_tokens_and_epochs_leave() -> None:
    # 100 sequences: 20 from tokens, 2 * 15 from epochs, 50 left, of which x has 0.6.
    stage = Stage(name="a", shares={"x": 0.6, "w": 0.4}, tokens={"y": 200}, epochs={"z": 2})
    assert weights(stage, x=1000, w=1000, y=1000, z=15)[0] == (3, 2, 2, 3)


def test_amounts_alone_may_fill_a_stage() -> None:
    stage = Stage(name="a", tokens={"x": 600}, epochs={"y": 4})
    assert weights(stage, x=1000, y=10)[0] == (3, 2)


def test_amounts_may_be_off_by_less_than_a_sequence_each() -> None:
    assert weights(Stage(name="a", tokens={"x": 333, "y": 666}), x=1000, y=1000)[0] == (1, 2)


def test_too_much_is_refused_with_the_numbers() -> None:
    with pytest.raises(ConfigError, match="has 1000 tokens, and its amounts ask for 1500: take 500 fewer"):
        weights(Stage(name="a", epochs={"x": 3}, shares={"y": 1.0}), x=50, y=50)


def test_too_little_without_shares_is_refused_with_the_numbers() -> None:
    with pytest.raises(ConfigError, match="ask for 700 only: take 300 more, or say by shares"):
        weights(Stage(name="a", tokens={"x": 700}), x=1000)


def test_a_line_has_two_sets_of_weights_with_one_sum() -> None:
    stage = Stage(name="a", shares={"x": 1.0}, end_shares={"x": 0.25, "y": 0.75})
    assert weights(stage, x=9, y=9) == ((4, 0), (1, 3))


def test_the_decimal_that_was_written_is_meant() -> None:
    assert exact(0.1) == Fraction(1, 10)
    assert exact(1e-7) == Fraction(1, 10**7)


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=9))
def test_weights_keep_the_proportions_to_a_thousandth_of_a_sample_in_the_longest_run(
    floats: list[float],
) -> None:
    whole = sum(map(exact, floats))
    shares = [exact(value) / whole for value in floats]
    (found,) = integer_weights(shares)
    assert 0 < sum(found) <= MAX_WEIGHT
    for weight, share in zip(found, shares, strict=True):
        assert abs(Fraction(weight, sum(found)) - share) * 10**15 < Fraction(1, 50)


def test_the_two_ends_of_a_line_have_one_sum_where_no_denominator_fits() -> None:
    ends = [{"x": 1.0}, {"x": 0.6259168704156479, "y": 0.3643031784841076, "z": 0.0097799511002445}]
    start, end = weights(Stage(name="a", shares=ends[0], end_shares=ends[1]), x=9, y=9, z=9)
    assert sum(start) == sum(end)
    assert end[1] / sum(end) == pytest.approx(0.3643031784841076, rel=1e-15)
