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

from fireside.compute import Dataset, TableDataset, map_batches
from fireside.compute.dataset import DistributedDataset
from fireside.ml.feature.content_hashes import content_hashes, keyed, mixed, uniform

__all__ = ["Draws", "rows_drawn"]

BoolArray = npt.NDArray[np.bool_]


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
        keys = keyed(mixed(rows), self.seed).reshape(-1, self.strata)
        # The ranks of random keys are a random order of each run of rows.
        order = keys.argsort(axis=1).argsort(axis=1).reshape(-1)
        draws = (order + uniform(mixed(keys.reshape(-1)))) / self.strata
        offset = start - first * self.strata
        return draws[offset : offset + num_rows]

    def by_content(self, batch: pa.RecordBatch) -> npt.NDArray[np.float64]:
        """float64[N], those of the rows of a batch, wherever they lie."""
        return uniform(keyed(content_hashes(batch), self.seed))


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
