"""Sections of a text: what lies between one heading and the next."""

import re
from typing import NamedTuple

__all__ = ["HEADING", "SECTION_JOIN", "Span", "sections_of"]

HEADING = re.compile(r"^(#{1,6}) +(.*?)[ #]*$")
SECTION_JOIN = " / "


class Span(NamedTuple):
    """`text[start:end]`, under the headings `section`, outermost first; empty before the first heading."""

    start: int
    end: int
    section: str


def sections_of(text: str) -> list[Span]:
    """Spans that follow one another, cover the text, and each begin with a heading, except the first.

    >>> sections_of("# A\\nx\\n## B\\ny")
    [Span(start=0, end=6, section='A'), Span(start=6, end=12, section='A / B')]
    """
    starts, names, position = [0], [""], 0
    path: list[tuple[int, str]] = []
    for line in text.splitlines(keepends=True):
        heading = HEADING.match(line.rstrip("\n"))
        if heading:
            level = len(heading.group(1))
            path = [*(outer for outer in path if outer[0] < level), (level, heading.group(2))]
            starts.append(position)
            names.append(SECTION_JOIN.join(name for _, name in path))
        position += len(line)
    ends = [*starts[1:], len(text)]
    return [Span(*span) for span in zip(starts, ends, names, strict=True) if span[0] < span[1]]
