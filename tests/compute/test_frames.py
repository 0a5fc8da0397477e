import sys

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from fireside.compute import TableDataset, as_dataset, like
from fireside.core.errors import InputError, SchemaError


def test_nan_in_pandas_is_null_and_comes_back_as_nan() -> None:
    frame = pd.DataFrame({"x": [1.0, np.nan], "word": ["a", None], "n": pd.array([1, None], dtype="Int64")})
    data = as_dataset(frame)
    assert data.to_table().to_pylist() == [
        {"x": 1.0, "word": "a", "n": 1},
        {"x": None, "word": None, "n": None},
    ]
    back = like(data, frame)
    assert np.isnan(back["x"][1])
    assert back["word"].tolist() == ["a", None]


def test_nan_in_arrow_stays_nan() -> None:
    assert as_dataset(pa.table({"x": [1.0, float("nan"), None]})).to_table()["x"].null_count == 1


def test_the_index_of_pandas_is_not_a_column() -> None:
    frame = pd.DataFrame({"x": [1, 2]}, index=pd.Index(["p", "q"], name="key"))
    assert as_dataset(frame).column_names == ["x"]
    assert as_dataset(frame.reset_index()).column_names == ["key", "x"]


def test_categories_become_words() -> None:
    words = ["b", "a", "b"]
    for frame in (
        pd.DataFrame({"w": pd.Categorical(words)}),
        pl.DataFrame({"w": pl.Series(words, dtype=pl.Categorical)}),
        pa.table({"w": pa.array(words).dictionary_encode()}),
    ):
        table = as_dataset(frame).to_table()
        assert table.schema.field("w").type == pa.string()
        assert table["w"].to_pylist() == words


def test_a_frame_of_a_derived_class_counts_as_its_base() -> None:
    class Survey(pd.DataFrame):
        pass

    survey = Survey({"a": [1, 2]})
    assert as_dataset(survey).to_table().to_pydict() == {"a": [1, 2]}
    assert isinstance(like(as_dataset(survey), survey), pd.DataFrame)


def test_a_duckdb_relation_comes_back_on_its_own_connection() -> None:
    connection = duckdb.connect()
    connection.execute("create table prices as select 1 as id, 9.5::double as price")
    original = connection.sql("select * from range(3) as r(id)")
    back = like(as_dataset(original), original)
    assert back.join(connection.table("prices"), "id").fetchall() == [(1, 9.5)]


def test_a_one_shot_reader_is_read_once_and_kept() -> None:
    table = pa.table({"a": range(10)})
    reader = table.to_reader(max_chunksize=3)
    data = as_dataset(reader)
    assert data.to_table().equals(data.to_table())
    assert data.to_table().equals(table)
    assert reader.read_all().num_rows == 0
    assert like(data, reader).read_all().equals(table)


def test_any_object_with_the_arrow_stream_interface_will_do() -> None:
    class Foreign:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return pa.table({"a": [1, 2]}).__arrow_c_stream__(requested_schema)

    data = as_dataset(Foreign())
    assert data.to_table().to_pydict() == {"a": [1, 2]}
    assert like(data, Foreign()).equals(pa.table({"a": [1, 2]}))


def test_rows_may_lack_keys_and_no_key_is_lost() -> None:
    rows = [{"a": 1}, {"b": "x"}, {"a": 2, "c": [1.5]}]
    data = as_dataset(rows)
    assert data.column_names == ["a", "b", "c"]
    assert like(data, rows) == [
        {"a": 1, "b": None, "c": None},
        {"a": None, "b": "x", "c": None},
        {"a": 2, "b": None, "c": [1.5]},
    ]


def test_a_data_set_is_its_own_data_set() -> None:
    data = as_dataset({"a": [1]})
    assert as_dataset(data) is data
    assert like(data, data) is data


def test_many_tiny_chunks_do_not_make_many_tiny_batches() -> None:
    chunks = pa.Table.from_batches([pa.RecordBatch.from_pydict({"a": [i]}) for i in range(1_000)])
    assert len(list(as_dataset(chunks, batch_rows=400).batches())) == 3


def test_a_table_without_columns_keeps_its_rows_out_of_sight() -> None:
    data = as_dataset({"a": [1, 2, 3]}).select([])
    assert data.column_names == []
    assert data.to_table().num_columns == 0


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (17, "cannot make a data set of builtins.int: give a pandas, polars or Spark"),
        (None, "cannot make a data set of builtins.NoneType"),
        ([], "cannot make a data set of builtins.list"),
        ([1, 2], "cannot make a data set of builtins.list"),
        (np.zeros((2, 2)), "cannot make a data set of numpy.ndarray"),
        (pl.LazyFrame({"a": [1]}), r"a polars LazyFrame has no rows yet: call \.collect\(\) first"),
    ],
)
def test_what_is_no_table_is_refused(source: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        as_dataset(source)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"a": [1, 2], "b": [1]}, "builtins.dict cannot be read as a table"),
        ({"a": np.zeros((2, 2))}, "column 'a' cannot be made of its values"),
        ([{"a": 1}, {"a": "x"}], "column 'a' cannot be made of its values: .*: give a list of one type"),
        ({"a": [2**63]}, "column 'a' cannot be made of its values"),
        (pd.DataFrame({"mixed": [1, "x"]}), "pandas.*cannot be read as a table.*mixed"),
        (pa.table([[1], [2]], names=["a", "a"]), "column 'a' occurs 2 times"),
        (pd.Series([1, 2]), "cannot be read as a table|cannot make a data set"),
    ],
)
def test_what_is_no_proper_table_says_why(source: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        as_dataset(source)


def test_schema_errors_are_told_as_such() -> None:
    with pytest.raises(SchemaError):
        as_dataset({"a": [1, 2], "b": [1]})


def test_settings_for_files_are_refused_for_frames() -> None:
    with pytest.raises(InputError, match=r"format and schema are for files, not for builtins\.dict"):
        as_dataset({"a": [1]}, format="csv")
    with pytest.raises(InputError, match="batch_rows must be at least 1, got 0"):
        TableDataset(pa.table({"a": [1]}), batch_rows=0)


def test_nothing_heavy_is_imported_for_arrow() -> None:
    import subprocess

    script = (
        "import sys, pyarrow as pa; from fireside.compute import as_dataset, like, gang\n"
        "t = pa.table({'a': [1]}); like(as_dataset(t), t); like(as_dataset({'a': [1]}), {'a': [1]})\n"
        # pandas is not in this list because pyarrow itself imports it where it is installed.
        "print(sorted({'polars', 'duckdb', 'pyspark', 'xgboost', 'scipy', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_empty_chunks_among_others_are_read():
    letters = pa.array(list("abcdef"))
    chunks = [letters.slice(3, 0), letters.slice(3, 1), letters.slice(4, 0), letters.slice(4, 2)]
    table = pa.table({"x": [1.0, 2.0, 3.0], "s": pa.chunked_array(chunks)})
    assert as_dataset(table).to_table().to_pydict() == {"x": [1.0, 2.0, 3.0], "s": ["d", "e", "f"]}
