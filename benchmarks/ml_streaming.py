"""A pipeline over streamed Parquet, larger than the memory that it may use.

8 GB of texts, numbers with holes, and categories lie in files; processes of their own may have 1 GiB each
(`RLIMIT_DATA`: the heap and every private writable mapping, touched or not, so that an allocation beyond it
fails). One fits and transforms a quarter of the files, another all of them: ten stages for text and for
tables, of which five are fitted, each by a pass over the files. What `transform` makes goes to a Parquet
file, batch by batch. Pages of files in the system's cache belong to no process, and do not count; nothing
is mapped but programs. The peak is that of the resident memory, programs included (`ru_maxrss`); what is in
use at the end is what malloc (`mallinfo2` of glibc) and Arrow's pool have given out. Between the two lie
programs, and what the allocators hold free.
"""

import ctypes
import multiprocessing
import resource
import shutil
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fireside.ml import Pipeline
from fireside.ml.feature import (
    IDF,
    HashingTF,
    Imputer,
    OneHotEncoder,
    StandardScaler,
    StopWordsRemover,
    StringIndexer,
    Tokenizer,
    VectorAssembler,
)
from harness import Bar, Row, bar, run_benchmark

SEED = 5
BYTES, QUICK_BYTES = 8 * 10**9, 5 * 10**8
LIMIT_BYTES = 1 << 30
NUM_FILES = 16
GROUP_ROWS = 100_000
FOLDER = Path("build") / "ml_streaming"
SCHEMA = pa.schema({"text": pa.string(), **dict.fromkeys("abcd", pa.float64()), "kind": pa.string()})
OUTPUT = ["kind_index", "features"]


def pipeline() -> Pipeline:
    """Ten stages, five of them to be fitted."""
    return Pipeline(
        stages=[
            Imputer(inputCols=["a", "b"], outputCols=["a1", "b1"]),
            StringIndexer(inputCol="kind", outputCol="kind_index"),
            OneHotEncoder(inputCols=["kind_index"], outputCols=["kind_vector"]),
            VectorAssembler(inputCols=["a1", "b1", "c", "d"], outputCol="numbers"),
            StandardScaler(inputCol="numbers", outputCol="scaled", withMean=True),
            Tokenizer(inputCol="text", outputCol="words"),
            StopWordsRemover(inputCol="words", outputCol="kept"),
            HashingTF(inputCol="kept", outputCol="counts", numFeatures=1 << 14),
            IDF(inputCol="counts", outputCol="weights"),
            VectorAssembler(inputCols=["scaled", "kind_vector", "weights"], outputCol="features"),
        ]
    )


def row_groups(random: np.random.Generator) -> Any:
    """Tables of 100,000 rows without end: texts of 40 to 120 words as Zipf has them, numbers, categories."""
    letters = np.array(list("aeioubcdfghklmnprstvz"))
    made = ["".join(letters[random.integers(0, len(letters), random.integers(3, 11))]) for _ in range(50_000)]
    vocabulary = pa.array([*StopWordsRemover.loadDefaultStopWords("english")[:60], *made])
    chances = np.cumsum(1.0 / (np.arange(len(vocabulary)) + 5.0))
    kinds = pa.array([f"kind {place}" for place in range(100)])
    while True:
        lengths = random.integers(40, 121, GROUP_ROWS)
        codes = np.searchsorted(chances, random.random(lengths.sum()) * chances[-1])
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
        words = pa.ListArray.from_arrays(offsets, vocabulary.take(pa.array(codes)))
        numbers, holes = random.normal(size=(4, GROUP_ROWS)), random.random((2, GROUP_ROWS)) < 0.1
        yield pa.table(
            {
                "text": pc.binary_join(words, " "),
                "a": pa.array(numbers[0], mask=holes[0]),
                "b": pa.array(numbers[1], mask=holes[1]),
                "c": numbers[2],
                "d": numbers[3],
                "kind": kinds.take(pa.array(random.integers(0, len(kinds), GROUP_ROWS))),
            },
            schema=SCHEMA,
        )


def write_files(folder: Path, size: int, num_files: int = NUM_FILES) -> list[Path]:
    """Files of `size` bytes in all, at least a row group in each, as Parquet without compression."""
    groups, files = row_groups(np.random.default_rng(SEED)), []
    for place in range(num_files):
        files.append(folder / f"part-{place:02d}.parquet")
        with (
            files[-1].open("wb") as sink,
            pq.ParquetWriter(sink, SCHEMA, compression="none", use_dictionary=["kind"]) as writer,
        ):
            while sink.tell() < size / num_files:
                writer.write_table(next(groups))
    return files


def fit_and_transform(files: list[Path], output: Path, limit: int, results: Connection) -> None:
    """In a process of its own: limits its memory, and sends seconds, rows and the peak of its memory."""
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    start = time.perf_counter()
    model = pipeline().fit(files)
    fitted = time.perf_counter()
    rows = model.transform(files).select(OUTPUT)
    with pq.ParquetWriter(output, rows.schema) as writer:
        for batch in rows.batches():
            writer.write_batch(batch)
    done = time.perf_counter()
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    results.send(
        {
            "fit_s": fitted - start,
            "transform_s": done - fitted,
            "peak_mib": peak_kib / 1024,
            "in_use_mib": bytes_in_use() / (1 << 20),
        }
    )


class Mallinfo2(ctypes.Structure):
    """What glibc's `mallinfo2` returns."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks",
            "keepcost",
        )
    ]  # fmt: skip


def bytes_in_use() -> int:
    """What malloc has given out, from its heaps and as mappings, and Arrow's pool."""
    mallinfo2 = ctypes.CDLL("libc.so.6").mallinfo2
    mallinfo2.restype = Mallinfo2
    found = mallinfo2()
    return int(found.uordblks + found.hblkhd + pa.total_allocated_bytes())


def measured(files: list[Path], folder: Path) -> Row:
    """What the process that fits and transforms some files says of itself, and what it wrote."""
    output = folder / "output.parquet"
    context = multiprocessing.get_context("spawn")
    mine, its = context.Pipe(duplex=False)
    process = context.Process(target=fit_and_transform, args=(files, output, LIMIT_BYTES, its))
    process.start()
    its.close()
    try:
        found = mine.recv()
    except EOFError:
        process.join()
        raise SystemExit(f"the process over {len(files)} files ended with code {process.exitcode}") from None
    process.join()
    given = sum(pq.read_metadata(file).num_rows for file in files)
    made = pq.read_metadata(output).num_rows
    if made != given:
        raise SystemExit(f"{given} rows were given, but {made} were written")
    return {
        "gb": round(sum(file.stat().st_size for file in files) / 1e9, 2),
        "rows": given,
        "limit_mib": LIMIT_BYTES >> 20,
        **{name: round(value, 1) for name, value in found.items()},
        "output_gb": round(output.stat().st_size / 1e9, 2),
    }


def measure(quick: bool) -> tuple[list[Row], list[Bar]]:
    """A quarter of the files, and all of them."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    try:
        files = write_files(FOLDER, QUICK_BYTES if quick else BYTES)
        quarter, whole = [measured(some, FOLDER) for some in (files[: NUM_FILES // 4], files)]
    finally:
        shutil.rmtree(FOLDER)
    return [quarter, whole], [
        bar("GB of Parquet", f">= {0.5 if quick else 8}", whole["gb"]),
        bar("peak of resident memory, MiB", "<= 1024", whole["peak_mib"]),
        bar("in use after all / after a quarter", "<= 1.1", whole["in_use_mib"] / quarter["in_use_mib"]),
        bar("peak for all / peak for a quarter", "<= 1.1", whole["peak_mib"] / quarter["peak_mib"]),
    ]


if __name__ == "__main__":
    run_benchmark("ml_streaming", measure, seeds=(SEED,))
