"""`forest_chart`: differences with their intervals, one a row, around zero."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from fireside.recipes.report.figure import LABEL_WIDTH, WIDTH, Figure, Scale, line, text, ticks, x_axis

__all__ = ["Difference", "forest_chart"]

ROW_HEIGHT = 30
CAP = 4
VALUE_WIDTH = 96


@dataclass(frozen=True, slots=True)
class Difference:
    """A labelled difference.

    Attributes:
        label: to the left.
        value: above 0 is better.
        interval: (low, high), where it has one.
        shown: written to the right.
        strong: drawn filled; others are hollow.
    """

    label: str
    value: float
    interval: tuple[float, float] | None = None
    shown: str = ""
    strong: bool = False


def forest_chart(differences: Sequence[Difference], *, title: str, x_label: str) -> Figure:
    """Dots with whiskers on one axis that has zero on it.

    Args:
        differences: from top to bottom.
        title: shown above.
        x_label: under the axis.
    """
    height = ROW_HEIGHT * len(differences) + 44
    if not differences:
        return Figure((), height, title)
    values = [0.0, *(end for one in differences for end in (one.value, *(one.interval or ())))]
    marks = ticks(min(values), max(values))
    scale = Scale(marks[0], marks[-1], LABEL_WIDTH, WIDTH - VALUE_WIDTH)
    parts = x_axis(marks, scale, height - 44)
    parts.append(line("zero", scale(0), 0, scale(0), height - 44))
    parts.append(text((scale.start + scale.end) / 2, height - 8, x_label, "axis", anchor="middle"))
    for row, one in enumerate(differences):
        y = row * ROW_HEIGHT + ROW_HEIGHT / 2
        parts.append(text(LABEL_WIDTH - 12, y + 4, one.label, "label", anchor="end"))
        if one.interval is not None:
            low, high = (scale(end) for end in one.interval)
            ends = "".join(line("", x, y - CAP, x, y + CAP) for x in (low, high))
            parts.append(f'<g class="whisker">{line("", low, y, high, y)}{ends}</g>')
        kind = "dot" if one.strong else "dot hollow"
        parts.append(
            f'<circle class="{kind}" cx="{scale(one.value):.1f}" cy="{y:.1f}" r="5">'
            f"<title>{escape(one.label)}</title></circle>"
        )
        parts.append(text(WIDTH - VALUE_WIDTH + 12, y + 4, one.shown, "value"))
    return Figure(tuple(parts), height, title)
