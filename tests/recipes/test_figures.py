"""Plots: numbers at the right places, text escaped, and files that stand alone."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from fireside.recipes.report.figure import Figure
from fireside.recipes.report.scatter import Point, trade_off_chart
from fireside.recipes.report.svg import line_chart
from fireside.recipes.report.template import style_sheet
from tests.recipes.example_results import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"


def drawing(figure: Figure) -> ElementTree.Element:
    return ElementTree.fromstring(figure.file(style_sheet()))


def dots(figure: Figure) -> list[tuple[float, float]]:
    return [
        (float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in drawing(figure).iter(f"{SVG}circle")
    ]


def test_points_of_a_trade_off_lie_where_their_scores_are() -> None:
    points = [
        Point("5 %", 0.1, -0.1, (0.05, 0.15), (-0.2, 0.0)),
        Point("10 %", 0.2, -0.2, chosen=True),
        Point("20 %", 0.4, -0.4),
    ]
    figure = trade_off_chart(points, origin="base", title="t", x_label="x", y_label="y", limit=(-0.3, "no"))
    origin, first, second, third = dots(figure)
    assert second[0] - origin[0] == pytest.approx(2 * (first[0] - origin[0]), abs=0.2)
    assert third[1] - origin[1] == pytest.approx(2 * (second[1] - origin[1]), abs=0.2)
    assert first[0] > origin[0]
    assert first[1] > origin[1]  # downwards: a loss
    bars = [one for one in drawing(figure).iter(f"{SVG}g") if one.attrib.get("class") == "whisker"]
    assert [len(list(one)) for one in bars] == [6, 0, 0]
    across = next(iter(bars[0])).attrib
    assert float(across["x1"]) < first[0] < float(across["x2"])
    shade = next(one for one in drawing(figure).iter(f"{SVG}rect") if one.attrib.get("class") == "shade")
    assert second[1] < float(shade.attrib["y"]) < third[1]


def test_points_that_are_all_zero_lie_on_an_axis_all_the_same() -> None:
    figure = trade_off_chart([Point("5 %", 0.0, 0.0)], origin="base", title="t", x_label="x", y_label="y")
    origin, point = dots(figure)
    assert origin == point
    assert all(np.isfinite(point))


def test_the_text_of_figures_is_escaped_in_pages_and_files() -> None:
    chart = trade_off_chart(
        [Point(HOSTILE, 1.0, 1.0, note=HOSTILE)],
        origin=HOSTILE,
        title=HOSTILE,
        x_label=HOSTILE,
        y_label=HOSTILE,
    )
    lines = line_chart({HOSTILE: [(0, 1), (1, 2)]}, title=HOSTILE, x_label=HOSTILE, y_label=HOSTILE)
    for figure in (chart, lines):
        assert "<script" not in figure.__html__()
        assert "<img" not in figure.__html__()
        words = [one.text for one in drawing(figure).iter() if one.text]
        assert HOSTILE in words
        assert not list(drawing(figure).iter(f"{SVG}script"))


def test_a_figure_of_nothing_is_nothing() -> None:
    assert trade_off_chart([], origin="o", title="t", x_label="x", y_label="y").__html__() == ""
    assert line_chart({}, title="t", x_label="x", y_label="y").__html__() == ""
