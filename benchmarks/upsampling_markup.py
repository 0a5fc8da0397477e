"""reStructuredText and DocBook's HTML as plain paragraphs.

Paragraphs are parted by an empty line; a paragraph of prose is one line, code keeps its lines. Tables,
pictures, comments, indices and link targets are left out: what stays is what one would read aloud, and code.
"""

import html
import re
import textwrap
from collections.abc import Iterator

__all__ = ["plain_html", "plain_rst"]

# Directives whose body is code, is read as text, or names the thing that the body describes; others are left
# out together with their bodies.
_CODE = {"code-block", "code", "sourcecode", "parsed-literal", "doctest", "testcode", "highlight"}
_PROSE = {"note", "warning", "tip", "important", "seealso"}
_VERSION = {
    "versionadded": "New in version",
    "versionchanged": "Changed in version",
    "deprecated": "Deprecated since",
}
_PROSE |= {"attention", "caution", "hint", "impl-detail", "rubric", "topic", "admonition", "danger"}
_DESCRIBED = re.compile(
    r"(c:|py:)?(\w*function|\w*class|\w*method|attribute|data|exception|macro|\w*type|member|var|struct|enum"
    r"|enumerator|describe|cmdoption|option|opcode|envvar|decorator|\w*command)$"
)
_DIRECTIVE = re.compile(r"( *)\.\.(?: ([\w:+-]+)::(?: +(.*))?| .*|)$")
_FOOTNOTE = re.compile(r"\.\. \[[^\]]*\] +")
_FIELD = re.compile(r" *:[\w -]+:( |$)")
_RULE = re.compile(r" *([=\-~^\"'`#*+.:_<>])\1{2,}$")
_TABLE = re.compile(r" *(=+( +=+)+|[+|].*[+|])$")
_ITEM = re.compile(r" *([-*+•]|\(?\w{1,2}[.)]|#\.) +")
_INLINE = (
    (re.compile(r"\\ "), ""),
    (re.compile(r":[\w:+-]+:`[!~]?([^`<]*?)(?: *<[^`>]*>)?`"), r"\1"),
    (re.compile(r"``(.+?)``"), r"\1"),
    (re.compile(r"`([^`<]+?)(?: *<[^`>]*>)?`_{0,2}"), r"\1"),
    (re.compile(r"(?<![\w*])\*{1,2}([^\s*](?:[^*]*[^\s*])?)\*{1,2}(?![\w*])"), r"\1"),
    (re.compile(r"\[#?\w*\]_"), ""),
    (re.compile(r"\\([*_`])"), r"\1"),
    (re.compile(r" {2,}"), " "),
)
_CUT = re.compile(
    r'<head>.*?</head>|<div class="(?:navheader|toc|list-of-tables)">.*?</div>|<div class="navfooter">.*'
    r"|<table.*?</table>",
    re.S,
)
_PRE = re.compile(r"<pre[^>]*>(.*?)</pre>", re.S)
_BLOCK = re.compile(r"</?(p|div|h\d|li|ul|ol|dl|dt|dd|blockquote|hr|br)\b[^>]*>")
_TAG = re.compile(r"<[^>]*>")


def plain_rst(source: str) -> str:
    r"""The prose and code of a file in reStructuredText.

    >>> plain_rst("Lists\n=====\n\n.. index:: x\n\nUse ``a``,\nor :func:`b`::\n\n    a = [1,\n         2]\n")
    'Lists\n\nUse a, or b:\n\na = [1,\n     2]'
    """
    paragraphs = []
    skipped: int | None = None  # blocks further in than these two belong to a directive left out, or to code
    literal: int | None = None
    for block in _blocks(source):
        indent = _indent(block[0])
        skipped = skipped if skipped is not None and indent > skipped else None
        if skipped is not None:
            continue
        literal = literal if literal is not None and indent > literal else None
        if literal is not None or block[0].lstrip().startswith(">>>"):
            paragraphs.append(textwrap.dedent("\n".join(block)))
            continue
        directive = None if _FOOTNOTE.match(block[0].lstrip()) else _DIRECTIVE.match(block[0])
        if directive is None:
            prose = _prose(block)
            literal = indent if prose.endswith("::") else None
            paragraphs.append(_read_aloud(prose))
            continue
        name, argument = directive[2], directive[3] or ""
        body = [line for line in block[1:] if not _FIELD.match(line)]
        if name in _CODE:
            literal = indent
            paragraphs.append(textwrap.dedent("\n".join(body)))
        elif name in _VERSION:
            change = f"{_VERSION[name]} {argument}" + (": " if body else ".")
            paragraphs.append(_read_aloud(change + " ".join(line.strip() for line in body)))
        elif name in _PROSE:
            paragraphs.append(_read_aloud(_prose([argument, *body] if argument else body)))
        elif name and _DESCRIBED.match(name):
            paragraphs.append(_read_aloud("\n".join([argument, *(line.strip() for line in body)])))
        else:
            skipped = indent
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph.strip())


def plain_html(markup: str) -> str:
    r"""The prose and code of a page that DocBook made.

    >>> plain_html("<h2>Lists</h2><p>Use\n a &lt; b</p><table><tr><td>1</td></tr></table><pre>x =\n  1</pre>")
    'Lists\n\nUse a < b\n\nx =\n  1'
    """
    pieces = _PRE.split(_CUT.sub("", markup))
    paragraphs = []
    for number, piece in enumerate(pieces):
        if number % 2:
            paragraphs.append(textwrap.dedent(html.unescape(_TAG.sub("", piece))).strip("\n"))
        else:
            lines = _BLOCK.sub("\n", " ".join(piece.split())).split("\n")
            paragraphs += [" ".join(html.unescape(_TAG.sub("", line)).split()) for line in lines]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph.strip())


def _blocks(source: str) -> Iterator[list[str]]:
    """Runs of lines without an empty one; a directive starts a run, a title is one, tables are left out."""
    block: list[str] = []
    for line in [*source.expandtabs(8).splitlines(), ""]:
        line = line.rstrip()
        if not line or _RULE.match(line) or re.match(r" *\.\.( |$)", line):
            if block and not any(_TABLE.match(other) for other in block):
                yield block
            block = []
        if line and not _RULE.match(line):
            block.append(line)


def _prose(block: list[str]) -> str:
    """Lines joined into one for each item of a list, and for each term and its definition."""
    joined: list[str] = []
    indent = 0
    for number, line in enumerate(block):
        item = _ITEM.match(line)
        starts = number == 0 or item or _indent(line) < indent or (number == 1 and _indent(line) > indent)
        if number and starts and _ITEM.match(block[number - 1]) and not item and _indent(line) > indent:
            starts = False  # the second line of an item stands under its text
        indent = _indent(line)
        if starts:
            joined.append(line.strip())
        else:
            joined[-1] += " " + line.strip()
    return "\n".join(joined)


def _read_aloud(prose: str) -> str:
    prose = "\n".join(line for line in prose.splitlines() if not _FIELD.match(line))
    prose = _FOOTNOTE.sub("", prose)
    for pattern, replacement in _INLINE:
        prose = pattern.sub(replacement, prose)
    return re.sub(r" ?::$", ":", prose).strip().removesuffix("\n:")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
