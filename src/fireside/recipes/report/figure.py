"""`Figure`: a plot as SVG, and the pieces that plots are drawn from.

A figure shows itself inside a page, whose style sheet colours it, and writes itself as an SVG file that
brings the style sheet along. All text is escaped here. Knows nothing about what the numbers mean.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = [
    "LABEL_WIDTH",
    "PLANE_BOTTOM",
    "PLANE_LEFT",
    "PLANE_RIGHT",
    "WIDTH",
    "Figure",
    "Scale",
    "line",
    "number",
    "plane",
    "text",
    "ticks",
    "x_axis",
]

WIDTH = 640
LABEL_WIDTH = 168
PLANE_LEFT = 56
PLANE_RIGHT = WIDTH - 34
PLANE_BOTTOM = 44
LABEL_LENGTH = 24
HEAD_HEIGHT = 34
LETTER_WIDTH = 6.6


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing, its title and its legend.

    Attributes:
        parts: SVG elements, their text escaped.
        height: of the drawing; it is `WIDTH` wide.
        title: shown above, and read aloud by screen readers.
        legend: names of the series, coloured s0, s1, ...
    """

    parts: tuple[str, ...]
    height: float
    title: str
    legend: tuple[str, ...] = ()

    def __html__(self) -> str:
        """The figure inside a page; Jinja's autoescape asks for it."""
        if not self.parts:
            return ""
        keys = "".join(
            f'<span class="key"><i class="s{j}"></i>{escape(name)}</span>'
            for j, name in enumerate(self.legend)
        )
        caption = f'{escape(self.title)}<span class="keys">{keys}</span>'
        box = f'viewBox="0 0 {WIDTH} {self.height:.0f}" role="img" aria-label="{escape(self.title)}"'
        drawing = "".join(self.parts)
        return f"<figure><figcaption>{caption}</figcaption><svg {box}>{drawing}</svg></figure>"

    def file(self, style: str) -> str:
        """The figure as an SVG file of its own, with the style sheet that colours it."""
        head = [text(0, 14, self.title, "title")]
        x = 0.0
        for j, name in enumerate(self.legend):
            head.append(f'<rect class="bar s{j}" x="{x:.0f}" y="22" width="10" height="10" rx="2"/>')
            head.append(text(x + 15, 31, name, "tick"))
            x += 34 + LETTER_WIDTH * len(name)
        top = HEAD_HEIGHT + (10 if self.legend else 0)
        box = f"-12 -12 {WIDTH + 24} {self.height + top + 24:.0f}"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" font-family="system-ui, sans-serif">'
            f"<style>{style}</style><title>{escape(self.title)}</title>"
            f'<rect class="paper" x="-12" y="-12" width="100%" height="100%"/>{"".join(head)}'
            f'<g transform="translate(0 {top})">{"".join(self.parts)}</g></svg>\n'
        )


@dataclass(frozen=True, slots=True)
class Scale:
    """Numbers from `low` to `high` onto pixels from `start` to `end`.

    >>> Scale(0.0, 2.0, 100.0, 200.0)(0.5)
    125.0
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        span = self.high - self.low or 1.0
        return self.start + (value - self.low) / span * (self.end - self.start)


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


def number(value: float) -> str:
    """A number as a person would write it.

    >>> number(0.25), number(12345.6), number(3.0), number(1e6)
    ('0.25', '12,346', '3', '1,000,000')
    """
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def text(x: float, y: float, words: str, kind: str, *, anchor: str = "start") -> str:
    """Text at a point; a long label is shortened, and whole in its tooltip."""
    shown = words if len(words) <= LABEL_LENGTH or kind != "label" else words[: LABEL_LENGTH - 1] + "…"
    full = f"<title>{escape(words)}</title>" if shown != words else ""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}>{escape(shown)}{full}</text>'


def line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    """A straight line; coloured by what it lies in where `kind` is empty."""
    named = f' class="{kind}"' if kind else ""
    return f'<line{named} x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"/>'


def x_axis(marks: Sequence[float], scale: Scale, bottom: float) -> list[str]:
    """Grid lines from the top to `bottom`, with their numbers under them."""
    return [
        line("grid", scale(mark), 0, scale(mark), bottom)
        + text(scale(mark), bottom + 16, number(mark), "tick", anchor="middle")
        for mark in marks
    ]


def plane(
    to_x: Scale,
    to_y: Scale,
    x_marks: Sequence[float],
    y_marks: Sequence[float],
    *,
    x_label: str,
    y_label: str,
) -> list[str]:
    """Both axes of a plot of y over x: grid lines across, numbers left and below, labels.

    Args:
        to_x: from `PLANE_LEFT` to `PLANE_RIGHT`.
        to_y: from `PLANE_BOTTOM` above the lower edge of the figure to its top.
        x_marks: numbers below; those outside the scale are left out.
        y_marks: numbers to the left.
        x_label: under the axis.
        y_label: beside the axis.
    """
    parts = [
        line("grid", to_x.start, to_y(y), to_x.end, to_y(y))
        + text(to_x.start - 8, to_y(y) + 4, number(y), "tick", anchor="end")
        for y in y_marks
    ]
    parts += [
        text(to_x(x), to_y.start + 18, number(x), "tick", anchor="middle")
        for x in x_marks
        if to_x.start <= to_x(x) <= to_x.end
    ]
    parts.append(
        text((to_x.start + WIDTH) / 2, to_y.start + PLANE_BOTTOM - 6, x_label, "axis", anchor="middle")
    )
    turned = f"translate(13 {to_y.start / 2:.1f}) rotate(-90)"
    parts.append(f'<text class="axis" text-anchor="middle" transform="{turned}">{escape(y_label)}</text>')
    return parts
