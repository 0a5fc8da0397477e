"""`FileFormat`: what a streamed data set needs to know about a kind of file."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from fireside.compute.schema import first_difference
from fireside.core.errors import SchemaError

__all__ = ["FileFormat", "agree_exactly", "agree_on_inferred"]

Schemas = Sequence[tuple[Path, pa.Schema]]


@dataclass(frozen=True, kw_only=True, slots=True)
class FileFormat:
    """One kind of file.

    Attributes:
        name: what `format=` calls it.
        suffixes: the endings of its files, with the dot, in lower case.
        schema: the plain schema of a file, from its footer or its first block.
        agree: one schema for several files, or a `SchemaError` that names the file which differs.
        batches: `batches(file, schema, columns, batch_rows)` yields batches of at most `batch_rows` rows,
            each with the named columns of `schema`; their types may still need a cast.
        num_rows: the number of rows where the file says so without being read, else `None`.
    """

    name: str
    suffixes: tuple[str, ...]
    schema: Callable[[Path], pa.Schema]
    agree: Callable[[Schemas], pa.Schema]
    batches: Callable[[Path, pa.Schema, list[str], int], Iterator[pa.RecordBatch]]
    num_rows: Callable[[Path], int | None]


def agree_exactly(schemas: Schemas) -> pa.Schema:
    """The schema of the first file, which all others must have: for formats that store their types."""
    first, wanted = schemas[0]
    for file, found in schemas[1:]:
        # Columns are read by name, so their order in a file is of no account.
        difference = first_difference(found, wanted)
        if difference is not None and set(found.names) != set(wanted.names):
            raise SchemaError(f"{file} does not agree with {first}: {difference}")
        for name in wanted.names:
            if found.field(name).type != wanted.field(name).type:
                raise SchemaError(
                    f"{file} does not agree with {first}: column {name!r} is {found.field(name).type}, "
                    f"not {wanted.field(name).type}"
                )
    return wanted


def agree_on_inferred(schemas: Schemas, *, same_columns: bool) -> pa.Schema:
    """The narrowest schema that holds all files: for formats whose types are guessed from the values.

    Args:
        schemas: each file with what its first block looks like.
        same_columns: whether a column that is missing from a file is an error, rather than null.
    """
    first, agreed = schemas[0]
    for file, found in schemas[1:]:
        if same_columns and set(found.names) != set(agreed.names):
            raise SchemaError(f"{file} does not agree with {first}: {first_difference(found, agreed)}")
        try:
            agreed = pa.unify_schemas([agreed, found], promote_options="permissive")
        except pa.ArrowException as error:
            raise SchemaError(f"{file} does not agree with {first}: {error}; give schema=") from error
    return agreed
