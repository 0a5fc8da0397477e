"""Plots as plain SVG, drawn from numbers, coloured by the page's own style sheet.

Every function returns markup that is safe to put into a page: all text is escaped here. Knows nothing about
what the numbers mean.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

__all__ = ["Bar", "bar_chart", "grouped_bar_chart", "line_chart", "ticks"]

WIDTH = 640
LABEL_WIDTH = 168
ROW_HEIGHT = 30
LABEL_LENGTH = 24


@dataclass(frozen=True, slots=True)
class Bar:
    """A labelled value, with its interval where it has one."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    note: str = ""


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """At most `count + 1` round numbers that cover the range: steps of 1, 2 or 5 times a power of ten.

    >>> ticks(0.0, 0.87)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    span = (high - low) or abs(high) or 1.0
    rough = span / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def bar_chart(bars: Sequence[Bar], *, title: str, unit: str = "", maximum: float | None = None) -> Markup:
    """Horizontal bars with whiskers.

    Args:
        bars: from top to bottom.
        title: read aloud by screen readers and shown above.
        unit: follows each value.
        maximum: the right end of the axis; the largest value or whisker by default.
    """
    top = maximum if maximum is not None else max((bar.high or bar.value for bar in bars), default=1.0)
    marks = ticks(0.0, top or 1.0)
    scale = _scale(0.0, marks[-1], LABEL_WIDTH, WIDTH - 88)
    height = ROW_HEIGHT * len(bars) + 24
    parts = [_x_axis(marks, scale, height - 24)]
    for row, bar in enumerate(bars):
        y = row * ROW_HEIGHT + 5
        end = scale(bar.value)
        parts.append(_text(LABEL_WIDTH - 8, y + 14, bar.label, "label", anchor="end"))
        parts.append(_rect("bar", y, end - LABEL_WIDTH, 20))
        right = end
        if bar.low is not None and bar.high is not None:
            right = max(end, scale(bar.high))
            parts.append(_whisker(scale(bar.low), scale(bar.high), y + 10))
        parts.append(_text(right + 7, y + 14, f"{number(bar.value)}{unit}", "value"))
        if bar.note:
            parts[-1] += f"<title>{escape(bar.note)}</title>"
    return _figure(parts, height, title)


def grouped_bar_chart(
    groups: Sequence[str], series: Mapping[str, Sequence[float]], *, title: str, unit: str = ""
) -> Markup:
    """Horizontal bars side by side: one group a label, one bar a series."""
    names = list(series)
    bar_height = 14
    group_height = bar_height * len(names) + 14
    values = [value for row in series.values() for value in row]
    marks = ticks(0.0, max(values, default=1.0))
    scale = _scale(0.0, marks[-1], LABEL_WIDTH, WIDTH - 88)
    height = group_height * len(groups) + 24
    parts = [_x_axis(marks, scale, height - 24)]
    for i, group in enumerate(groups):
        y = i * group_height + 6
        parts.append(
            _text(LABEL_WIDTH - 8, y + bar_height * len(names) / 2 + 4, group, "label", anchor="end")
        )
        for j, name in enumerate(names):
            value = series[name][i]
            top, end = y + j * bar_height, scale(value)
            parts.append(_rect(f"bar s{j}", top, end - LABEL_WIDTH, bar_height - 2, name))
            parts.append(_text(end + 7, top + 10, f"{number(value)}{unit}", "value small"))
    return _figure(parts, height, title, legend=names)


def line_chart(
    series: Mapping[str, Sequence[tuple[float, float]]],
    *,
    title: str,
    x_label: str,
    y_label: str,
    marker: tuple[float, str] | None = None,
) -> Markup:
    """Lines over one horizontal axis.

    Args:
        series: name -> (x, y) points, x ascending.
        title: shown above.
        x_label: under the axis.
        y_label: beside the axis.
        marker: a vertical line at an x, and what happens there.
    """
    height, left, bottom = 280, 56, 44
    points = [point for line in series.values() for point in line if math.isfinite(point[1])]
    if not points:
        return Markup("")
    x_marks = ticks(min(x for x, _ in points), max(x for x, _ in points))
    y_marks = ticks(min(y for _, y in points), max(y for _, y in points))
    to_x = _scale(min(x for x, _ in points), max(x for x, _ in points), left, WIDTH - 34)
    to_y = _scale(y_marks[0], y_marks[-1], height - bottom, 10)
    parts = [
        f'<line class="grid" x1="{left}" x2="{WIDTH - 34}" y1="{to_y(y):.1f}" y2="{to_y(y):.1f}"/>'
        + _text(left - 8, to_y(y) + 4, number(y), "tick", anchor="end")
        for y in y_marks
    ]
    parts += [
        _text(to_x(x), height - bottom + 18, number(x), "tick", anchor="middle")
        for x in x_marks
        if left <= to_x(x) <= WIDTH - 34
    ]
    parts.append(_text((left + WIDTH) / 2, height - 6, x_label, "axis", anchor="middle"))
    turned = f"translate(13 {(height - bottom) / 2}) rotate(-90)"
    parts.append(f'<text class="axis" text-anchor="middle" transform="{turned}">{escape(y_label)}</text>')
    if marker is not None:
        x = to_x(marker[0])
        parts.append(
            f'<line class="marker" x1="{x:.1f}" x2="{x:.1f}" y1="10" y2="{height - bottom}"/>'
            + _text(x - 6, 20, marker[1], "tick", anchor="end")
        )
    for j, line in enumerate(series.values()):
        path = " ".join(f"{to_x(x):.1f},{to_y(y):.1f}" for x, y in line if math.isfinite(y))
        parts.append(f'<polyline class="line s{j}" points="{path}"/>')
    return _figure(parts, height, title, legend=list(series))


def number(value: float) -> str:
    """A number as a person would write it.

    >>> number(0.25), number(12345.6), number(3.0), number(1e6)
    ('0.25', '12,346', '3', '1,000,000')
    """
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _scale(low: float, high: float, start: float, end: float) -> "_Scale":
    return _Scale(low, high - low or 1.0, start, end - start)


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    span: float
    start: float
    length: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / self.span * self.length


def _x_axis(marks: Sequence[float], scale: _Scale, bottom: float) -> str:
    return "".join(
        f'<line class="grid" x1="{scale(mark):.1f}" x2="{scale(mark):.1f}" y1="0" y2="{bottom}"/>'
        + _text(scale(mark), bottom + 16, number(mark), "tick", anchor="middle")
        for mark in marks
    )


def _rect(kind: str, y: float, width: float, height: float, title: str = "") -> str:
    said = f"<title>{escape(title)}</title>" if title else ""
    size = f'x="{LABEL_WIDTH}" y="{y}" width="{max(width, 0):.1f}" height="{height}" rx="3"'
    return f'<rect class="{kind}" {size}>{said}</rect>'


def _whisker(low: float, high: float, y: float) -> str:
    return (
        f'<g class="whisker"><line x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>'
        f'<line x1="{low:.1f}" x2="{low:.1f}" y1="{y - 5}" y2="{y + 5}"/>'
        f'<line x1="{high:.1f}" x2="{high:.1f}" y1="{y - 5}" y2="{y + 5}"/></g>'
    )


def _text(x: float, y: float, text: str, kind: str, *, anchor: str = "start") -> str:
    shown = text if len(text) <= LABEL_LENGTH or kind != "label" else text[: LABEL_LENGTH - 1] + "…"
    full = f"<title>{escape(text)}</title>" if shown != text else ""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(shown)}{full}</text>'


def _figure(parts: Sequence[str], height: float, title: str, *, legend: Sequence[str] = ()) -> Markup:
    keys = "".join(
        f'<span class="key"><i class="s{j}"></i>{escape(name)}</span>' for j, name in enumerate(legend)
    )
    caption = f'{escape(title)}<span class="keys">{keys}</span>'
    box = f'viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}"'
    return Markup(f"<figure><figcaption>{caption}</figcaption><svg {box}>{''.join(parts)}</svg></figure>")
