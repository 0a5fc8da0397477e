"""Named values in running text: lines of the form `Key: value`."""

import re

from fireside.agents.corpus.sections import sections_of

__all__ = ["key_value_pairs", "table_pairs"]

# A key is one to six words and begins with a capital; a sentence with a colon in it is none.
_PAIR = re.compile(
    r"^[ ]*(?:[-*+•][ ]+)?[*_]{0,2}([A-Z][^\n:|*]{0,48}?)[*_]{0,2}:[*_]{0,2}[ ]+(\S[^\n]{0,198})$",
    re.MULTILINE,
)


def key_value_pairs(text: str, title: str = "") -> list[tuple[str, str]]:
    """(name, value) of all lines `Key: value`; the name begins with the section, unless that is the title.

    >>> key_value_pairs("Owner: Ada\\n## Limits\\n- Width: 3 m\\nHe said: no, and then that long thing: yes")
    [('Owner', 'Ada'), ('Limits - Width', '3 m'), ('Limits - He said', 'no, and then that long thing: yes')]
    """
    pairs = []
    for start, end, section in sections_of(text):
        for match in _PAIR.finditer(text, start, end):
            key, value = match.group(1).strip(), match.group(2).replace("`", "").strip(" *_")
            if len(key.split()) <= 6 and value:
                pairs.append((f"{section} - {key}" if section and section != title else key, value))
    return pairs


def table_pairs(names: list[str], rows: list[list[str]]) -> list[tuple[str, str]]:
    """("row - column", cell) of a table whose first column names its rows, each differently.

    >>> table_pairs(["Part", "Weight"], [["bolt", "3 g"], ["nut", "1 g"]])
    [('bolt - Weight', '3 g'), ('nut - Weight', '1 g')]
    >>> table_pairs(["Part", "Weight"], [["bolt", "3 g"], ["bolt", "1 g"]])
    []
    """
    labels = [row[0] for row in rows if row]
    if len(set(labels)) != len(labels) or len(names) < 2:
        return []
    return [
        (f"{row[0]} - {name}", cell)
        for row in rows
        if row and row[0]
        for name, cell in list(zip(names, row, strict=False))[1:]
        if name and cell
    ]
