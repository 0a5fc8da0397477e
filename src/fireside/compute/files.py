"""`FileDataset`: files of one format, streamed batch by batch and never wholly in memory."""

import glob
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import final

import pyarrow as pa

from fireside.compute.dataset import BATCH_ROWS, Dataset
from fireside.compute.formats import FORMATS, FileFormat
from fireside.compute.schema import conform, plain_schema
from fireside.core.errors import InputError, SchemaError

__all__ = ["FileDataset", "find_files", "open_files"]

COMPRESSIONS = (".gz", ".bz2", ".zst", ".lz4")


@final
class FileDataset(Dataset):
    """Rows of files, in the order of the files.

    Args:
        files: at least one, all of the same format.
        format: how to read them.
        schema: the plain schema that all share.
        columns: those to read.
        batch_rows: the most rows in a batch.
    """

    def __init__(
        self,
        files: Sequence[Path],
        format: FileFormat,
        schema: pa.Schema,
        *,
        columns: list[str] | None = None,
        batch_rows: int = BATCH_ROWS,
    ) -> None:
        if batch_rows < 1:
            raise InputError(f"batch_rows must be at least 1, got {batch_rows}")
        self._files = tuple(files)
        self._format = format
        self._file_schema = schema
        self._columns = schema.names if columns is None else columns
        self._batch_rows = batch_rows

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([self._file_schema.field(name) for name in self._columns])

    @property
    def num_rows(self) -> int | None:
        total = 0
        for file in self._files:
            rows = self._format.num_rows(file)
            if rows is None:
                return None
            total += rows
        return total

    def batches(self) -> Iterator[pa.RecordBatch]:
        schema = self.schema
        for file in self._files:
            if not file.exists():
                raise InputError(f"{file} was there before, and is gone")
            for batch in self._format.batches(file, self._file_schema, self._columns, self._batch_rows):
                if batch.num_rows:
                    try:
                        yield conform(batch, schema)
                    except SchemaError as error:
                        raise SchemaError(f"{file}: {error}") from error

    def to_table(self) -> pa.Table:
        return pa.Table.from_batches(list(self.batches()), schema=self.schema)

    def _select(self, columns: list[str]) -> "FileDataset":
        return FileDataset(
            self._files, self._format, self._file_schema, columns=columns, batch_rows=self._batch_rows
        )


def open_files(
    source: str | PathLike[str] | Sequence[str | PathLike[str]],
    *,
    format: str | None = None,
    schema: pa.Schema | None = None,
    batch_rows: int = BATCH_ROWS,
) -> FileDataset:
    """Files, a folder or a glob as a data set.

    Args:
        source: a file; a folder, read with all its subfolders in the order of the names (those that begin
            with `_` or `.` are bookkeeping, as in Spark); a glob; or a list of files.
        format: one of `FORMATS`, where the file names do not tell.
        schema: the types of text files, instead of those guessed from their first blocks.
        batch_rows: the most rows in a batch.

    Raises:
        InputError: nothing there, an unknown or mixed format, or a file that cannot be read.
        SchemaError: files that do not agree; the message names the one that differs.
    """
    files = find_files(source)
    kind = _format_of(files, format)
    if schema is not None and kind is FORMATS["parquet"]:
        raise InputError(f"{files[0]} is Parquet, which knows its own types: leave schema= out")
    schemas = [(file, kind.schema(file)) for file in files] if schema is None else []
    agreed = plain_schema(schema) if schema is not None else plain_schema(kind.agree(schemas))
    if not agreed.names:
        raise InputError(f"{files[0]} has no columns: give schema=, or a file with rows")
    return FileDataset(files, kind, agreed, batch_rows=batch_rows)


def find_files(source: str | PathLike[str] | Sequence[str | PathLike[str]]) -> list[Path]:
    """The files that a path, folder, glob or list of files means, in a fixed order; at least one."""
    if not isinstance(source, str | PathLike):
        return [file for one in source for file in find_files(one)]
    path = Path(source).expanduser()
    if path.is_file():
        return [path]
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file() and not _is_bookkeeping(file, path))
        for file in files:
            keys = [part for part in file.relative_to(path).parts[:-1] if "=" in part]
            if keys:
                raise InputError(
                    f"{path} is partitioned by folders such as {keys[0]!r}, whose columns would be lost: "
                    f"give one of the folders, or read it with duckdb or Spark first"
                )
        if not files:
            raise InputError(f"the folder {path} holds no file")
        return files
    if glob.has_magic(str(source)):
        matches = sorted(Path(match) for match in glob.glob(str(path), recursive=True))
        files = [file for file in matches if file.is_file()]
        if not files:
            raise InputError(f"no file matches {source}")
        return files
    raise InputError(f"{source} does not exist")


def _is_bookkeeping(file: Path, folder: Path) -> bool:
    return any(part.startswith(("_", ".")) for part in file.relative_to(folder).parts)


def _format_of(files: Sequence[Path], name: str | None) -> FileFormat:
    """The one format of some files, by its name or by their endings."""
    if name is not None:
        if name not in FORMATS:
            raise InputError(f"format must be one of {', '.join(FORMATS)}, got {name!r}")
        return FORMATS[name]
    by_suffix = {suffix: kind for kind in FORMATS.values() for suffix in kind.suffixes}
    first: FileFormat | None = None
    for file in files:
        suffixes = [suffix.lower() for suffix in file.suffixes]
        ending = (
            suffixes[-2] if len(suffixes) > 1 and suffixes[-1] in COMPRESSIONS else "".join(suffixes[-1:])
        )
        kind = by_suffix.get(ending)
        if kind is None:
            raise InputError(
                f"{file} has no ending that tells its format: give format=, one of {', '.join(FORMATS)}"
            )
        if first is not None and kind is not first:
            raise InputError(f"{files[0]} is {first.name} but {file} is {kind.name}: read them one by one")
        first = kind
    assert first is not None
    return first
