"""HTML to plain text, by Beautiful Soup on Python's own parser: nothing is fetched and no script is run."""

import re
import warnings
from functools import lru_cache
from typing import Any

from fireside.agents.corpus.pairs import table_pairs
from fireside.core.extras import require

__all__ = ["HtmlText", "html_to_document", "html_to_line"]

HtmlText = tuple[str, str, list[tuple[str, str]]]
"""Title, text with markdown headings, and named values."""

_HIDDEN = ["script", "style", "noscript", "template", "svg", "iframe", "object", "embed", "nav", "title"]
_BLOCKS = [
    *("address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "figcaption", "figure"),
    *("footer", "header", "hr", "li", "main", "ol", "p", "pre", "section", "table", "td", "th", "tr", "ul"),
]
_MAX_DEPTH = 2_000
_HEADINGS = {f"h{level}": level for level in range(1, 7)}


def html_to_line(markup: str) -> str:
    """A fragment of HTML as one line; what a browser shows on lines of their own is parted by `; `.

    >>> html_to_line("<strong>Jersey:</strong> 5 &lt; 6<br><br><em>Sark</em>&nbsp;7")
    'Jersey: 5 < 6; Sark 7'
    """
    if "<" not in markup and "&" not in markup:
        return " ".join(markup.split())
    return _parsed_line(markup)


@lru_cache(maxsize=8192)  # profiles of one corpus repeat their notes hundreds of times
def _parsed_line(markup: str) -> str:
    soup = _soup(markup)
    for tag in soup.find_all(["br", "p"]):
        tag.insert_before("\n")
        tag.insert_after("\n")
    lines = (" ".join(line.split()) for line in soup.get_text().splitlines())
    joined = ""
    for line in filter(None, lines):
        gap = "" if not joined else " " if joined.endswith((".", ";", ":", ",", "?", "!")) else "; "
        joined += gap + line
    return joined


def html_to_document(markup: str) -> HtmlText:
    """A page's title, its visible text, and the values of its definition lists and two-column tables.

    A table's rows become lines of `column: cell` where its first row is a heading.

    Raises:
        RecursionError: tags are nested more than 2,000 deep.

    >>> html_to_document("<title>T</title><h2>A</h2><p>x<script>y()</script><dl><dt>Size<dd>3 m</dl>")
    ('T', '## A\\nx\\nSize: 3 m', [('Size', '3 m')])
    """
    soup = _soup(markup)
    _refuse_depth(soup)
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    heading = soup.find("h1")
    title = title or (heading.get_text(" ", strip=True) if heading else "")
    for tag in soup.find_all(_HIDDEN):
        tag.decompose()
    pairs: list[tuple[str, str]] = []
    # Innermost first, so that a table inside a cell is already text when its row is read.
    for table in reversed(soup.find_all("table")):
        lines, found = _table_lines(table)
        pairs += found
        table.replace_with("\n" + "\n".join(lines) + "\n")
    for listing in soup.find_all("dl"):
        found = _definitions(listing)
        pairs += found
        listing.replace_with("\n" + "\n".join(f"{name}: {value}" for name, value in found) + "\n")
    for tag in soup.find_all(list(_HEADINGS)):
        tag.insert_before("\n")
        tag.insert(0, "#" * _HEADINGS[tag.name] + " ")
        tag.insert_after("\n")
    for tag in soup.find_all(_BLOCKS):
        tag.insert_before("\n")
        tag.insert_after("\n")
    shown = (" ".join(line.split()) for line in soup.get_text().splitlines())
    return title, re.sub(r"\n{2,}", "\n", "\n".join(shown)).strip(), pairs


def _soup(markup: str) -> Any:
    bs4 = require("bs4", extra="agents")
    with warnings.catch_warnings():
        # A value that looks like a path or an address is still a value; it is never opened.
        warnings.simplefilter("ignore", bs4.MarkupResemblesLocatorWarning)
        warnings.simplefilter("ignore", bs4.XMLParsedAsHTMLWarning)
        return bs4.BeautifulSoup(markup, "html.parser")


def _refuse_depth(soup: Any) -> None:
    stack = [(soup, 0)]
    while stack:
        tag, depth = stack.pop()
        if depth > _MAX_DEPTH:
            raise RecursionError(f"tags are nested more than {_MAX_DEPTH:,} deep")
        stack += ((child, depth + 1) for child in tag.children if child.name)


def _cell(tag: Any) -> str:
    return " ".join(tag.get_text(" ").split())


def _rows(table: Any) -> list[list[tuple[str, bool]]]:
    """(text, whether it is a heading) of each cell, by row."""
    rows: dict[int, list[tuple[str, bool]]] = {}
    # Where closing tags are left out, Python's parser nests what follows: take the innermost out first.
    for cell in reversed([(cell, cell.find_parent("tr")) for cell in table.find_all(["td", "th"])]):
        tag, row = cell
        tag.extract()
        rows.setdefault(id(row), []).append((_cell(tag), tag.name == "th"))
    return [row[::-1] for row in reversed(rows.values())]


def _table_lines(table: Any) -> tuple[list[str], list[tuple[str, str]]]:
    rows = _rows(table)
    cells = [[text for text, _ in row] for row in rows]
    if len(rows) > 1 and all(heading for _, heading in rows[0]):
        names = cells[0]
        lines = [
            "; ".join(f"{name}: {cell}" for name, cell in zip(names, row, strict=False) if cell)
            for row in cells[1:]
        ]
        return lines, table_pairs(names, cells[1:])
    if rows and all(len(row) == 2 for row in cells):
        pairs = [(name.rstrip(":"), value) for name, value in cells]
        return [f"{name}: {value}" for name, value in pairs], pairs
    return [" | ".join(row) for row in cells], []


def _definitions(listing: Any) -> list[tuple[str, str]]:
    pairs = []
    # Where closing tags are left out, Python's parser nests what follows: take the innermost out first.
    for term in reversed(listing.find_all("dt")):
        value = term.find("dd") or term.find_next_sibling("dd")
        if value is not None:
            value.extract()
            pairs.append((_cell(term).rstrip(":"), _cell(value)))
        term.extract()
    return pairs[::-1]
