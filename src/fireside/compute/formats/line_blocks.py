"""Text files in pieces of whole lines, however long the lines are, compressed or not."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from fireside.core.errors import InputError

__all__ = ["line_blocks"]

BLOCK_BYTES = 4 << 20
"""Read at once; a piece is longer only where a line is."""


def line_blocks(file: Path) -> Iterator[tuple[int, bytes]]:
    """Pieces of a file, each with the number of its first line, from 1 on.

    Only the last piece may end without a line break.

    Raises:
        InputError: the file cannot be read; the message names it.
    """
    number = 1
    begun: list[bytes] = []
    try:
        with pa.input_stream(file, compression="detect") as stream:
            while block := stream.read(BLOCK_BYTES):
                whole, break_, rest = block.rpartition(b"\n")
                if not break_:
                    begun.append(block)
                    continue
                piece = b"".join([*begun, whole, break_])
                yield number, piece
                number += piece.count(b"\n")
                begun = [rest] if rest else []
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error}") from error
    if begun:
        yield number, b"".join(begun)
