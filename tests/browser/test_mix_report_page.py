"""The report of a sweep, opened in a real browser: all is there, and names are shown and not obeyed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fireside.recipes.mix_report import write_sweep_report
from tests.recipes.example_results import HOSTILE
from tests.recipes.example_sweep import example_sweep

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Iterator[Any]:
    directory = example_sweep(
        tmp_path / "sweep",
        domains=("web", HOSTILE, "papers", "forum"),
        ended=lambda *which: which != ("prefix-2-order-0", "upsampled-5"),
    )
    _, file = write_sweep_report(directory)
    page = browser.new_page(viewport={"width": 1000, "height": 1200})
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(file.as_uri())
    yield page
    page.close()


def test_tables_and_plots_are_there(page: Any) -> None:
    assert page.locator("h1").inner_text() == "Upsample for the last 20 % of training"
    assert page.locator("figure svg").count() == 4
    for i in range(4):
        assert page.locator("figure svg").nth(i).bounding_box()["width"] > 400
    assert page.locator("#utility tbody tr").count() == 3
    assert page.locator("#utility tbody tr").first.locator("td").count() == 6
    assert page.locator("#branches tr.chosen").inner_text().startswith("upsampled-20")
    assert page.locator("#worth tbody tr").nth(2).locator(".badge").inner_text() == "drop"
    assert page.locator("#missing-branches tbody tr").count() == 1
    assert page.locator("#costs tbody tr").count() == 2


def test_points_of_the_trade_off_have_error_bars(page: Any) -> None:
    plot = page.locator("figure svg").first
    assert plot.locator("circle").count() == 5
    assert plot.locator("circle.chosen").count() == 1
    for i in range(4):
        assert plot.locator("g.whisker").nth(i).locator("line").count() == 6


def test_colour_is_only_where_an_interval_excludes_zero(page: Any) -> None:
    coloured = page.locator("#utility td.heat:not(.unclear)")
    assert coloured.count() > 0
    for text in coloured.all_inner_texts():
        low, high = text.split("\n")[1].split(" … ")
        assert low[0] == high[0], text


def test_names_are_shown_and_not_obeyed(page: Any) -> None:
    assert page.title() == "Fireside · sweep"
    assert page.locator("script").count() == 0
    assert page.locator("main img").count() == 0
    assert page.locator("#worth tbody td").first.text_content() == HOSTILE
    assert page.locator("#utility tbody th").first.text_content() == HOSTILE


def test_the_page_asks_for_nothing_beside_itself(page: Any) -> None:
    assert len(page.asked) == 1


def test_nothing_is_cut_off_on_a_narrow_screen(page: Any) -> None:
    page.set_viewport_size({"width": 380, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 380


def test_plots_are_files_that_open_by_themselves(browser: Any, tmp_path: Path) -> None:
    directory = example_sweep(tmp_path / "sweep")
    write_sweep_report(directory)
    page = browser.new_page()
    page.goto((directory / "plots" / "trade-off.svg").as_uri())
    assert page.locator("circle").count() == 5
    assert (
        page.locator("text.title").text_content() == "General against target score, by duration of upsampling"
    )
    page.close()
