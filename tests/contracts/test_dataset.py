"""What every `Dataset` must do, whatever it was made of."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from fireside.compute import Dataset, as_dataset, like, map_batches, persisted
from fireside.core.errors import SchemaError

ROWS = 500
BATCH_ROWS = 64

REFERENCE = pa.table(
    {
        "id": pa.array(range(ROWS), pa.int64()),
        "x": pa.array(np.random.default_rng(1).normal(size=ROWS)),
        "word": pa.array([f"wörd {i % 7}" for i in range(ROWS)]),
        "flag": pa.array([i % 3 == 0 for i in range(ROWS)]),
    }
)


def write_parquet(table: pa.Table, folder: Path) -> Path:
    # Several files, whose names sort as their rows do, with several row groups each.
    for part in range(3):
        pq.write_table(table.slice(part * 200, 200), folder / f"part-{part}.parquet", row_group_size=70)
    return folder


def write_csv(table: pa.Table, folder: Path) -> Path:
    pyarrow.csv.write_csv(table, folder / "rows.csv")
    return folder / "rows.csv"


def write_jsonl(table: pa.Table, folder: Path) -> Path:
    lines = [json.dumps(row) for row in table.to_pylist()]
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "rows.jsonl"


def map_over(table: pa.Table) -> Dataset:
    halves = as_dataset(table, batch_rows=BATCH_ROWS)
    return map_batches(halves, lambda batch: iter([batch.slice(0, 10), batch.slice(10)]), halves.schema)


SOURCES: dict[str, Callable[[pa.Table, Path], Any]] = {
    "table": lambda table, folder: table,
    "batch": lambda table, folder: table.combine_chunks().to_batches()[0],
    "reader": lambda table, folder: table.to_reader(max_chunksize=99),
    "dict": lambda table, folder: table.to_pydict(),
    "rows": lambda table, folder: table.to_pylist(),
    "pandas": lambda table, folder: table.to_pandas(),
    "polars": lambda table, folder: pl.from_arrow(table),
    "duckdb": lambda table, folder: duckdb.connect().from_arrow(table),
    "parquet": write_parquet,
    "csv": write_csv,
    "jsonl": write_jsonl,
    "mapped": lambda table, folder: map_over(table),
}
SPARK = [pytest.param(name, marks=pytest.mark.spark) for name in ("spark", "spark_connect")]


@pytest.fixture(scope="module", params=[*SOURCES, "persisted", "persisted once", *SPARK])
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The reference rows as every kind of source."""
    if request.param in SOURCES:
        yield SOURCES[request.param](REFERENCE, tmp_path_factory.mktemp(request.param))
    elif request.param.startswith("persisted"):
        with ExitStack() as held:
            rows = held.enter_context(persisted(map_over(REFERENCE)))
            if request.param == "persisted once":
                held.close()
            yield rows
    else:
        yield request.getfixturevalue(request.param).createDataFrame(REFERENCE)


@pytest.fixture(scope="module")
def data(source: Any) -> Dataset:
    return as_dataset(source, batch_rows=BATCH_ROWS)


def test_all_rows_come_in_order_with_their_types(data: Dataset) -> None:
    assert data.schema == REFERENCE.schema
    assert data.column_names == REFERENCE.column_names
    assert data.to_table().equals(REFERENCE)


def test_every_pass_starts_anew_even_while_another_is_under_way(data: Dataset) -> None:
    first = data.batches()
    begun = next(first)
    second = pa.Table.from_batches(list(data.batches()), schema=data.schema)
    rest = pa.Table.from_batches([begun, *first], schema=data.schema)
    assert second.equals(REFERENCE)
    assert rest.equals(REFERENCE)


def test_every_batch_has_the_schema_and_at_least_one_row(data: Dataset) -> None:
    sizes = []
    for batch in data.batches():
        assert batch.schema.equals(data.schema, check_metadata=True)
        sizes.append(batch.num_rows)
    assert min(sizes) >= 1
    assert sum(sizes) == ROWS
    if not type(data).__name__.startswith("Spark"):
        assert max(sizes) <= BATCH_ROWS


def test_the_number_of_rows_is_exact_or_unknown(data: Dataset) -> None:
    assert data.num_rows in (ROWS, None)


def test_selecting_keeps_the_order_asked_for(data: Dataset) -> None:
    assert data.select(["word", "id"]).to_table().equals(REFERENCE.select(["word", "id"]))


def test_a_missing_column_is_an_error_that_suggests_the_nearest(data: Dataset) -> None:
    with pytest.raises(SchemaError, match="no column 'wrod'; did you mean 'word'"):
        data.select(["id", "wrod"])


def test_others_can_read_it_as_an_arrow_stream(data: Dataset) -> None:
    assert pa.table(data).equals(REFERENCE)
    assert pl.DataFrame(data)["x"].sum() == pytest.approx(pc.sum(REFERENCE["x"]).as_py(), rel=1e-12)


def test_it_goes_back_to_the_kind_that_came_in(data: Dataset, source: Any) -> None:
    back = like(data, source)
    if isinstance(source, Path | Dataset):
        assert back is data
    else:
        assert type(back) is type(source)
        assert as_dataset(back).to_table().equals(REFERENCE)


def test_a_map_can_drop_and_multiply_rows(data: Dataset) -> None:
    def twice_where_flagged(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        kept = batch.filter(batch["flag"]).select(["id"])
        yield kept
        yield kept

    mapped = map_batches(data, twice_where_flagged, pa.schema([("id", pa.int64())]))
    ids = sorted(mapped.to_table()["id"].to_pylist())
    assert ids == sorted([*range(0, ROWS, 3), *range(0, ROWS, 3)])


def test_maps_compose_with_maps_and_selections(data: Dataset) -> None:
    def add_square(batch: pa.RecordBatch) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays(
            [batch["id"], pc.multiply(batch["x"], batch["x"])], names=["id", "square"]
        )

    def negate(batch: pa.RecordBatch) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays([pc.negate(batch["square"])], names=["negative"])

    squares = map_batches(
        data.select(["x", "id"]), add_square, pa.schema([("id", pa.int64()), ("square", pa.float64())])
    )
    mapped = map_batches(squares.select(["square"]), negate, pa.schema([("negative", pa.float64())]))
    expected = -(REFERENCE["x"].to_numpy() ** 2)
    np.testing.assert_array_equal(mapped.to_table()["negative"].to_numpy(), expected)
    assert mapped.select(["negative"]).column_names == ["negative"]


def test_a_map_that_breaks_its_schema_is_named(data: Dataset) -> None:
    def forgetful(batch: pa.RecordBatch) -> pa.RecordBatch:
        return batch.select(["id"])

    mapped = map_batches(data, forgetful, pa.schema([("id", pa.int64()), ("x", pa.float64())]))
    with pytest.raises(SchemaError, match=r"forgetful returned .* column 'x' is missing"):
        list(mapped.batches())


def test_a_map_that_leaves_no_row_leaves_no_batch(data: Dataset) -> None:
    nothing = map_batches(data, lambda batch: batch.slice(0, 0), data.schema)
    assert list(nothing.batches()) == []
    assert nothing.to_table().schema == data.schema


def test_metadata_of_columns_survive_a_map(data: Dataset) -> None:
    field = pa.field("id", pa.int64(), metadata={"SPARK::metadata::json": '{"ml_attr": {"name": "a"}}'})
    mapped = map_batches(data, lambda batch: batch.select(["id"]), pa.schema([field]))
    assert mapped.schema.equals(pa.schema([field]), check_metadata=True)
    assert next(mapped.batches()).schema.equals(pa.schema([field]), check_metadata=True)


def empty_sources() -> dict[str, Any]:
    nothing = REFERENCE.slice(0, 0)
    return {
        "table": nothing,
        "polars": pl.from_arrow(nothing),
        "duckdb": duckdb.connect().from_arrow(nothing),
        "pandas": pd.DataFrame({"id": pd.Series([], dtype="int64"), "x": pd.Series([], dtype="float64")}),
    }


# Names alone: pytest keeps what it is given until Python ends, and duckdb complains of what is alive then.
@pytest.mark.parametrize("kind", list(empty_sources()))
def test_a_frame_without_rows_has_columns_and_no_batches(kind: str) -> None:
    data = as_dataset(empty_sources()[kind])
    assert data.column_names[:2] == ["id", "x"]
    assert data.schema.types[:2] == [pa.int64(), pa.float64()]
    assert list(data.batches()) == []
    assert data.num_rows == 0
    assert type(like(data, empty_sources()[kind])) is type(empty_sources()[kind])
