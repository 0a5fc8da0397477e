"""Splitting a whole column of text by a set of bytes, in one pass over its memory."""

import re

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.core.extras import require
from fireside.ml.feature.text.java_regex import compile_java

__all__ = ["byte_class", "split_column"]

numba = require("numba", extra="ml")

ByteClass = npt.NDArray[np.bool_]

# One class, written out or by letter, alone or repeated: what can be decided byte by byte.
_ONE_CLASS = re.compile(
    r"(\\[sSdDwW]|\[\^?(?:\\[sSdDwW]|\\[-\[\]\\.^]|[A-Za-z0-9 _,.;:!?'\"/-])+\]|[A-Za-z0-9 _,;:])(\+?)"
)


def byte_class(pattern: str) -> tuple[ByteClass, bool] | None:
    r"""bool[256], the bytes that a Java pattern matches, and whether it matches runs of them.

    `None` where the pattern is more than one class of characters, or treats non-ASCII characters unequally,
    so that bytes of UTF-8 cannot decide.

    >>> table, runs = byte_class(r"\s+")
    >>> bool(table[ord(" ")]), bool(table[ord("a")]), runs
    (True, False, True)
    >>> byte_class("a|b") is None
    True
    """
    match = _ONE_CLASS.fullmatch(pattern)
    if match is None:
        return None
    one = compile_java(match.group(1))
    runs = match.group(2) == "+"
    table = np.array([one.fullmatch(chr(code)) is not None for code in range(128)] * 2)
    # The class has only ASCII in it, so it holds either all other characters (it is negated) or none.
    table[128:] = one.fullmatch("\u00e9") is not None
    if table[128] and not runs:
        return None
    return table, runs


def split_column(
    column: pa.StringArray, separators: ByteClass, *, runs: bool, minimum: int
) -> tuple[npt.NDArray[np.int32], pa.StringArray]:
    """Split each string as Java does.

    Args:
        column: [N], without nulls.
        separators: bool[256], the bytes between tokens.
        runs: several such bytes in a row separate once.
        minimum: tokens of fewer characters (UTF-16 units, as Java counts) are left out.

    Returns:
        int32[N+1] bounds of the lists of tokens, and the tokens of all rows in one column.
    """
    _, offsets, data = column.buffers()
    bounds = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    text = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    lists, ends, out = _split(text, bounds, separators, runs, minimum)
    tokens = pa.StringArray.from_buffers(len(ends) - 1, pa.py_buffer(ends), pa.py_buffer(out))
    return lists, tokens


@numba.njit(cache=True, nogil=True)
def _length(text: npt.NDArray[np.uint8], start: int, end: int) -> int:  # pragma: no cover (compiled)
    """UTF-16 units of UTF-8: one for each character, two for those of four bytes."""
    units = 0
    for i in range(start, end):
        if text[i] < 0x80 or text[i] >= 0xC0:
            units += 2 if text[i] >= 0xF0 else 1
    return units


@numba.njit(cache=True, nogil=True)
def _split(text, bounds, separators, runs, minimum):  # type: ignore[no-untyped-def]  # pragma: no cover
    rows, size = len(bounds) - 1, bounds[-1] - bounds[0]
    lists = np.zeros(rows + 1, np.int32)
    # A row has at most one token more than it has bytes. What is not written takes no memory.
    ends, out = np.empty(size + rows + 1, np.int32), np.empty(size + 1, np.uint8)
    # Unsigned, so that no place is tested for being counted from the end.
    one, tokens, written, least = np.uint64(1), np.uint64(0), np.uint64(0), np.uint64(minimum)
    ends[0] = 0
    for row in range(rows):
        first, last = np.uint64(bounds[row]), np.uint64(bounds[row + 1])
        start, found = written, False
        empty = 0  # empty tokens that count only if a token that is not empty follows
        for place in range(first, last + one):
            if place < last:
                out[written] = text[place]
                if not separators[text[place]]:
                    written += one
                    continue
                if runs and found and place > first and separators[text[place - one]]:
                    continue
            if written == start and (place < last or found):
                empty += 1
                found = True
                continue
            found = True
            for _ in range(empty if minimum == 0 else 0):
                tokens += one
                ends[tokens] = start
            empty = 0
            if written - start < least or (minimum > 1 and _length(out, start, written) < minimum):
                written = start
            else:
                tokens += one
                ends[tokens] = written
            start = written
        lists[row + 1] = tokens
    return lists, ends[: tokens + one].copy(), out[:written].copy()
