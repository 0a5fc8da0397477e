"""JSON Lines: one object a line; fields and types are learnt from the first block, and then held to.

A field that a line lacks is null. A field that the schema lacks is an error, since dropping it would lose
data.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.json as pa_json

from fireside.compute.formats.file_format import FileFormat, Schemas, agree_on_inferred
from fireside.compute.schema import plain_schema
from fireside.core.errors import InputError, SchemaError

__all__ = ["JSONL"]

BLOCK_BYTES = 16 << 20
"""Read at once; no line may be longer."""


def read_schema(file: Path) -> pa.Schema:
    """The fields of the first block; a file without bytes has no lines, and no fields."""
    if file.stat().st_size == 0:
        return pa.schema([])
    with opened(file, pa_json.ParseOptions()) as reader:
        return plain_schema(reader.schema)


def read_batches(
    file: Path, schema: pa.Schema, columns: list[str], batch_rows: int
) -> Iterator[pa.RecordBatch]:
    """Batches of the named columns, with exactly the types of `schema`."""
    if file.stat().st_size == 0:
        return
    parse = pa_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
    with opened(file, parse) as reader:
        for block in reader:
            for start in range(0, block.num_rows, batch_rows):
                yield block.slice(start, batch_rows).select(columns)


@contextmanager
def opened(file: Path, parse: pa_json.ParseOptions) -> Iterator[pa.RecordBatchReader]:
    """A reader of a file's blocks, or an error that names the file."""
    try:
        reader = pa_json.open_json(
            file, read_options=pa_json.ReadOptions(block_size=BLOCK_BYTES), parse_options=parse
        )
        with reader:
            yield reader
    except pa.ArrowInvalid as error:
        if "changed from" in str(error) or "unexpected field" in str(error):
            raise SchemaError(
                f"{file}: {error}; fields were learnt from the start of the files: give schema="
            ) from error
        raise InputError(f"{file} cannot be read as JSON Lines (one object a line): {error}") from error
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{file} cannot be read as JSON Lines (one object a line): {error}") from error


def agree(schemas: Schemas) -> pa.Schema:
    """All fields of all files."""
    return agree_on_inferred(schemas, same_columns=False)


JSONL = FileFormat(
    name="jsonl",
    suffixes=(".jsonl", ".ndjson", ".json"),
    schema=read_schema,
    agree=agree,
    batches=read_batches,
    num_rows=lambda file: None,
)
