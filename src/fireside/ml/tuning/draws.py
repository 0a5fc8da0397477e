"""A number from 0 to 1 for each row, by which rows are dealt into parts.

Rows on this machine are dealt by their position: equal seeds give equal parts for every kind of frame and
batch size, and of each `strata` rows in a row one falls into each of as many equal parts of the interval.
Rows of a cluster have no position, so they are dealt by their content: parts depend neither on order nor on
partitions, and equal rows stay together.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fireside.compute import Dataset, TableDataset, map_batches
from fireside.compute.dataset import DistributedDataset
from fireside.ml.feature.text.lists import split_lists
from fireside.ml.feature.text.murmur3 import hash_terms

__all__ = ["Draws", "content_hashes", "rows_drawn"]

UInt64Array = npt.NDArray[np.uint64]
BoolArray = npt.NDArray[np.bool_]
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, kw_only=True, slots=True)
class Draws:
    """The numbers of the rows.

    Attributes:
        seed: where they start.
        strata: how many rows in a row are spread evenly.
    """

    seed: int
    strata: int

    def by_position(self, start: int, num_rows: int) -> npt.NDArray[np.float64]:
        """float64[N], those of the rows from `start` on.

        >>> sorted(Draws(seed=1, strata=4).by_position(8, 4) // 0.25)
        [np.float64(0.0), np.float64(1.0), np.float64(2.0), np.float64(3.0)]
        """
        if not num_rows:
            return np.zeros(0)
        first, last = start // self.strata, (start + num_rows - 1) // self.strata
        rows = np.arange(first * self.strata, (last + 1) * self.strata, dtype=np.uint64)
        keys = self._keyed(_mixed(rows)).reshape(-1, self.strata)
        # The ranks of random keys are a random order of each run of rows.
        order = keys.argsort(axis=1).argsort(axis=1).reshape(-1)
        draws = (order + _uniform(_mixed(keys.reshape(-1)))) / self.strata
        offset = start - first * self.strata
        return draws[offset : offset + num_rows]

    def by_content(self, batch: pa.RecordBatch) -> npt.NDArray[np.float64]:
        """float64[N], those of the rows of a batch, wherever they lie."""
        return _uniform(self._keyed(content_hashes(batch)))

    def _keyed(self, values: UInt64Array) -> UInt64Array:
        return _mixed(values ^ _mixed(np.array([self.seed % 2**64], np.uint64)))


def rows_drawn(dataset: Dataset, draws: Draws, low: float, high: float, *, inside: bool) -> Dataset:
    """The rows whose number is from `low` to `high` (excluded), or all others.

    Rows in memory are copied; others are read again on each pass.
    """
    if isinstance(dataset, DistributedDataset):
        chosen = partial(_drawn_by_content, draws=draws, low=low, high=high, inside=inside)
        return map_batches(dataset, chosen, dataset.schema)

    def mask(start: int, num_rows: int) -> BoolArray:
        numbers = draws.by_position(start, num_rows)
        return ((numbers >= low) & (numbers < high)) == inside

    rows = _RowsByPosition(dataset, mask)
    return TableDataset(rows.to_table()) if isinstance(dataset, TableDataset) else rows


@final
class _RowsByPosition(Dataset):
    """Rows chosen by their position."""

    def __init__(self, source: Dataset, mask: Callable[[int, int], BoolArray]) -> None:
        self._source = source
        self._mask = mask

    @property
    def schema(self) -> pa.Schema:
        return self._source.schema

    @property
    def num_rows(self) -> None:
        return None

    def batches(self) -> Iterator[pa.RecordBatch]:
        start = 0
        for batch in self._source.batches():
            kept = batch.filter(pa.array(self._mask(start, batch.num_rows)))
            start += batch.num_rows
            if kept.num_rows:
                yield kept

    def to_table(self) -> pa.Table:
        return pa.Table.from_batches(list(self.batches()), schema=self.schema)

    def _select(self, columns: list[str]) -> "_RowsByPosition":
        return _RowsByPosition(self._source.select(columns), self._mask)


def _drawn_by_content(
    batch: pa.RecordBatch, *, draws: Draws, low: float, high: float, inside: bool
) -> pa.RecordBatch:
    numbers = draws.by_content(batch)
    return batch.filter(pa.array(((numbers >= low) & (numbers < high)) == inside))


def content_hashes(batch: pa.RecordBatch) -> UInt64Array:
    """uint64[N], equal for rows of equal content.

    >>> rows = pa.record_batch({"a": [1, 1, 2], "b": [["x"], ["x"], ["x"]]})
    >>> len(set(content_hashes(rows).tolist()))
    2
    """
    hashes = np.zeros(batch.num_rows, np.uint64)
    for column in batch.columns:
        hashes = _mixed(hashes ^ _hashes(column))
    return hashes


def _hashes(column: pa.Array) -> UInt64Array:
    """uint64[N], a hash of each value of a column of any type."""
    kind = column.type
    if pa.types.is_struct(kind):
        hashes = np.zeros(len(column), np.uint64)
        for place in range(kind.num_fields):
            hashes = _mixed(hashes ^ _hashes(pc.struct_field(column, place)))
    elif pa.types.is_map(kind):
        return _hashes(column.cast(pa.list_(pa.struct([("k", kind.key_type), ("v", kind.item_type)]))))
    elif pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        valid = column.is_valid().to_numpy(zero_copy_only=False)
        bounds, flat = split_lists(column.drop_null())
        places = np.arange(len(flat)) - np.repeat(bounds[:-1], np.diff(bounds))
        entries = _mixed(_hashes(flat) ^ _mixed(places.astype(np.uint64)))
        sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(entries, dtype=np.uint64)])
        hashes = np.zeros(len(column), np.uint64)
        hashes[valid] = _mixed(sums[bounds[1:]] - sums[bounds[:-1]] + np.diff(bounds).astype(np.uint64))
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        hashes = _mixed(hash_terms(column).view(np.uint32).astype(np.uint64))
    else:
        text = column.cast(pa.string() if not pa.types.is_binary(kind) else pa.binary()).cast(
            pa.string(), safe=False
        )
        hashes = _mixed(hash_terms(text).view(np.uint32).astype(np.uint64))
    hashes[column.is_null().to_numpy(zero_copy_only=False)] = _GOLDEN
    return hashes


def _uniform(bits: UInt64Array) -> npt.NDArray[np.float64]:
    """float64[N] from 0 to 1, 1 excluded."""
    return (bits >> np.uint64(11)).astype(np.float64) / 2.0**53


def _mixed(values: UInt64Array) -> UInt64Array:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, 2014)."""
    mixed = values + _GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
