"""Markdown: kept as it is written, with its headings in one style."""

import re
from collections.abc import Iterator

from fireside.agents.corpus.formats.content import Content, ReadingLimits
from fireside.agents.corpus.formats.plain import text_of
from fireside.agents.corpus.pairs import key_value_pairs, table_pairs
from fireside.agents.corpus.sections import HEADING

__all__ = ["read_markdown"]

_FENCE = re.compile(r"^ {0,3}(```+|~~~+)")
_UNDERLINE = re.compile(r"^(=+|-+)$")
_RULE = re.compile(r"^\|?[ :-]*-[ :|-]*\|[ :|-]*$")
_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n(?:---|\.\.\.)(?:\n|\Z)", re.DOTALL)
_IMAGE_OR_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)")


def read_markdown(data: bytes, limits: ReadingLimits) -> Content:
    """The text with links reduced to their words; values of front matter, tables and `Key: value` lines.

    The title is that of the front matter, or the first heading.

    >>> content = read_markdown(b"Parts\\n=====\\n|Part|Weight|\\n|-|-|\\n|bolt|3 g|", ReadingLimits())
    >>> content.title, content.pairs
    ('Parts', [('bolt - Weight', '3 g')])
    """
    text = text_of(data, limits)
    front = _FRONT_MATTER.match(text)
    pairs = key_value_pairs(_capitalised(front.group(1))) if front else []
    title = next((value.strip("\"'") for name, value in pairs if name == "Title"), "")
    lines = list(_with_plain_headings(text[front.end() :] if front else text))
    if not title:
        title = next((match.group(2) for line in lines if (match := HEADING.match(line))), "")
    body = _IMAGE_OR_LINK.sub(r"\1", "\n".join(lines))
    return Content(body, title, [*pairs, *key_value_pairs(body, title), *_tables(body.split("\n"))])


def _with_plain_headings(text: str) -> Iterator[str]:
    """Lines in which a heading is `# Heading`, and nothing in a code block looks like one."""
    fence = ""
    pending: str | None = None
    for line in text.split("\n"):
        opening = _FENCE.match(line)
        if fence:
            fence = "" if opening and opening.group(1).startswith(fence) else fence
            yield f" {line}" if line.startswith("#") else line
            continue
        if pending is not None:
            if (
                pending.strip()
                and not pending.startswith(("#", "-", "*", "|", ">"))
                and _UNDERLINE.match(line)
            ):
                yield ("# " if line.startswith("=") else "## ") + pending.strip()
                pending = None
                continue
            yield pending
        pending = line
        if opening:
            yield line
            pending, fence = None, opening.group(1)
    if pending is not None:
        yield pending


def _tables(lines: list[str]) -> list[tuple[str, str]]:
    """Named values of all pipe tables."""
    pairs = []
    for index, line in enumerate(lines):
        if index and _RULE.match(line.strip()) and "|" in lines[index - 1]:
            rows = []
            for row in lines[index + 1 :]:
                if "|" not in row:
                    break
                rows.append(_cells(row))
            pairs += table_pairs(_cells(lines[index - 1]), rows)
    return pairs


def _cells(line: str) -> list[str]:
    return [
        cell.replace("`", "").strip(" *_")
        for cell in line.strip().removeprefix("|").removesuffix("|").split("|")
    ]


def _capitalised(front: str) -> str:
    """YAML keys are lower case; a named value of a document begins with a capital."""
    return re.sub(r"^([a-z])", lambda match: match.group(1).upper(), front, flags=re.MULTILINE)
