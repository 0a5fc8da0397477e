"""What a model has learnt, as a Parquet table with Spark's schema."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fireside.core.atomic import disk_full_is_clear
from fireside.core.errors import CorruptFileError
from fireside.ml.persistence.kinds import ColumnKind
from fireside.ml.persistence.parts import part_files, part_name

__all__ = ["SavedColumns"]

# Without it Spark would read a vector as a struct.
SPARK_SCHEMA = b"org.apache.spark.sql.parquet.row.metadata"


class SavedColumns:
    """The columns of a model's data, in Spark's order.

    Args:
        columns: name -> kind.
    """

    def __init__(self, **columns: ColumnKind) -> None:
        self.columns = columns

    def write(self, directory: Path, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write the rows as one Parquet file into an empty directory."""
        fields = [pa.field(name, kind.arrow) for name, kind in self.columns.items()]
        spark = {
            "type": "struct",
            "fields": [
                {"name": name, "type": kind.spark, "nullable": True, "metadata": {}}
                for name, kind in self.columns.items()
            ],
        }
        schema = pa.schema(fields, metadata={SPARK_SCHEMA: json.dumps(spark)})
        arrays = [kind.encode([row[name] for row in rows]) for name, kind in self.columns.items()]
        with disk_full_is_clear(directory):
            directory.mkdir(parents=True)
            path = directory / part_name("snappy.parquet")
            pq.write_table(pa.table(arrays, schema=schema), path, compression="snappy")
            (directory / "_SUCCESS").touch()

    def read(self, directory: Path) -> list[dict[str, Any]]:
        """The rows that lie in a directory.

        Raises:
            CorruptFileError: a file cannot be read, lacks a column, or has one of other values.
        """
        rows: list[dict[str, Any]] = []
        for path in part_files(directory, ".parquet"):
            try:
                # `read_table` goes through data sets, which takes longer than reading a small file.
                with pq.ParquetFile(path) as file:
                    table = file.read()
            except (pa.ArrowException, OSError) as error:
                raise CorruptFileError(f"{path} cannot be read ({error}): save the model again") from error
            missing = [name for name in self.columns if name not in table.column_names]
            if missing:
                raise CorruptFileError(
                    f"{path} has no column {missing[0]!r}, only {', '.join(table.column_names)}: "
                    "it was written by another version, or for another class"
                )
            columns = {name: _decoded(path, table, name, kind) for name, kind in self.columns.items()}
            names = list(columns)
            rows += [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        return rows


def _decoded(path: Path, table: pa.Table, name: str, kind: ColumnKind) -> Sequence[Any]:
    """The values of a column of a file."""
    try:
        column = table[name].combine_chunks().cast(kind.arrow)
        if column.null_count:
            raise ValueError("a value is null")
        return kind.decode(column)
    except (pa.ArrowException, LookupError, OverflowError, TypeError, ValueError) as error:
        raise CorruptFileError(
            f"{path} has a column {name!r} that cannot be used ({error}): save the model again"
        ) from error
