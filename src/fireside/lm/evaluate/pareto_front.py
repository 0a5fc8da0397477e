"""The Pareto front: what nothing else beats in both cost and loss."""

import math
from collections.abc import Sequence

from fireside.core.errors import InputError

__all__ = ["pareto_front"]


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points that no other beats, cheapest first; points that are equal stay together.

    A point beats another if it is at least as small in both numbers, and smaller in one.

    Args:
        points: (cost, loss), both the better the smaller.

    Raises:
        InputError: a number is not finite.

    >>> pareto_front([(4, 1.0), (2, 1.5), (3, 1.5), (1, 3.0)])
    [3, 1, 0]
    """
    for index, point in enumerate(points):
        if not all(math.isfinite(value) for value in point):
            raise InputError(f"point {index} is {point}: cost and loss must be finite to be compared")
    front: list[int] = []
    for index in sorted(range(len(points)), key=lambda one: points[one]):
        if not front or points[index][1] < points[front[-1]][1] or points[index] == points[front[-1]]:
            front.append(index)
    return front
