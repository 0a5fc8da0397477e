"""From whatever people have to a `Dataset`, and back to the same kind.

pandas, polars, duckdb and pyspark are imported only when such a frame was given; a Spark DataFrame is
recognised by the module its type comes from, and everything that follows is in `fireside.compute.spark`.
"""

import importlib
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import pyarrow as pa

from fireside.compute.dataset import BATCH_ROWS, Dataset, TableDataset
from fireside.core.errors import InputError, SchemaError

__all__ = ["as_dataset", "like"]

KNOWN_SOURCES = (
    "a pandas, polars or Spark DataFrame, a pyarrow Table, RecordBatch or RecordBatchReader, a duckdb "
    "relation, anything else with __arrow_c_stream__, a mapping of columns, a list of mappings, a path, "
    "a list of paths, or a Dataset"
)


def as_dataset(
    source: Any,
    *,
    format: str | None = None,
    schema: pa.Schema | None = None,
    batch_rows: int = BATCH_ROWS,
) -> Dataset:
    """A data set from any kind of frame or from files.

    - Paths (a file, a folder, a glob, or a list of files) are streamed, and never wholly in memory.
    - Spark DataFrames, classic and Connect, stay on their cluster.
    - Everything else is read once, now, into memory: a `RecordBatchReader` is used up by that, and a duckdb
      relation is not computed again on each pass. The index of a pandas frame is not carried, as in Spark:
      call `reset_index()` first to keep it. NaN in a pandas column means null, as pandas means it.

    Args:
        source: where the rows come from.
        format: `"parquet"`, `"csv"`, `"tsv"`, `"jsonl"` or `"libsvm"`, where the file names do not tell.
        schema: for text files: the types to read instead of those that the first block suggests.
        batch_rows: the most rows in a batch.

    Raises:
        InputError: an unknown kind of source, or a file that cannot be read; the message names it.
        SchemaError: columns that Arrow has no type for, or files that do not agree.

    >>> as_dataset({"a": [1, 2], "b": ["x", "y"]})
    TableDataset(a, b; 2 rows)
    """
    if isinstance(source, str | PathLike) or _is_list_of(source, (str, PathLike)):
        from fireside.compute.files import open_files

        return open_files(source, format=format, schema=schema, batch_rows=batch_rows)
    if format is not None or schema is not None:
        raise InputError(f"format and schema are for files, not for {_kind(source)}")
    if isinstance(source, Dataset):
        return source
    if _comes_from(source, "pyspark") and hasattr(source, "mapInArrow"):
        from fireside.compute.spark import SparkDataset

        return SparkDataset(source)
    return TableDataset(_to_table(source), batch_rows=batch_rows)


def like(dataset: Dataset, original: Any) -> Any:
    """The rows of a data set as the kind of frame that `original` is.

    Args:
        dataset: what was made of `original`.
        original: any source that `as_dataset` takes.

    Returns:
        pandas for pandas, polars for polars; so for duckdb (on the same connection), pyarrow, mappings of
        lists and lists of mappings; a Spark DataFrame for Spark; the data set itself for paths and data sets;
        and a `pyarrow.Table` for anything else that speaks Arrow.

    >>> like(as_dataset({"a": [1, 2]}), {"b": [3]})
    {'a': [1, 2]}
    """
    if isinstance(original, Dataset | str | PathLike) or _is_list_of(original, (str, PathLike)):
        return dataset
    if _comes_from(original, "pyspark"):
        from fireside.compute.spark import to_frame

        return to_frame(dataset, original)
    table = dataset.to_table()
    if _comes_from(original, "pandas"):
        return _to_pandas(table, original)
    if _comes_from(original, "polars"):
        return _to_polars(table, original)
    if _comes_from(original, "duckdb") and hasattr(original, "query"):
        return _to_duckdb(original, table)
    if isinstance(original, pa.RecordBatch):
        batches = table.combine_chunks().to_batches()
        return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)
    if isinstance(original, pa.RecordBatchReader):
        return table.to_reader()
    if isinstance(original, Mapping):
        return table.to_pydict()
    if _is_list_of(original, (Mapping,)):
        return table.to_pylist()
    return table


def _to_pandas(table: pa.Table, original: Any) -> Any:
    """A pandas frame whose columns have the types that those of the same names have in another.

    So an `Int64`, a category or a string column comes out as it went in. What cannot be of that type has the
    one that pandas gives it.
    """
    frame = table.to_pandas()
    types = {str(name): kind for name, kind in getattr(original, "dtypes", {}).items()}
    for name in table.column_names:
        kind = types.get(name)
        if kind is None or frame[name].dtype == kind:
            continue
        try:
            if hasattr(kind, "__from_arrow__"):
                frame[name] = kind.__from_arrow__(table[name])
                continue
            made = frame[name].astype(kind)
        except (pa.ArrowException, NotImplementedError, TypeError, ValueError):
            continue
        if made.isna().sum() == table[name].null_count:
            frame[name] = made
    return frame


def _to_polars(table: pa.Table, original: Any) -> Any:
    """A polars frame, with the types of another as in `_to_pandas`."""
    polars = importlib.import_module("polars")
    frame = polars.from_arrow(table)
    for name, kind in getattr(original, "schema", {}).items():
        if name in frame.columns and frame.schema[name] != kind:
            try:
                frame = frame.with_columns(polars.col(name).cast(kind))
            except polars.exceptions.PolarsError:
                continue
    return frame


def _to_table(source: Any) -> pa.Table:
    """An in-memory source as a table, or an error that says what the source was."""
    if isinstance(source, pa.Table):
        return source
    try:
        if _comes_from(source, "pandas") and hasattr(source, "columns"):
            return pa.Table.from_pandas(source, preserve_index=False)
        if isinstance(source, Mapping):
            return _table_from_columns(source)
        if _is_list_of(source, (Mapping,)):
            return _table_from_rows(source)
        if hasattr(source, "__arrow_c_stream__") or isinstance(source, pa.RecordBatch):
            return pa.table(source)
    except SchemaError:
        raise
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise SchemaError(f"{_kind(source)} cannot be read as a table: {error}") from error
    if _comes_from(source, "polars") and hasattr(source, "collect"):
        raise InputError("a polars LazyFrame has no rows yet: call .collect() first")
    raise InputError(f"cannot make a data set of {_kind(source)}: give {KNOWN_SOURCES}")


def _table_from_rows(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows as a table; a key that a row lacks is null, in whichever row it occurs first."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return _table_from_columns({name: [row.get(name) for row in rows] for name in names})


def _table_from_columns(columns: Mapping[str, Any]) -> pa.Table:
    """Columns as a table.

    Raises:
        SchemaError: the values of one have no type in common, or it has another length than the others.
    """
    made = {}
    for name, values in columns.items():
        try:
            made[name] = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
        except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            raise SchemaError(
                f"column {name!r} cannot be made of its values: {error}: give a list of one type"
            ) from error
    return pa.table(made)


def _to_duckdb(original: Any, fireside_rows_to_return: pa.Table) -> Any:
    """Rows as a relation on the connection of another, so that the two can be joined.

    duckdb finds the table by the name of the argument, which is long so that no table of the user's has it.
    """
    return original.query("fireside_original", "SELECT * FROM fireside_rows_to_return")


def _comes_from(source: object, package: str) -> bool:
    """Whether a type, or one it derives from, is defined in a package, without importing that package."""
    return any(kind.__module__.partition(".")[0] in (package, f"_{package}") for kind in type(source).__mro__)


def _is_list_of(source: object, kinds: tuple[type, ...]) -> bool:
    return isinstance(source, list | tuple) and len(source) > 0 and all(isinstance(x, kinds) for x in source)


def _kind(source: object) -> str:
    return f"{type(source).__module__}.{type(source).__qualname__}"
