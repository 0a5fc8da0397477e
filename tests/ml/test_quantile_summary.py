"""Quantile summaries: exact where nothing is forgotten, within their error where it is, and Spark's own."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.ml.quantile_summary import QuantileSummary

SHARES = [i / 37 for i in range(38)]


def summary_of(numbers: Sequence[float], error: float, piece: int = 7919) -> QuantileSummary:
    summary = QuantileSummary(error)
    for start in range(0, len(numbers), piece):
        summary.insert(np.asarray(numbers[start : start + piece], np.float64))
    return summary.compressed()


def columns(rows: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        "normal": random.normal(size=rows),
        "tied": np.round(random.exponential(size=rows), 2),
        "falling, with NaN": np.where(random.random(rows) < 0.1, np.nan, np.arange(rows)[::-1]),
        "rising": np.arange(rows, dtype=np.float64),
    }


@settings(deadline=None)
@given(st.lists(st.floats(-10, 10), min_size=1, max_size=300), st.sampled_from([0.0, 0.01, 0.1]))
def test_the_rank_of_a_quantile_is_off_by_no_more_than_was_allowed(numbers, error):
    ordered = np.sort(numbers)
    for share, found in zip(SHARES, summary_of(numbers, error).query(SHARES), strict=True):
        lowest = np.searchsorted(ordered, found, side="left") + 1
        highest = np.searchsorted(ordered, found, side="right")
        slack = error * len(numbers) + 1
        assert lowest - slack <= share * len(numbers) <= highest + slack


@pytest.mark.parametrize("error", [0.01, 0.001])
def test_many_numbers_are_forgotten_but_not_their_ranks(error):
    for name, numbers in columns(120_000).items():
        clean = np.sort(numbers[~np.isnan(numbers)])
        summary = summary_of(numbers, error)
        assert summary.count == len(clean)
        assert len(summary.values) < 4 / error, name
        for share, found in zip(SHARES, summary.query(SHARES), strict=True):
            ranks = np.searchsorted(clean, found, side="left"), np.searchsorted(clean, found, side="right")
            assert ranks[0] - error * len(clean) <= share * len(clean) <= ranks[1] + error * len(clean), name


def test_pieces_and_whole_give_the_same_summary():
    numbers = np.random.default_rng(1).normal(size=110_000)
    one, other = summary_of(numbers, 0.001, 110_000), summary_of(numbers, 0.001, 313)
    assert np.array_equal(one.values, other.values)
    assert np.array_equal(one.g, other.g)
    assert np.array_equal(one.delta, other.delta)


def test_a_merged_summary_counts_all_and_keeps_the_ranks():
    numbers = np.random.default_rng(2).normal(size=90_000)
    merged = summary_of(numbers[:30_000], 0.001).merged(summary_of(numbers[30_000:], 0.001))
    assert merged.count == merged.g.sum() == 90_000
    clean = np.sort(numbers)
    for share, found in zip(SHARES, merged.query(SHARES), strict=True):
        assert abs(np.searchsorted(clean, found) - share * 90_000) <= 2 * 0.001 * 90_000 + 1


def test_no_numbers_have_no_quantiles():
    empty = summary_of([], 0.1)
    assert np.isnan(empty.query([0.0, 0.5])).all()
    one = summary_of([3.0], 0.1)
    assert empty.merged(one) is one
    assert one.merged(empty) is one
    assert one.query([0.0, 0.5, 1.0]).tolist() == [3.0] * 3


@pytest.mark.spark
def test_one_partition_gives_the_quantiles_of_spark_exactly_and_so_do_two(spark, tmp_path):
    data = columns(130_000)
    pq.write_table(pa.table(data), tmp_path / "data.parquet")
    frame = spark.read.parquet(str(tmp_path / "data.parquet")).coalesce(1)
    for error in (0.1, 0.001, 0.0):
        theirs = frame.approxQuantile(list(data), SHARES, error)
        for numbers, expected in zip(data.values(), theirs, strict=True):
            assert summary_of(numbers, error).query(SHARES).tolist() == expected
    ids = np.arange(130_000)
    halves = spark.range(0, 130_000, 1, 2).selectExpr("cast((id * 7919) % 10007 as double) as x")
    expected = halves.approxQuantile("x", SHARES, 0.001)
    numbers = (ids * 7919) % 10007
    merged = summary_of(numbers[:65_000], 0.001).merged(summary_of(numbers[65_000:], 0.001))
    assert merged.query(SHARES).tolist() == expected
