import json
from io import BytesIO

import pytest

from fireside.agents.corpus.formats import Content, ReadingLimits, UnreadableError
from fireside.agents.corpus.formats.html import read_html
from fireside.agents.corpus.formats.markdown import read_markdown
from fireside.agents.corpus.formats.pdf import read_pdf
from fireside.agents.corpus.formats.restructured import read_restructured
from fireside.agents.corpus.formats.structured import read_json
from fireside.agents.corpus.formats.tabular import read_csv

LIMITS = ReadingLimits()


def _pdf(*pages: str, password: str | None = None, title: str | None = None) -> bytes:
    """A small PDF with one line of Helvetica on each page."""
    from pypdf import PdfWriter
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

    writer = PdfWriter()
    for text in pages:
        page = writer.add_blank_page(200, 200)
        font = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Font"),
                NameObject("/Subtype"): NameObject("/Type1"),
                NameObject("/BaseFont"): NameObject("/Helvetica"),
            }
        )
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
        )
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 10 100 Td ({text}) Tj ET".encode() if text else b"")
        page[NameObject("/Contents")] = stream
    if title:
        writer.add_metadata({"/Title": title})
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def test_markdown_gives_title_headings_tables_and_front_matter() -> None:
    content = read_markdown(
        b"---\ntitle: The depot\nowner: Ada\n---\nIntro\n-----\nSee [the list](http://x/y).\n\n"
        b"| Part | Weight |\n|:--|--:|\n| bolt | 3 g |\n| nut | 1 g |\n\n```sh\n# not a heading\n```\n",
        LIMITS,
    )
    assert content.title == "The depot"
    assert content.text.startswith("## Intro\nSee the list.")
    assert "\n # not a heading" in content.text
    assert ("Owner", "Ada") in content.pairs
    assert ("nut - Weight", "1 g") in content.pairs


def test_a_rule_after_a_blank_line_is_no_heading() -> None:
    assert read_markdown(b"a\n\n---\n\nb", LIMITS).text == "a\n\n---\n\nb"


def test_restructured_text_keeps_the_order_of_levels_and_drops_markup() -> None:
    content = read_restructured(
        b"=====\nGuide\n=====\n.. _top:\n\nInstall\n-------\nUse :ref:`the page <page>` or ``pip``.\n\n"
        b".. note::\n   Careful.\n\nMore\n----\nx",
        LIMITS,
    )
    assert content.title == "Guide"
    headings = [line for line in content.text.split("\n") if line.startswith("#")]
    assert headings == ["# Guide", "## Install", "## More"]
    assert "Use the page or pip." in content.text
    assert "Note:" in content.text
    assert ".." not in content.text


def test_html_keeps_what_is_shown_and_tables_give_named_values() -> None:
    content = read_html(
        b"<html><head><title>Parts &amp; more</title><style>b{}</style></head><body><h1>Parts</h1>"
        b"<script>steal()</script><table><tr><th>Part<th>Weight<tr><td>bolt<td>3 g</table>"
        b"<table><tr><td>Owner</td><td>Ada</td></tr></table><p>One<br>two</p></body></html>",
        LIMITS,
    )
    assert content.title == "Parts & more"
    assert content.text == "# Parts\nPart: bolt; Weight: 3 g\nOwner: Ada\nOne\ntwo"
    assert set(content.pairs) == {("bolt - Weight", "3 g"), ("Owner", "Ada")}


def test_html_without_closing_tags_loses_nothing() -> None:
    assert read_html(b"<head><title>T</title><body><p>one<p>two", LIMITS).text == "one\ntwo"


def test_html_that_is_nested_too_deeply_is_refused() -> None:
    assert read_html(b"<div>" * 500 + b"end", LIMITS).text == "end"
    with pytest.raises(UnreadableError, match="nested too deeply"):
        read_html(b"<div>" * 20_000 + b"end", LIMITS)


def test_json_gives_paths_and_names_items_by_their_names() -> None:
    data = {
        "name": "Depot",
        "open": True,
        "tags": ["a", "b"],
        "parts": [{"id": 7, "size": {"w": 1.5}}, {"x": None}],
    }
    content = read_json(json.dumps(data).encode(), LIMITS)
    assert content.title == "Depot"
    assert content.text == "name: Depot\nopen: yes\ntags: a; b\nparts - 7 - size - w: 1.5"


@pytest.mark.parametrize("data", [b"{", b"[" * 100_000, b"null", b"{} x"])
def test_what_is_no_usable_json_is_refused_with_a_reason(data: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_json(data, LIMITS)


def test_csv_finds_its_delimiter_and_names_rows_only_where_they_differ() -> None:
    semicolon = read_csv("Ort;Höhe\nZürich;408\nBern;540".encode(), LIMITS)
    assert semicolon.pairs == [("Zürich - Höhe", "408"), ("Bern - Höhe", "540")]
    assert read_csv(b"a\tb\n1\t2", LIMITS).text == "a: 1; b: 2"
    assert read_csv(b'a,b\n"x, y",2\n"x, y",3', LIMITS).pairs == []
    assert read_csv(b"a,b\n1,2\n3,4", ReadingLimits(max_rows=1)).left_out == "rows 2 to 2 were left out"


def test_pdf_pages_become_sections() -> None:
    content = read_pdf(_pdf("Owner: Ada", "", "Weight: 3 g", title="Depot"), LIMITS)
    assert content == Content(
        "## Page 1\nOwner: Ada\n\n## Page 3\nWeight: 3 g", "Depot", [("Owner", "Ada"), ("Weight", "3 g")]
    )
    assert read_pdf(_pdf("a", "b", "c"), ReadingLimits(max_pages=2)).left_out == "pages 3 to 3 were left out"


def test_pdf_that_only_forbids_printing_is_read() -> None:
    assert "Ada" in read_pdf(_pdf("Ada", password=""), LIMITS).text


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (_pdf("secret", password="x"), "password"),
        (_pdf(""), "OCR"),
        (b"%PDF-1.7\n garbage", "not a sound PDF"),
        (_pdf("a")[:200], "not a sound PDF"),
    ],
)
def test_pdf_that_cannot_be_read_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        read_pdf(data, LIMITS)
