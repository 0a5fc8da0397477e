"""The report, opened in a real browser: everything is there, and nothing that documents say is obeyed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fireside.recipes.report import write_report
from tests.recipes.example_results import HOSTILE, example_results

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Iterator[Any]:
    file = write_report(example_results(), tmp_path)
    page = browser.new_page(viewport={"width": 1000, "height": 1200})
    page.asked = []
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(file.as_uri())
    yield page
    page.close()


def test_tables_and_plots_are_there(page: Any) -> None:
    assert page.locator("h1").inner_text() == "From 256 documents to a measured agent"
    assert page.locator("#scores tbody tr").count() == 3
    assert "30.0 %" in page.locator("#scores tbody tr").nth(1).inner_text()
    assert page.locator("figure svg").count() == 6
    for i in range(6):
        box = page.locator("figure svg").nth(i).bounding_box()
        assert box["width"] > 400
        assert box["height"] > 40
    assert page.locator("#mixture tbody tr").count() == 3
    assert "-0.3000" in page.locator("#mixture tbody tr").first.inner_text()


def test_what_documents_and_models_say_is_shown_and_not_obeyed(page: Any) -> None:
    assert page.title() == "Fireside · demo-1"
    assert page.locator("script").count() == 0
    assert page.locator("details pre").first.text_content() == HOSTILE
    assert page.locator("#unreadable code").first.text_content() == HOSTILE


def test_the_page_asks_for_nothing_beside_itself(page: Any) -> None:
    assert len(page.asked) == 1


def test_nothing_is_cut_off_on_a_narrow_screen(page: Any) -> None:
    page.set_viewport_size({"width": 380, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
