"""reStructuredText: its headings as markdown ones, its markup reduced to the words."""

import re

from fireside.agents.corpus.formats.content import Content, ReadingLimits
from fireside.agents.corpus.formats.plain import text_of
from fireside.agents.corpus.pairs import key_value_pairs

__all__ = ["read_restructured"]

_ADORNMENT = re.compile(r"^([=\-`:'\"~^_*+#<>.])\1{2,}$")
_ROLE = re.compile(r":[\w:+-]+:`[~!]?([^`<\n]+?)(?:\s*<[^>`\n]*>)?`")
_LINK = re.compile(r"`([^`<\n]+?)\s*<[^>`\n]*>`__?")
_LITERAL = re.compile(r"``([^`\n]+)``")
# Targets, comments of the form `.. _name:`, and directives that only steer the layout.
_DROPPED = re.compile(r"^\.\. (_[^\n]*:|(?:index|toctree|highlight|contents|image|only|raw|currentmodule)::)")
_DIRECTIVE = re.compile(r"^(\s*)\.\. ([\w:-]+)::\s*(.*)$")
_FIELD = re.compile(r"^:([A-Za-z][\w ]*):\s+(.*)$")


def read_restructured(data: bytes, limits: ReadingLimits) -> Content:
    """Headings by the order in which their adornments appear; the first one is the title.

    >>> content = read_restructured(b"Parts\\n=====\\n:Owner: Ada\\n\\nSee :func:`bolt`.", ReadingLimits())
    >>> content.title, content.text, content.pairs
    ('Parts', '# Parts\\nOwner: Ada\\n\\nSee bolt.', [('Owner', 'Ada')])
    """
    lines = text_of(data, limits).split("\n")
    found: list[str] = []
    levels: dict[tuple[str, bool], int] = {}
    title = ""
    for line in lines:
        mark = _ADORNMENT.match(line)
        if mark and found and _is_heading(found[-1], line):
            overlined = len(found) > 1 and found[-2] == line
            style = (mark.group(1), overlined)
            level = levels.setdefault(style, len(levels) + 1)
            heading = _words(found.pop().strip())
            if overlined:
                found.pop()
            title = title or heading
            found.append("#" * min(level, 6) + " " + heading)
        elif not _DROPPED.match(line):
            found.append(line)
    text = "\n".join(_plain(line) for line in found)
    return Content(text, title, key_value_pairs(text, title))


def _is_heading(line: str, adornment: str) -> bool:
    """Whether a line of text stands above an adornment that is long enough."""
    return bool(line.strip()) and not _ADORNMENT.match(line) and len(adornment) >= len(line.strip())


def _plain(line: str) -> str:
    field = _FIELD.match(line)
    if field:
        return f"{field.group(1)}: {_words(field.group(2))}"
    directive = _DIRECTIVE.match(line)
    if directive:
        return directive.group(1) + (_words(directive.group(3)) or f"{directive.group(2).capitalize()}:")
    return _words(line)


def _words(line: str) -> str:
    return _LITERAL.sub(r"\1", _LINK.sub(r"\1", _ROLE.sub(r"\1", line)))
