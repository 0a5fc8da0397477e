"""`trade_off_chart`: one score against another, each point with error bars in both directions.

Knows nothing about what the scores are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from fireside.recipes.report.figure import (
    PLANE_BOTTOM,
    PLANE_LEFT,
    PLANE_RIGHT,
    Figure,
    Scale,
    line,
    plane,
    text,
    ticks,
)

__all__ = ["Point", "trade_off_chart"]

HEIGHT = 378
TOP = 34
CAP = 4


@dataclass(frozen=True, slots=True)
class Point:
    """A labelled pair of scores, with the intervals that they have.

    Attributes:
        label: written beside it.
        x: the score along the horizontal axis.
        y: the score along the vertical axis.
        x_interval: (low, high) of `x`.
        y_interval: (low, high) of `y`.
        chosen: drawn larger, in the first colour.
        note: shown when pointed at.
    """

    label: str
    x: float
    y: float
    x_interval: tuple[float, float] | None = None
    y_interval: tuple[float, float] | None = None
    chosen: bool = False
    note: str = ""


def trade_off_chart(
    points: Sequence[Point],
    *,
    origin: str,
    title: str,
    x_label: str,
    y_label: str,
    limit: tuple[float, str] | None = None,
) -> Figure:
    """Points joined in their order, around the origin that they are measured from.

    Args:
        points: in the order in which a line joins them.
        origin: the name of (0, 0), from which the line starts.
        title: shown above.
        x_label: under the axis.
        y_label: beside the axis.
        limit: a y below which the plane is shaded, and what that means.
    """
    if not points:
        return Figure((), HEIGHT, title)
    x_values = [0.0, *(x for point in points for x in (point.x, *(point.x_interval or ())))]
    y_values = [0.0, *(y for point in points for y in (point.y, *(point.y_interval or ())))]
    if limit is not None:
        y_values.append(limit[0])
    x_marks, y_marks = _marks(x_values), _marks(y_values)
    to_x = Scale(x_marks[0], x_marks[-1], PLANE_LEFT, PLANE_RIGHT)
    to_y = Scale(y_marks[0], y_marks[-1], HEIGHT - PLANE_BOTTOM, TOP)
    parts = []
    if limit is not None:
        top = to_y(limit[0])
        size = f'width="{PLANE_RIGHT - PLANE_LEFT}" height="{max(to_y.start - top, 0):.1f}"'
        parts.append(f'<rect class="shade" x="{PLANE_LEFT}" y="{top:.1f}" {size}/>')
    parts += plane(to_x, to_y, x_marks, y_marks, x_label=x_label, y_label=y_label)
    parts += [line("grid", to_x(x), to_y.end, to_x(x), to_y.start) for x in x_marks]
    parts.append(line("zero", to_x(0), to_y.end, to_x(0), to_y.start))
    parts.append(line("zero", to_x.start, to_y(0), to_x.end, to_y(0)))
    if limit is not None:
        parts.append(line("marker", to_x.start, to_y(limit[0]), to_x.end, to_y(limit[0])))
        parts.append(text(to_x.start + 8, to_y.start - 8, limit[1], "tick"))
    path = " ".join(f"{to_x(x):.1f},{to_y(y):.1f}" for x, y in [(0, 0), *((p.x, p.y) for p in points)])
    parts.append(f'<polyline class="path" points="{path}"/>')
    parts += [_error_bars(point, to_x, to_y) for point in points]
    parts.append(f'<circle class="dot origin" cx="{to_x(0):.1f}" cy="{to_y(0):.1f}" r="5"/>')
    parts.append(text(to_x(0) + 9, to_y(0) - 20, origin, "value halo"))
    parts += [_dot(point, to_x, to_y) for point in points]
    return Figure(tuple(parts), HEIGHT, title)


def _marks(values: Sequence[float]) -> list[float]:
    """Ticks around all values, which have 0 among them; an axis of zeros goes to 1."""
    return ticks(min(values), max(values) if any(values) else 1.0)


def _dot(point: Point, to_x: Scale, to_y: Scale) -> str:
    x, y = to_x(point.x), to_y(point.y)
    kind, radius = ("dot chosen", 7) if point.chosen else ("dot", 5)
    said = f"<title>{escape(point.note or point.label)}</title>"
    near_edge = x > PLANE_RIGHT - 60
    label = text(
        x - 9 if near_edge else x + 9,
        y - 9,
        point.label,
        "value halo strong" if point.chosen else "value halo",
        anchor="end" if near_edge else "start",
    )
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}">{said}</circle>{label}'


def _error_bars(point: Point, to_x: Scale, to_y: Scale) -> str:
    x, y = to_x(point.x), to_y(point.y)
    parts = []
    if point.x_interval is not None:
        low, high = (to_x(value) for value in point.x_interval)
        parts.append(line("", low, y, high, y))
        parts += [line("", end, y - CAP, end, y + CAP) for end in (low, high)]
    if point.y_interval is not None:
        low, high = (to_y(value) for value in point.y_interval)
        parts.append(line("", x, low, x, high))
        parts += [line("", x - CAP, end, x + CAP, end) for end in (low, high)]
    return f'<g class="whisker">{"".join(parts)}</g>'
