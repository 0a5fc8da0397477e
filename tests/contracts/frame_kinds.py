"""The kinds of frame that stages are tested on: a table of Arrow as each of them."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from fireside.compute import Dataset
from fireside.ml.frame import open_frame

MakeFrame = Callable[[pa.Table], Any]

IN_MEMORY = ["pandas", "pyarrow", "polars", "duckdb"]
STREAMED = ["parquet", "csv"]
SPARK = [
    pytest.param("spark", marks=pytest.mark.spark),
    # The same code as above, behind another kind of session.
    pytest.param("spark_connect", marks=[pytest.mark.spark, pytest.mark.slow]),
]
PLAIN = (pa.types.is_int64, pa.types.is_float64, pa.types.is_string, pa.types.is_boolean)


def maker_of(kind: str, request: pytest.FixtureRequest, folder: Path) -> MakeFrame:
    """Turns tables into frames of a kind."""
    if kind.startswith("spark"):
        return lambda table: spark_frame(request.getfixturevalue(kind), table)
    if kind in STREAMED:
        return lambda table: path_of(table, folder / f"{len(list(folder.iterdir()))}.{kind}")
    return {"pandas": pa.Table.to_pandas, "pyarrow": lambda table: table, "polars": polars, "duckdb": duckdb}[
        kind
    ]


def cannot_hold(kind: str, table: pa.Table) -> str | None:
    """Why a kind of frame cannot be that of a table."""
    if kind in ("polars", "duckdb", "pandas", "csv") and any(field.metadata for field in table.schema):
        return f"{kind} keeps no metadata of columns"
    if kind == "csv" and not all(any(fits(field.type) for fits in PLAIN) for field in table.schema):
        return "CSV has plain columns only"
    if kind == "csv" and not table.num_rows:
        return "CSV without rows has no types"
    return None


def polars(table: pa.Table) -> Any:
    import polars as pl

    return pl.from_arrow(table)


def duckdb(table: pa.Table) -> Any:
    import duckdb as db

    return db.connect().from_arrow(table)


def path_of(table: pa.Table, path: Path) -> str:
    """A file whose rows come in several batches."""
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(table, path)
    else:
        pq.write_table(table, path, row_group_size=3)
    return str(path)


def spark_frame(session: Any, table: pa.Table) -> Any:
    """A frame with one partition of rows and one without."""
    from fireside.compute import TableDataset
    from fireside.compute.spark import to_frame

    frame = to_frame(TableDataset(table), session.range(1))
    # Beside a classic session in this process, the common `lit` would be that session's.
    library = "pyspark.sql.connect" if "connect" in type(session).__module__ else "pyspark.sql"
    return frame.repartition(2, importlib.import_module(f"{library}.functions").lit(0))


def kind_of(frame: Any) -> type:
    return Dataset if isinstance(frame, str | Dataset) else type(frame)


def rows_of(frame: Any) -> list[dict[str, Any]]:
    """The rows as plain values, by `id`; NaN is `None`, since pandas does not tell them apart."""
    table = open_frame(frame).to_table()
    return sorted((plain(row) for row in table.to_pylist()), key=lambda row: row["id"])


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and value != value else value


def approximately(rows: Any) -> Any:
    if isinstance(rows, dict):
        return {key: approximately(value) for key, value in rows.items()}
    if isinstance(rows, list):
        return [approximately(value) for value in rows]
    return pytest.approx(rows, rel=1e-12, abs=1e-14) if isinstance(rows, float) else rows
