"""Texts from the layouts that people have, and one clear line where a file is broken."""

import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fireside.core.errors import CorruptFileError, InputError, SchemaError
from fireside.mixing.sources import open_texts

TEXTS = ["first", "zweiter Text, mit ü", "", "third\nwith lines", "x" * 5000]


def texts_of(source: object, column: str = "text") -> list[str]:
    dataset = open_texts(source, column=column)
    once = dataset.to_table()[0].to_pylist()
    # Data sets are read as often as one likes.
    assert once == [text for batch in dataset.batches() for text in batch.column(0).to_pylist()]
    return once


def write_folder(path: Path) -> None:
    (path / "sub").mkdir(parents=True)
    for number, text in enumerate(TEXTS):
        file = path / ("sub" if number >= 3 else "") / f"{number}.{'md' if number % 2 else 'txt'}"
        file.write_bytes(text.encode())


def write_jsonl(path: Path) -> None:
    path.mkdir()
    lines = [json.dumps({"text": text, "id": number}) for number, text in enumerate(TEXTS)]
    (path / "a.jsonl").write_text("\n".join(lines[:2]) + "\n")
    (path / "b.jsonl").write_text("\n".join(lines[2:]))


def write_jsonl_zst(path: Path) -> None:
    path.mkdir()
    lines = [json.dumps({"id": number, "text": text}) for number, text in enumerate(TEXTS)]
    with pa.output_stream(str(path / "a.jsonl.zst"), compression="zstd") as stream:
        stream.write("\n".join(lines).encode())


def write_jsonl_gz(path: Path) -> None:
    path.mkdir()
    lines = [json.dumps({"text": text}) for text in TEXTS]
    (path / "a.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))


def write_parquet(path: Path) -> None:
    path.mkdir()
    table = pa.table({"n": range(5), "text": pa.array(TEXTS, pa.large_string())})
    pq.write_table(table.slice(0, 3), path / "0.parquet")
    pq.write_table(table.slice(3), path / "1.parquet")


def write_saved_dataset(path: Path) -> None:
    """As `datasets.Dataset.save_to_disk` lays it out."""
    path.mkdir()
    table = pa.table({"text": TEXTS, "image": [{"bytes": b"", "path": None}] * 5})
    files = []
    for number, part in enumerate((table.slice(0, 2), table.slice(2))):
        files.append({"filename": f"data-0000{number}-of-00002.arrow"})
        with (
            pa.OSFile(str(path / files[-1]["filename"]), "wb") as sink,
            pa.ipc.new_stream(sink, part.schema) as out,
        ):
            out.write_table(part, max_chunksize=2)
    (path / "state.json").write_text(json.dumps({"_data_files": files, "_fingerprint": "0", "_split": None}))
    (path / "dataset_info.json").write_text("{}")


def write_mds(path: Path, *, compression: str | None = None, hashed: bool = True) -> None:
    """As the format is described: sizes of the variable columns, then the columns' bytes, name by name."""
    path.mkdir()
    names, encodings, sizes = ["id", "source", "text"], ["int", "str", "str"], [8, None, None]
    config = json.dumps({"column_names": names, "format": "mds"}).encode()
    shards = []
    for number, part in enumerate((TEXTS[:2], TEXTS[2:])):
        samples = []
        for text in part:
            columns = [np.int64(7).tobytes(), b"some source", text.encode()]
            samples.append(np.array([len(c) for c in columns[1:]], "<u4").tobytes() + b"".join(columns))
        offsets = np.cumsum([0, *map(len, samples)]) + 4 + 4 * (len(samples) + 1) + len(config)
        data = (
            np.uint32(len(samples)).tobytes() + offsets.astype("<u4").tobytes() + config + b"".join(samples)
        )
        name = f"shard.{number:05d}.mds"
        packed = {"zstd": name + ".zstd", "gz": name + ".gz"}.get(compression or "", name)
        if compression is None:
            (path / name).write_bytes(data)
        else:
            codec = "gzip" if compression == "gz" else compression
            with pa.output_stream(str(path / packed), compression=codec) as stream:
                stream.write(data)
        hashes = {"sha1": hashlib.sha1(data).hexdigest(), "xxh64": "0"} if hashed else {}
        shards.append(
            {
                "column_encodings": encodings,
                "column_names": names,
                "column_sizes": sizes,
                "compression": compression and f"{compression}:3",
                "format": "mds",
                "hashes": list(hashes),
                "raw_data": {"basename": name, "bytes": len(data), "hashes": hashes},
                "samples": len(samples),
                "size_limit": 100,
                "version": 2,
                "zip_data": compression and {"basename": packed, "bytes": 1, "hashes": {}},
            }
        )
    (path / "index.json").write_text(json.dumps({"shards": shards, "version": 2}))


def write_mds_zstd(path: Path) -> None:
    write_mds(path, compression="zstd")


def write_mds_gz(path: Path) -> None:
    write_mds(path, compression="gz")


WRITERS = [
    write_folder,
    write_jsonl,
    write_jsonl_zst,
    write_jsonl_gz,
    write_parquet,
    write_saved_dataset,
    write_mds,
    write_mds_zstd,
    write_mds_gz,
]


@pytest.mark.parametrize("write", WRITERS)
def test_every_layout_gives_its_texts_in_order(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path / "data")
    assert texts_of(tmp_path / "data") == TEXTS
    assert texts_of(str(tmp_path / "data")) == TEXTS


def test_frames_give_their_texts() -> None:
    assert texts_of({"body": TEXTS, "n": range(5)}, column="body") == TEXTS
    assert texts_of(pa.table({"text": pa.array(TEXTS).dictionary_encode()})) == TEXTS


@pytest.mark.parametrize("write", [write_jsonl, write_parquet, write_saved_dataset, write_mds])
def test_a_column_that_is_not_there_is_refused(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path / "data")
    with pytest.raises(SchemaError, match="body"):
        open_texts(tmp_path / "data", column="body")


@pytest.mark.parametrize(
    ("write", "column"),
    [(write_parquet, "n"), (write_saved_dataset, "image"), (write_mds, "id"), (write_jsonl, "id")],
)
def test_a_column_that_is_not_text_is_refused(
    tmp_path: Path, write: Callable[[Path], None], column: str
) -> None:
    write(tmp_path / "data")
    with pytest.raises(SchemaError, match=column):
        open_texts(tmp_path / "data", column=column)


def test_a_long_folder_comes_in_several_batches(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text("a" * (1 << 22))
    assert [batch.num_rows for batch in open_texts(tmp_path).batches()] == [1, 1, 1]


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfhello")
    assert texts_of(tmp_path) == ["hello"]


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    with pytest.raises(InputError, match=r"latin.txt"):
        texts_of(tmp_path)


def test_a_folder_of_text_and_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.parquet").write_text("b")
    with pytest.raises(InputError, match=r"text files \(a.txt, ...\) and others \(b.parquet"):
        open_texts(tmp_path)


def test_nothing_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        open_texts(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no file"):
        open_texts(tmp_path)


def test_splits_of_a_saved_data_set_are_named(tmp_path: Path) -> None:
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    with pytest.raises(InputError, match="holds the splits train, test: give the folder of one"):
        open_texts(tmp_path)


def test_a_saved_data_set_with_a_missing_or_torn_file_is_refused(tmp_path: Path) -> None:
    write_saved_dataset(tmp_path / "data")
    file = tmp_path / "data" / "data-00001-of-00002.arrow"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CorruptFileError, match=r"data-00001-of-00002.arrow is torn"):
        texts_of(tmp_path / "data")
    file.unlink()
    with pytest.raises(CorruptFileError, match=r"data-00001-of-00002.arrow is missing"):
        texts_of(tmp_path / "data")


def test_a_saved_row_without_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"_data_files": [{"filename": "data.arrow"}]}')
    table = pa.table({"text": ["a", None]})
    with pa.OSFile(str(tmp_path / "data.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as out:
        out.write_table(table)
    with pytest.raises(InputError, match=r"data.arrow has 1 rows without text"):
        texts_of(tmp_path)


@pytest.mark.parametrize("file", ["state.json", "index.json", "dataset_dict.json"])
def test_a_broken_index_is_named(tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_text("{")
    with pytest.raises(InputError, match=f"cannot read .*{file}"):
        open_texts(tmp_path)


def test_an_mds_shard_that_differs_from_its_index_is_named_with_both_checksums(tmp_path: Path) -> None:
    write_mds(tmp_path / "data")
    shard = tmp_path / "data" / "shard.00001.mds"
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(data)
    with pytest.raises(CorruptFileError, match=r"shard.00001.mds has sha1 (\w+), the index says (?!\1)\w+"):
        texts_of(tmp_path / "data")
    shard.write_bytes(data[:-1])
    with pytest.raises(CorruptFileError, match=r"shard.00001.mds holds \d+ bytes, the index says \d+"):
        texts_of(tmp_path / "data")
    shard.unlink()
    with pytest.raises(CorruptFileError, match=r"shard.00001.mds is missing"):
        texts_of(tmp_path / "data")


@pytest.mark.parametrize("place", [0, 4, 12])
def test_an_mds_shard_without_checksums_is_still_checked_by_its_structure(tmp_path: Path, place: int) -> None:
    write_mds(tmp_path / "data", hashed=False)
    shard = tmp_path / "data" / "shard.00000.mds"
    data = bytearray(shard.read_bytes())
    data[place + 1] ^= 0xFF
    shard.write_bytes(data)
    with pytest.raises(CorruptFileError, match=r"shard.00000.mds is not a whole MDS shard"):
        texts_of(tmp_path / "data")


def test_a_torn_compressed_mds_shard_is_named(tmp_path: Path) -> None:
    write_mds(tmp_path / "data", compression="zstd")
    shard = tmp_path / "data" / "shard.00000.mds.zstd"
    shard.write_bytes(b"not zstd at all")
    with pytest.raises(CorruptFileError, match=r"shard.00000.mds.zstd cannot be uncompressed"):
        texts_of(tmp_path / "data")


def test_an_unknown_mds_version_or_compression_is_refused(tmp_path: Path) -> None:
    write_mds(tmp_path / "data", compression="zstd")
    index = tmp_path / "data" / "index.json"
    text = index.read_text()
    index.write_text(text.replace("zstd:3", "snappy"))
    with pytest.raises(InputError, match="is compressed with 'snappy': uncompress it first"):
        texts_of(tmp_path / "data")
    index.write_text(text.replace('"version": 2', '"version": 3'))
    with pytest.raises(InputError, match="a shard of format 'mds' 3, not 'mds' 2"):
        open_texts(tmp_path / "data")
