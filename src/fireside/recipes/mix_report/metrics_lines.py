"""The lines of a metrics file that may still be written to: what can be read, and nothing else.

A run appends to its file and may be killed at any byte; a reader beside it sees half a line at the end, or
no file yet. Neither is an error here.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["last_line", "number_in", "readable_lines"]

TAIL_BYTES = 8192


def readable_lines(file: Path) -> list[dict[str, Any]]:
    """All whole lines with a step, oldest first; none where there is no file."""
    try:
        data = file.read_bytes()
    except OSError:
        return []
    return _lines_in(data)


def last_line(file: Path) -> dict[str, Any] | None:
    """The last whole line with a step; only the end of the file is read."""
    try:
        with file.open("rb") as opened:
            size = opened.seek(0, 2)
            opened.seek(max(0, size - TAIL_BYTES))
            data = opened.read()
    except OSError:
        return None
    lines = _lines_in(data)
    return lines[-1] if lines else None


def number_in(line: Mapping[str, Any], key: str) -> float:
    """A finite metric of a line; NaN where there is none, or it is no number."""
    value = line.get(key)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else math.nan


def _lines_in(data: bytes) -> list[dict[str, Any]]:
    lines = []
    for text in data.split(b"\n")[:-1]:
        try:
            line = msgspec.json.decode(text)
        except msgspec.DecodeError:
            continue
        if isinstance(line, dict) and isinstance(line.get("step"), int):
            lines.append(line)
    return lines
