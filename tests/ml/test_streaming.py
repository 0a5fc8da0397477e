"""Fit and transform of files that are larger than the memory they may use; the benchmark has all 8 GB."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ml_streaming import OUTPUT, measured, pipeline, write_files


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    files = write_files(tmp_path, 400_000_000, num_files=8)
    quarter, whole = [measured(some, tmp_path) for some in (files[:2], files)]
    assert whole["rows"] == 4 * quarter["rows"]
    assert whole["peak_mib"] <= 1.1 * quarter["peak_mib"]


@pytest.mark.slow
def test_streamed_files_are_transformed_as_a_table_in_memory(tmp_path: Path) -> None:
    files = write_files(tmp_path, 1_000_000, num_files=2)
    measured(files, tmp_path)
    table = pq.read_table(files)
    expected = pipeline().fit(table).transform(table).select(OUTPUT)
    found = pq.read_table(tmp_path / "output.parquet")
    assert found["kind_index"].equals(expected["kind_index"])
    pairs = [table["features"].slice(0, 1000).to_pylist() for table in (found, expected)]
    for ours, theirs in zip(*pairs, strict=True):
        # The batches are others, and so is the rounding of the means.
        values = ours.pop("values"), theirs.pop("values")
        assert ours == theirs
        assert values[0] == pytest.approx(values[1], rel=1e-12, abs=1e-15)
