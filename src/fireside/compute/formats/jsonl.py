"""JSON Lines: one object a line; fields and types are learnt from the first block, and then held to.

A field that a line lacks is null. A field that the schema lacks is an error, since dropping it would lose
data. Arrow's own streaming reader is not used: it holds some forty blocks at once, and no line may be longer
than one.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.json as pa_json

from fireside.compute.formats.file_format import FileFormat, Schemas, agree_on_inferred
from fireside.compute.formats.line_blocks import line_blocks
from fireside.compute.schema import plain_schema
from fireside.core.errors import InputError, SchemaError

__all__ = ["JSONL"]


def read_schema(file: Path) -> pa.Schema:
    """The fields of the first block; a file without lines has none."""
    for first, block in line_blocks(file):
        if not block.isspace():
            return plain_schema(parse(block, pa_json.ParseOptions(), file, first).schema)
    return pa.schema([])


def read_batches(
    file: Path, schema: pa.Schema, columns: list[str], batch_rows: int
) -> Iterator[pa.RecordBatch]:
    """Batches of the named columns, with exactly the types of `schema`."""
    options = pa_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
    for first, block in line_blocks(file):
        if not block.isspace():
            yield from (
                parse(block, options, file, first).select(columns).to_batches(max_chunksize=batch_rows)
            )


def parse(block: bytes, options: pa_json.ParseOptions, file: Path, first: int) -> pa.Table:
    """Some lines as a table, or an error that names the file and the lines."""
    # One block for Arrow too, since no line may cross from one of its blocks into another.
    whole = pa_json.ReadOptions(block_size=len(block) + 1, use_threads=False)
    try:
        return pa_json.read_json(pa.BufferReader(block), read_options=whole, parse_options=options)
    except pa.ArrowInvalid as error:
        where = f"{file}, in the lines from {first} on"
        if "changed from" in str(error) or "unexpected field" in str(error):
            raise SchemaError(
                f"{where}: {error}; there must be one object a line, with the fields and types that the "
                "files begin with: give schema="
            ) from error
        raise InputError(f"{where}, cannot be read as JSON Lines (one object a line): {error}") from error


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
