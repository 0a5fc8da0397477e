"""Cutting a whole column of text at, or into, the matches of an automaton."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.core.extras import require
from fireside.ml.feature.text.automaton import Automaton

__all__ = ["cut_column"]

numba = require("numba", extra="ml")


def cut_column(
    column: pa.StringArray, automaton: Automaton, *, gaps: bool, minimum: int
) -> tuple[npt.NDArray[np.int32], pa.StringArray]:
    """The matches in each string, or (`gaps`) what is between them, as Java splits.

    Args:
        column: [N], without nulls.
        automaton: of the pattern.
        gaps: whether the pattern matches what is between tokens.
        minimum: tokens of fewer characters (UTF-16 units, as Java counts) are left out.

    Returns:
        int32[N+1] bounds of the lists of tokens, and the tokens of all rows in one column.

    >>> from fireside.ml.feature.text.automaton import automaton_of
    >>> bounds, tokens = cut_column(pa.array(["a1b22", "c"]), automaton_of(r"\\d+"), gaps=True, minimum=1)
    >>> bounds.tolist(), tokens.to_pylist()
    ([0, 2, 3], ['a', 'b', 'c'])
    """
    _, offsets, data = column.buffers()
    bounds: Any = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    text = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    # Where the row of the next state starts in a flat table, or -1.
    next_row = np.where(automaton.next_state < 0, -1, automaton.next_state.astype(np.int32) << 8).reshape(-1)
    lists, ends, out = _cut(text, bounds, next_row, automaton.accepts, gaps, minimum)
    return lists, pa.StringArray.from_buffers(len(ends) - 1, pa.py_buffer(ends), pa.py_buffer(out))


@numba.njit(cache=True, nogil=True)
def _units(text, first, last):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    """UTF-16 units of UTF-8: one for each character, two for those of four bytes."""
    units = 0
    for place in range(first, last):
        if text[place] < 0x80 or text[place] >= 0xC0:
            units += 2 if text[place] >= 0xF0 else 1
    return units


@numba.njit(cache=True, nogil=True)
def _match_end(text, place, last, next_row, accepts):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Where the match that begins at a place ends, or -1."""
    row, end = next_row[text[place]], -1
    while row >= 0:
        place += 1
        if accepts[row >> 8]:
            end = place
        if place == last:
            break
        row = next_row[row + text[place]]
    return end


@numba.njit(cache=True, nogil=True)
def _cut(text, bounds, next_row, accepts, gaps, minimum):  # type: ignore[no-untyped-def]  # pragma: no cover
    rows = len(bounds) - 1
    lists = np.zeros(rows + 1, np.int32)
    # No token is longer than its text, and no row has more tokens than bytes and one.
    size = bounds[rows] - bounds[0]
    ends = np.zeros(size + rows + 1, np.int32)
    out = np.empty(size, np.uint8)
    tokens = written = 0
    for row in range(rows):
        place, last = bounds[row], bounds[row + 1]
        start, empty, at_end = place, 0, False
        while not at_end:
            end = -1
            while place < last and end < 0:
                if next_row[text[place]] >= 0:
                    end = _match_end(text, place, last, next_row, accepts)
                if end < 0:
                    place += 1
            at_end = place >= last
            # From `first` to `past` goes the token before this match, or the match.
            first, past = (start, place) if gaps else (place, end)
            if at_end and not gaps:
                break
            # Empty tokens count only if a token that is not empty follows, or nothing else is there.
            if first == past and not (at_end and start == bounds[row]):
                empty += 1
            else:
                if minimum == 0:
                    for _ in range(empty):
                        tokens += 1
                        ends[tokens] = written
                empty = 0
                if past - first >= minimum and (minimum < 2 or _units(text, first, past) >= minimum):
                    for byte in range(first, past):
                        out[written] = text[byte]
                        written += 1
                    tokens += 1
                    ends[tokens] = written
            start = place = end
        lists[row + 1] = tokens
    return lists, ends[: tokens + 1].copy(), out[:written].copy()
