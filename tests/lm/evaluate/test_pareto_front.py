"""The front: by hand, against the definition, and refusing what cannot be compared."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.core.errors import InputError
from fireside.lm.evaluate.pareto_front import pareto_front

POINTS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)))


def test_a_front_worked_out_by_hand() -> None:
    # (3, 2) is beaten by (2, 2), (5, 1) by (4, 1), and (1, 9) is cheapest.
    assert pareto_front([(3, 2), (2, 2), (5, 1), (4, 1), (1, 9)]) == [4, 1, 3]


def test_equal_points_stay_together() -> None:
    assert pareto_front([(1, 1), (1, 1)]) == [0, 1]
    assert pareto_front([]) == []


@given(POINTS)
def test_the_front_is_what_nothing_beats(points: list[tuple[int, int]]) -> None:
    def beaten(point: tuple[int, int]) -> bool:
        return any(a <= point[0] and b <= point[1] and (a, b) != point for a, b in points)

    front = pareto_front(points)
    assert set(front) == {index for index, point in enumerate(points) if not beaten(point)}
    assert [points[index] for index in front] == sorted(points[index] for index in front)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(InputError, match="point 1 is"):
        pareto_front([(1, 1), (2, value)])
