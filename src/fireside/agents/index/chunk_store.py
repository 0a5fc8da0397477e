"""The chunks themselves: an Arrow file, memory-mapped, from which rows are read by number."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from fireside.core.errors import CorruptFileError

__all__ = ["Chunk", "ChunkStore", "write_chunks"]

COLUMNS = ("document_id", "title", "section", "text")
# Offsets of strings are 32-bit within one batch; 64k chunks of 800 characters stay far below.
_BATCH_ROWS = 65_536


class Chunk(NamedTuple):
    """A row of the store."""

    document_id: str
    title: str
    section: str
    text: str


def write_chunks(file: Path, chunks: pa.Table) -> None:
    """Write the columns of `CHUNK_SCHEMA` to an Arrow file."""
    table = chunks.select(COLUMNS).combine_chunks()
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=_BATCH_ROWS)


class ChunkStore:
    """Reads what `write_chunks` wrote; what is not asked for stays on the disk.

    Raises:
        CorruptFileError: the file cannot be read.
    """

    def __init__(self, file: Path) -> None:
        try:
            reader = pa.ipc.open_file(pa.memory_map(str(file), "r"))
            self._batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
            if reader.schema.names != list(COLUMNS):
                raise ValueError(f"it has the columns {reader.schema.names}")
        except (OSError, ValueError, pa.ArrowException) as error:
            raise CorruptFileError(
                f"{file} holds no chunks ({error}): delete the index and build it again"
            ) from error
        self._starts = np.cumsum([0, *(batch.num_rows for batch in self._batches)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def rows(self, numbers: Sequence[int]) -> list[Chunk]:
        """The chunks with these numbers, in the order given."""
        found = []
        for number in numbers:
            which = int(np.searchsorted(self._starts, number, side="right")) - 1
            batch, row = self._batches[which], int(number - self._starts[which])
            found.append(Chunk(*(batch.column(column)[row].as_py() for column in range(len(COLUMNS)))))
        return found
