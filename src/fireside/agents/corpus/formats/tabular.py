"""CSV and other files of rows with a delimiter."""

import csv
from io import StringIO

from fireside.agents.corpus.formats.content import Content, ReadingLimits, UnreadableError
from fireside.agents.corpus.formats.plain import decoded
from fireside.agents.corpus.pairs import table_pairs

__all__ = ["read_csv"]

_DELIMITERS = ",;\t|"


def read_csv(data: bytes, limits: ReadingLimits) -> Content:
    """Each row as a line of `column: cell`; the first row names the columns.

    Raises:
        UnreadableError: there is no row, or a cell is longer than 131,072 characters.

    >>> read_csv(b"Part;Weight\\nbolt;3 g", ReadingLimits())
    Content(text='Part: bolt; Weight: 3 g', title='', pairs=[('bolt - Weight', '3 g')], left_out='')
    """
    text = decoded(data, limits)
    try:
        rows = [
            [cell.strip() for cell in row] for row in csv.reader(StringIO(text), delimiter=_delimiter(text))
        ]
    except csv.Error as error:
        raise UnreadableError(f"it is not a table ({error})") from error
    rows = [row for row in rows if any(row)]
    if not rows:
        raise UnreadableError("it has no rows")
    names, body = rows[0], rows[1:]
    left_out = (
        f"rows {limits.max_rows + 1:,} to {len(body):,} were left out" if len(body) > limits.max_rows else ""
    )
    body = body[: limits.max_rows]
    lines = [
        "; ".join(f"{name}: {cell}" if name else cell for name, cell in zip(names, row, strict=False) if cell)
        for row in body
    ]
    return Content("\n".join(lines) or "; ".join(names), pairs=table_pairs(names, body), left_out=left_out)


def _delimiter(text: str) -> str:
    """The delimiter that cuts the first lines into the same number of cells, more than one."""
    lines = text.split("\n", 20)[:20]

    def consistency(delimiter: str) -> tuple[bool, int]:
        counts = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        return len(set(counts)) == 1 and counts[0] > 1, counts[0] if counts else 0

    return max(_DELIMITERS, key=consistency)
