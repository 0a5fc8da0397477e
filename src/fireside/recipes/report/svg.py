"""Plots as plain SVG, drawn from numbers, coloured by the page's own style sheet.

Every function returns a `Figure`, which is safe to put into a page: all text is escaped. Knows nothing about
what the numbers mean.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from fireside.recipes.report.figure import (
    LABEL_WIDTH,
    PLANE_BOTTOM,
    PLANE_LEFT,
    PLANE_RIGHT,
    WIDTH,
    Figure,
    Scale,
    line,
    number,
    plane,
    text,
    ticks,
    x_axis,
)

__all__ = ["Bar", "bar_chart", "grouped_bar_chart", "line_chart"]

ROW_HEIGHT = 30


@dataclass(frozen=True, slots=True)
class Bar:
    """A labelled value, with its interval where it has one."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    note: str = ""


def bar_chart(bars: Sequence[Bar], *, title: str, unit: str = "", maximum: float | None = None) -> Figure:
    """Horizontal bars with whiskers.

    Args:
        bars: from top to bottom.
        title: read aloud by screen readers and shown above.
        unit: follows each value.
        maximum: the right end of the axis; the largest value or whisker by default.
    """
    top = maximum if maximum is not None else max((bar.high or bar.value for bar in bars), default=1.0)
    marks = ticks(0.0, top or 1.0)
    scale = Scale(0.0, marks[-1], LABEL_WIDTH, WIDTH - 88)
    height = ROW_HEIGHT * len(bars) + 24
    parts = x_axis(marks, scale, height - 24)
    for row, bar in enumerate(bars):
        y = row * ROW_HEIGHT + 5
        end = scale(bar.value)
        parts.append(text(LABEL_WIDTH - 8, y + 14, bar.label, "label", anchor="end"))
        parts.append(_rect("bar", y, end - LABEL_WIDTH, 20))
        right = end
        if bar.low is not None and bar.high is not None:
            right = max(end, scale(bar.high))
            parts.append(_whisker(scale(bar.low), scale(bar.high), y + 10))
        parts.append(text(right + 7, y + 14, f"{number(bar.value)}{unit}", "value"))
        if bar.note:
            parts[-1] += f"<title>{escape(bar.note)}</title>"
    return Figure(tuple(parts), height, title)


def grouped_bar_chart(
    groups: Sequence[str], series: Mapping[str, Sequence[float]], *, title: str, unit: str = ""
) -> Figure:
    """Horizontal bars side by side: one group a label, one bar a series."""
    names = list(series)
    bar_height = 14
    group_height = bar_height * len(names) + 14
    values = [value for row in series.values() for value in row]
    marks = ticks(0.0, max(values, default=1.0))
    scale = Scale(0.0, marks[-1], LABEL_WIDTH, WIDTH - 88)
    height = group_height * len(groups) + 24
    parts = x_axis(marks, scale, height - 24)
    for i, group in enumerate(groups):
        y = i * group_height + 6
        parts.append(text(LABEL_WIDTH - 8, y + bar_height * len(names) / 2 + 4, group, "label", anchor="end"))
        for j, name in enumerate(names):
            value = series[name][i]
            top, end = y + j * bar_height, scale(value)
            parts.append(_rect(f"bar s{j}", top, end - LABEL_WIDTH, bar_height - 2, name))
            parts.append(text(end + 7, top + 10, f"{number(value)}{unit}", "value small"))
    return Figure(tuple(parts), height, title, tuple(names))


def line_chart(
    series: Mapping[str, Sequence[tuple[float, float]]],
    *,
    title: str,
    x_label: str,
    y_label: str,
    marker: tuple[float, str] | None = None,
) -> Figure:
    """Lines over one horizontal axis.

    Args:
        series: name -> (x, y) points, x ascending.
        title: shown above.
        x_label: under the axis.
        y_label: beside the axis.
        marker: a vertical line at an x, and what happens there.
    """
    height = 280
    points = [point for row in series.values() for point in row if math.isfinite(point[1])]
    if not points:
        return Figure((), height, title)
    x_marks = ticks(min(x for x, _ in points), max(x for x, _ in points))
    y_marks = ticks(min(y for _, y in points), max(y for _, y in points))
    to_x = Scale(min(x for x, _ in points), max(x for x, _ in points), PLANE_LEFT, PLANE_RIGHT)
    to_y = Scale(y_marks[0], y_marks[-1], height - PLANE_BOTTOM, 10)
    parts = plane(to_x, to_y, x_marks, y_marks, x_label=x_label, y_label=y_label)
    if marker is not None:
        x = to_x(marker[0])
        parts.append(
            line("marker", x, to_y.end, x, to_y.start) + text(x - 6, 20, marker[1], "tick", anchor="end")
        )
    for j, row in enumerate(series.values()):
        path = " ".join(f"{to_x(x):.1f},{to_y(y):.1f}" for x, y in row if math.isfinite(y))
        parts.append(f'<polyline class="line s{j}" points="{path}"/>')
    return Figure(tuple(parts), height, title, tuple(series))


def _rect(kind: str, y: float, width: float, height: float, title: str = "") -> str:
    said = f"<title>{escape(title)}</title>" if title else ""
    size = f'x="{LABEL_WIDTH}" y="{y}" width="{max(width, 0):.1f}" height="{height}" rx="3"'
    return f'<rect class="{kind}" {size}>{said}</rect>'


def _whisker(low: float, high: float, y: float) -> str:
    ends = "".join(line("", x, y - 5, x, y + 5) for x in (low, high))
    return f'<g class="whisker">{line("", low, y, high, y)}{ends}</g>'
