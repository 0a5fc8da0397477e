"""Parquet: typed, columnar; only the columns asked for are read, one row group's pages at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from fireside.compute.formats.file_format import FileFormat, agree_exactly
from fireside.compute.schema import plain_schema
from fireside.core.errors import InputError

__all__ = ["PARQUET"]

BUFFER_BYTES = 1 << 20
"""Read of a column at once; without it a column of a whole row group would lie in memory, compressed."""

BATCH_BYTES = 1 << 23
"""The most in a batch, as Parquet encodes it: stages make many times as much of it, all in memory at once."""


def read_schema(file: Path) -> pa.Schema:
    """The plain schema in a file's footer."""
    with opened(file) as parquet:
        return plain_schema(parquet.schema_arrow)


def read_batches(
    file: Path, schema: pa.Schema, columns: list[str], batch_rows: int
) -> Iterator[pa.RecordBatch]:
    """Batches of the named columns, row group after row group; of long rows fewer than `batch_rows`."""
    with opened(file) as parquet:
        metadata = parquet.metadata
        size = sum(metadata.row_group(place).total_byte_size for place in range(metadata.num_row_groups))
        fitting = BATCH_BYTES * metadata.num_rows // max(size, 1)
        yield from parquet.iter_batches(batch_size=max(min(batch_rows, fitting), 1), columns=columns)


def count_rows(file: Path) -> int:
    """The number of rows, from the footer."""
    with opened(file) as parquet:
        return int(parquet.metadata.num_rows)


@contextmanager
def opened(file: Path) -> Iterator[pq.ParquetFile]:
    """A Parquet file, or an `InputError` that names it."""
    if file.stat().st_size == 0:
        raise InputError(f"{file} is empty (0 bytes): an unfinished write? Delete it or write it again")
    try:
        with pq.ParquetFile(file, pre_buffer=False, buffer_size=BUFFER_BYTES) as parquet:
            yield parquet
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{file} cannot be read as Parquet: {error}") from error


PARQUET = FileFormat(
    name="parquet",
    suffixes=(".parquet", ".pq"),
    schema=read_schema,
    agree=agree_exactly,
    batches=read_batches,
    num_rows=count_rows,
)
