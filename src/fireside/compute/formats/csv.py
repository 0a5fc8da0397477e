"""CSV and TSV with a header line; types are guessed from the first block, and then held to.

An empty cell is null in a column of numbers, and an empty string in a column of text; so are `NA`, `null` and
`NaN`, which stay what they are in text.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from fireside.compute.formats.file_format import FileFormat, Schemas, agree_on_inferred
from fireside.compute.schema import plain_schema
from fireside.core.errors import InputError, SchemaError

__all__ = ["CSV", "TSV"]

BLOCK_BYTES = 4 << 20
"""Read at once; types are guessed from the first block."""


def read_schema(file: Path, *, delimiter: str) -> pa.Schema:
    """The columns of the header, with types guessed from the first block."""
    with opened(file, pa_csv.ConvertOptions(), delimiter) as reader:
        return plain_schema(reader.schema)


def read_batches(
    file: Path, schema: pa.Schema, columns: list[str], batch_rows: int, *, delimiter: str
) -> Iterator[pa.RecordBatch]:
    """Batches of the named columns, with exactly the types of `schema`."""
    convert = pa_csv.ConvertOptions(
        column_types={name: schema.field(name).type for name in columns}, include_columns=columns
    )
    with opened(file, convert, delimiter) as reader:
        for block in reader:
            for start in range(0, block.num_rows, batch_rows):
                yield block.slice(start, batch_rows)


@contextmanager
def opened(file: Path, convert: pa_csv.ConvertOptions, delimiter: str) -> Iterator[pa_csv.CSVStreamingReader]:
    """A reader of a file's blocks, or an error that names the file."""
    try:
        reader = pa_csv.open_csv(
            file,
            read_options=pa_csv.ReadOptions(block_size=BLOCK_BYTES),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=convert,
        )
        with reader:
            yield reader
    except pa.ArrowInvalid as error:
        if "conversion error" in str(error):
            raise SchemaError(
                f"{file}: {error}; the type was guessed from the start of the files: give schema="
            ) from error
        raise InputError(f"{file} cannot be read as CSV: {error}") from error
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{file} cannot be read as CSV: {error}") from error


def agree(schemas: Schemas) -> pa.Schema:
    """The same columns in all files; a column of integers in one and of fractions in another is fractions."""
    return agree_on_inferred(schemas, same_columns=True)


def text_format(name: str, delimiter: str) -> FileFormat:
    """The format of text files with a delimiter."""
    return FileFormat(
        name=name,
        suffixes=(f".{name}",),
        schema=partial(read_schema, delimiter=delimiter),
        agree=agree,
        batches=partial(read_batches, delimiter=delimiter),
        num_rows=lambda file: None,
    )


CSV = text_format("csv", ",")
TSV = text_format("tsv", "\t")
