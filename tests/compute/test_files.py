import bz2
import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fireside.compute import as_dataset, like
from fireside.compute.formats.libsvm import libsvm_schema
from fireside.compute.schema import VECTOR_TYPE
from fireside.core.errors import InputError, SchemaError


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_folder_is_read_in_the_order_of_its_names_without_bookkeeping(tmp_path: Path) -> None:
    write(tmp_path / "b.csv", "a\n3\n")
    write(tmp_path / "a.csv", "a\n1\n2\n")
    write(tmp_path / "c" / "d.csv", "a\n4\n")
    write(tmp_path / "_SUCCESS", "")
    write(tmp_path / ".a.csv.crc", b"\x00")
    write(tmp_path / "_temporary" / "x.csv", "a\n99\n")
    assert as_dataset(tmp_path).to_table()["a"].to_pylist() == [1, 2, 3, 4]
    assert as_dataset(str(tmp_path)).to_table()["a"].to_pylist() == [1, 2, 3, 4]
    assert like(as_dataset(tmp_path), tmp_path).column_names == ["a"]


def test_globs_and_lists_of_files(tmp_path: Path) -> None:
    one, two = write(tmp_path / "x" / "1.csv", "a\n1\n"), write(tmp_path / "y" / "2.csv", "a\n2\n")
    assert as_dataset(f"{tmp_path}/*/*.csv").to_table()["a"].to_pylist() == [1, 2]
    assert as_dataset(f"{tmp_path}/**/*.csv").to_table()["a"].to_pylist() == [1, 2]
    assert as_dataset([two, str(one)]).to_table()["a"].to_pylist() == [2, 1]


def test_a_file_whose_name_looks_like_a_glob_is_a_file(tmp_path: Path) -> None:
    assert as_dataset(write(tmp_path / "a[1].csv", "a\n7\n")).to_table()["a"].to_pylist() == [7]


def test_compressed_text_is_read_through(tmp_path: Path) -> None:
    write(tmp_path / "a.csv.gz", gzip.compress(b"a\n1\n"))
    write(tmp_path / "a.jsonl.bz2", bz2.compress(b'{"a": 1}\n'))
    write(tmp_path / "a.libsvm.gz", gzip.compress(b"1 1:2\n"))
    for name in ("a.csv.gz", "a.jsonl.bz2"):
        assert as_dataset(tmp_path / name).to_table().to_pydict() == {"a": [1]}
    assert as_dataset(tmp_path / "a.libsvm.gz").to_table()["label"].to_pylist() == [1.0]


def test_batches_are_bounded_and_parquet_counts_its_rows(tmp_path: Path) -> None:
    table = pa.table({"a": range(1_000), "wide": [[float(i)] * 5 for i in range(1_000)]})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=300)
    data = as_dataset(tmp_path / "t.parquet", batch_rows=128)
    assert max(batch.num_rows for batch in data.batches()) <= 128
    assert data.num_rows == 1_000
    assert data.to_table().equals(table)
    assert data.select(["wide"]).num_rows == 1_000


def test_parquet_in_other_column_order_is_read_by_name(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1], "b": ["x"]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"b": ["y"], "a": [2]}), tmp_path / "2.parquet")
    assert as_dataset(tmp_path).to_table().to_pydict() == {"a": [1, 2], "b": ["x", "y"]}


def test_parquet_without_rows_has_its_columns(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": pa.array([], pa.int64())}), tmp_path / "t.parquet")
    data = as_dataset(tmp_path)
    assert (data.column_names, data.num_rows, list(data.batches())) == (["a"], 0, [])


def test_csv_types_are_widened_over_files_and_can_be_given(tmp_path: Path) -> None:
    write(tmp_path / "1.csv", "n,empty,word\n1,,x\n")
    write(tmp_path / "2.csv", "word,n,empty\ny,2.5,7\n")
    data = as_dataset(tmp_path)
    assert data.schema.field("n").type == pa.float64()
    assert data.to_table().to_pydict() == {"n": [1.0, 2.5], "empty": [None, 7], "word": ["x", "y"]}
    given = as_dataset(
        tmp_path, schema=pa.schema([("n", pa.float32()), ("empty", pa.int64()), ("word", pa.string())])
    )
    assert given.schema.field("n").type == pa.float32()
    assert given.select(["word", "n"]).to_table().to_pydict() == {"word": ["x", "y"], "n": [1.0, 2.5]}


def test_an_empty_cell_is_null_in_numbers_and_empty_in_text(tmp_path: Path) -> None:
    data = as_dataset(write(tmp_path / "a.tsv", "n\tword\n1\tNA\n\t\nNA\tx\n"))
    assert data.to_table().to_pydict() == {"n": [1, None, None], "word": ["NA", "", "x"]}


def test_a_quoted_cell_may_hold_line_breaks(tmp_path: Path) -> None:
    data = as_dataset(write(tmp_path / "a.csv", 'a,b\n"one\ntwo, three",1\n'))
    assert data.to_table().to_pydict() == {"a": ["one\ntwo, three"], "b": [1]}


def test_json_lines_of_several_files_share_all_fields(tmp_path: Path) -> None:
    write(tmp_path / "1.jsonl", '{"a": 1, "nested": {"x": [1, 2]}}\n{"a": 2}\n')
    write(tmp_path / "2.jsonl", '{"b": "y", "a": 2.5}\n')
    write(tmp_path / "3.jsonl", "")
    assert as_dataset(tmp_path).to_table().to_pylist() == [
        {"a": 1.0, "nested": {"x": [1, 2]}, "b": None},
        {"a": 2.0, "nested": None, "b": None},
        {"a": 2.5, "nested": None, "b": "y"},
    ]


def test_long_json_lines_are_read(tmp_path: Path) -> None:
    text = "x" * 9_000_000
    data = as_dataset(write(tmp_path / "a.jsonl", f'{{"text": "{text}"}}\n' * 2))
    assert [len(row) for row in data.to_table()["text"].to_pylist()] == [9_000_000] * 2


def dense(row: dict[str, object]) -> list[float]:
    values = [0.0] * row["size"]  # type: ignore[operator]
    for index, value in zip(row["indices"], row["values"], strict=True):  # type: ignore[call-overload]
        values[index] = value
    return values


def test_libsvm_lines_become_sparse_vectors_of_one_size(tmp_path: Path) -> None:
    write(tmp_path / "a.libsvm", "1 1:0.5 3:2e1\n# a comment\n-1\t2:4  # more\n\n0\n")
    write(tmp_path / "b.libsvm", "2.5 5:-1")
    data = as_dataset(tmp_path, batch_rows=2)
    table = data.to_table()
    assert table.schema.field("features").type == VECTOR_TYPE
    assert data.schema.field("features").metadata == {b"numFeatures": b"5"}
    assert table["label"].to_pylist() == [1.0, -1.0, 0.0, 2.5]
    assert [dense(row) for row in table["features"].to_pylist()] == [
        [0.5, 0, 20.0, 0, 0],
        [0, 4.0, 0, 0, 0],
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, -1.0],
    ]
    assert max(batch.num_rows for batch in data.batches()) <= 2


def test_the_size_of_libsvm_vectors_can_be_given(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "1 2:1\n")
    data = as_dataset(path, format="libsvm", schema=libsvm_schema(9))
    assert data.to_table()["features"].to_pylist()[0]["size"] == 9
    with pytest.raises(SchemaError, match=r"a\.txt has the feature index 2, but vectors of 1"):
        list(as_dataset(path, format="libsvm", schema=libsvm_schema(1)).batches())
    with pytest.raises(InputError, match="is made by libsvm_schema"):
        list(as_dataset(path, format="libsvm", schema=pa.schema([("label", pa.float64())])).batches())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1 0:1", "index 0 does not ascend from 1"),
        ("1 2:1 2:3", "index 2 does not ascend from 1"),
        ("1 3:1 2:3", "index 2 does not ascend from 1"),
        ("1 3000000000:1", "index 3000000000 does not fit into 32 bits"),
        ("1 2:x", "could not convert string to float"),
        ("one 1:2", "could not convert string to float"),
        ("1 2", "'2' is not index:value"),
        ("1 a:2", "'a' is no index"),
        ("1 1.5:2", "'1.5' is no index"),
    ],
)
def test_a_bad_libsvm_line_is_named(tmp_path: Path, line: str, reason: str) -> None:
    path = write(tmp_path / "a.libsvm", f"1 1:1 2:2\n{line}\n0 1:1\n")
    with pytest.raises(InputError, match=rf"a\.libsvm, line 2, is not LIBSVM text: .*{reason}"):
        as_dataset(path, schema=libsvm_schema(9)).to_table()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.parquet", b"", r"a\.parquet is empty \(0 bytes\)"),
        ("a.parquet", b"PAR1 and no more", r"a\.parquet cannot be read as Parquet"),
        ("a.csv", b"", r"a\.csv cannot be read as CSV: Empty CSV file"),
        ("a.csv", b"a,b\n1\n", r"a\.csv cannot be read as CSV: .*Expected 2 columns, got 1"),
        ("a.csv", b"a,a\n1,2\n", "column 'a' occurs 2 times"),
        ("a.jsonl", b"", "has no columns: give schema="),
        ("a.jsonl", b'{"a": 1}\n{"a":\n', r"a\.jsonl, in the lines from 1 on, cannot be read as JSON Lines"),
        ("a.json", b'[{"a": 1}]', r"a\.json, .*one object a line"),
        ("a.csv.gz", b"not gzip", r"a\.csv\.gz cannot be read as CSV"),
        ("a.libsvm.gz", b"not gzip", r"a\.libsvm\.gz cannot be read"),
        ("notes.txt", b"hello", r"notes\.txt has no ending that tells its format: give format="),
        ("Makefile", b"hello", "Makefile has no ending that tells its format"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        as_dataset(write(tmp_path / name, content)).to_table()


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.csv does not exist"):
        as_dataset(tmp_path / "nothing.csv")
    with pytest.raises(InputError, match="holds no file"):
        as_dataset(tmp_path)
    with pytest.raises(InputError, match=r"no file matches .*\*\.csv"):
        as_dataset(f"{tmp_path}/*.csv")
    with pytest.raises(InputError, match="format must be one of parquet, csv, tsv, jsonl, libsvm, got 'xls'"):
        as_dataset(write(tmp_path / "a.csv", "a\n1\n"), format="xls")


def test_files_of_several_formats_are_not_mixed(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "a\n1\n")
    write(tmp_path / "b.jsonl", '{"a": 1}\n')
    with pytest.raises(InputError, match=r"a\.csv is csv but .*b\.jsonl is jsonl"):
        as_dataset(tmp_path)


def test_columns_in_folder_names_are_not_lost_silently(tmp_path: Path) -> None:
    write(tmp_path / "year=2024" / "a.csv", "a\n1\n")
    with pytest.raises(InputError, match="is partitioned by folders such as 'year=2024'"):
        as_dataset(tmp_path)
    assert as_dataset(tmp_path / "year=2024").to_table()["a"].to_pylist() == [1]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (
            pa.table({"a": ["x"]}),
            r"2\.parquet does not agree with .*1\.parquet: column 'a' is string, not int64",
        ),
        (pa.table({"b": [1]}), r"2\.parquet does not agree with .*1\.parquet: column 'a' is missing"),
        (pa.table({"a": [1], "b": [1]}), r"2\.parquet does not agree .* column 'b' is not expected"),
    ],
)
def test_parquet_files_that_disagree_are_named(tmp_path: Path, second: pa.Table, message: str) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "1.parquet")
    pq.write_table(second, tmp_path / "2.parquet")
    with pytest.raises(SchemaError, match=message):
        as_dataset(tmp_path)


def test_text_files_that_disagree_are_named(tmp_path: Path) -> None:
    write(tmp_path / "1.csv", "a,b\n1,2\n")
    write(tmp_path / "2.csv", "a\n1\n")
    with pytest.raises(SchemaError, match=r"2\.csv does not agree with .*1\.csv: column 'b' is missing"):
        as_dataset(tmp_path)
    write(tmp_path / "2.csv", "a,b\nx,2\n")
    with pytest.raises(SchemaError, match=r"2\.csv does not agree with .*1\.csv: .*give schema="):
        as_dataset(tmp_path)


def test_a_guess_that_proves_wrong_asks_for_a_schema(tmp_path: Path) -> None:
    # Both formats guess from their first block, and these surprises come after it.
    path = write(tmp_path / "a.csv", "n,word\n" + "1,abcdefghij\n" * 400_000 + "one,x\n")
    with pytest.raises(SchemaError, match=r"a\.csv: .*invalid value 'one'.*give schema="):
        list(as_dataset(path).batches())
    path = write(tmp_path / "a.jsonl", '{"n": 1, "word": "abcdefghijklmnopqrst"}\n' * 420_000 + '{"m": 1}\n')
    with pytest.raises(
        SchemaError, match=r"a\.jsonl, in the lines from \d{5,} on: .*unexpected field.*give schema="
    ):
        list(as_dataset(path).batches())


def test_parquet_takes_no_schema(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "1.parquet")
    with pytest.raises(InputError, match="is Parquet, which knows its own types"):
        as_dataset(tmp_path, schema=pa.schema([("a", pa.int32())]))


def test_a_file_that_vanishes_between_passes_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "a\n1\n")
    data = as_dataset(path)
    path.unlink()
    with pytest.raises(InputError, match=r"a\.csv was there before, and is gone"):
        list(data.batches())
