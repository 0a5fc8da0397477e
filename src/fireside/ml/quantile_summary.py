"""Approximate quantiles in one pass and little memory, with the very results of Spark's `approxQuantile`.

Source: Greenwald and Khanna, "Space-efficient Online Computation of Quantile Summaries" (SIGMOD 2001), in
the form of Spark's `QuantileSummaries`: numbers wait in a head of 50,000, are sorted, merged into the
samples, and samples are compressed when there are 10,000. A sample (v, g, delta) says that between sum(g)
and sum(g) + delta numbers are at most v, where the sum goes over the samples up to it.

Numbers that one process reads in Spark's order give Spark's quantiles exactly. Several processes merge their
summaries in the order of their ranks; ranks are then within `relative_error` of the true ones, as in Spark,
but which of the numbers there is found depends on how the rows are divided, as it does in Spark.

Shapes: S samples, N numbers, P probabilities.
"""

from collections.abc import Iterable, Sequence
from typing import Self, TypeVar

import numpy as np
import numpy.typing as npt

from fireside.compute import Collective
from fireside.compute.threads import map_in_order

__all__ = ["QuantileSummary", "insert_columns", "merge_summaries"]

FloatArray = npt.NDArray[np.float64]
CountArray = npt.NDArray[np.int64]
T = TypeVar("T", bound=np.generic)

HEAD = 50_000
# From so many numbers on, what sorts by bytes is worth being loaded.
MANY = 4096
MOST_SAMPLES = 10_000


class QuantileSummary:
    """What is remembered of the numbers seen.

    Args:
        relative_error: how far the rank of a quantile may be off, as a share of the count; 0 remembers all.

    Attributes:
        values: float64[S], ascending.
        g: int64[S], how many numbers each sample stands for.
        delta: int64[S], how uncertain its rank is.
        count: how many numbers the samples stand for.

    >>> summary = QuantileSummary(0.001)
    >>> summary.insert(np.array([5.0, 1.0, np.nan, 3.0, 2.0]))
    >>> summary.compressed().query([0.0, 0.5, 1.0])
    array([1., 2., 5.])
    """

    def __init__(self, relative_error: float) -> None:
        self.relative_error = relative_error
        self.values = np.empty(0)
        self.g, self.delta = np.empty(0, np.int64), np.empty(0, np.int64)
        self.count = 0
        self._head: list[FloatArray] = []
        self._waiting = 0

    def insert(self, numbers: FloatArray) -> None:
        """Take in float64[N], in their order; NaN is left out."""
        if (missing := np.isnan(numbers)).any():
            numbers = numbers[~missing]
        while len(numbers):
            taken = numbers[: HEAD - self._waiting]
            # A copy, since the numbers may be a view of a batch that would stay in memory.
            self._head.append(taken.copy())
            self._waiting += len(taken)
            numbers = numbers[len(taken) :]
            if self._waiting == HEAD:
                self._empty_head()
                if len(self.values) >= MOST_SAMPLES:
                    self._compress()

    def compressed(self) -> Self:
        """This summary, with nothing waiting, in its shortest form."""
        self._empty_head()
        self._compress()
        return self

    def merged(self, other: "QuantileSummary") -> "QuantileSummary":
        """A summary of the numbers of two compressed ones; the order matters, where values are equal."""
        if other.count == 0 or self.count == 0:
            return self if other.count == 0 else other
        theirs_before = np.searchsorted(other.values, self.values, side="right")
        ours_before = np.searchsorted(self.values, other.values, side="left")
        # Between two samples of the other side its numbers may lie anywhere.
        ours = self.delta + np.where(
            (theirs_before > 0) & (theirs_before < len(other.values)), uncertainty(other), 0
        )
        theirs = other.delta + np.where(
            (ours_before > 0) & (ours_before < len(self.values)), uncertainty(self), 0
        )
        total = QuantileSummary(max(self.relative_error, other.relative_error))
        total.count = self.count + other.count
        places = np.arange(len(self.values)) + theirs_before, np.arange(len(other.values)) + ours_before
        total.values = interleaved(places, self.values, other.values)
        total.g = interleaved(places, self.g, other.g)
        total.delta = interleaved(places, ours, theirs)
        total._compress()
        return total

    def query(self, probabilities: Sequence[float]) -> FloatArray:
        """float64[P], the quantiles of a compressed summary; NaN where it has seen no number."""
        found = np.full(len(probabilities), np.nan)
        last = len(self.values) - 1
        if last < 0:
            return found
        ranks = np.cumsum(self.g)
        slack = int((self.g + self.delta).max()) // 2
        start = 0
        for place in np.argsort(probabilities, kind="stable"):
            share = probabilities[place]
            if share <= self.relative_error or last == 0:
                found[place] = self.values[0]
            elif share >= 1 - self.relative_error:
                found[place] = self.values[-1]
            else:
                rank = np.ceil(share * self.count)
                low, high = ranks[start:last], (ranks + self.delta)[start:last]
                near = (high - slack <= rank) & (rank <= low + slack)
                start = start + int(np.argmax(near)) if near.any() else last
                found[place] = self.values[start]
        return found

    def _empty_head(self) -> None:
        if not self._waiting:
            return
        numbers = ascending(np.concatenate(self._head))
        self._head, self._waiting = [], 0
        counts = self.count + np.arange(1, len(numbers) + 1)
        delta = np.floor(2 * self.relative_error * counts).astype(np.int64)
        both = np.concatenate([self.values, numbers])
        # A stable sort merges two sorted runs in one pass, samples before numbers that equal them.
        order = np.argsort(both, kind="stable")
        # The smallest and the largest number are known for certain.
        if order[0] == len(self.values):
            delta[0] = 0
        if order[-1] == len(both) - 1:
            delta[-1] = 0
        self.values = both[order]
        self.g = np.concatenate([self.g, np.ones(len(numbers), np.int64)])[order]
        self.delta = np.concatenate([self.delta, delta])[order]
        self.count += len(numbers)

    def _compress(self) -> None:
        kept, self.g = compress(self.g, self.delta, 2 * self.relative_error * self.count)
        self.values, self.delta = self.values[kept], self.delta[kept]


def insert_columns(summaries: Sequence[QuantileSummary], columns: Iterable[FloatArray]) -> None:
    """Take in float64[N] of several columns, each into its summary."""
    pairs = zip(summaries, columns, strict=True)
    for _ in map_in_order(lambda pair: pair[0].insert(pair[1]), pairs):
        pass


def ascending(numbers: FloatArray) -> FloatArray:
    """float64[N] without NaN, sorted."""
    if len(numbers) < MANY:
        return np.sort(numbers)
    from fireside.ml.radix_sort import sorted_numbers

    return np.asarray(sorted_numbers(numbers))


def uncertainty(summary: QuantileSummary) -> int:
    """By how much the samples of a summary blur the ranks of the samples of another."""
    return int(np.floor(2 * summary.relative_error * summary.count))


def interleaved(
    places: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]], one: npt.NDArray[T], other: npt.NDArray[T]
) -> npt.NDArray[T]:
    """The entries of two arrays, each at its place."""
    both = np.empty(len(one) + len(other), one.dtype)
    both[places[0]], both[places[1]] = one, other
    return both


def compress(g: CountArray, delta: CountArray, threshold: float) -> tuple[npt.NDArray[np.intp], CountArray]:
    """Merge each sample into the next where together they stay below a threshold; first and last remain.

    Args:
        g: int64[S].
        delta: int64[S].
        threshold: what g + delta of a merged sample must stay below.

    Returns:
        The samples that are kept, intp[K], and what they stand for, int64[K].

    >>> kept, g = compress(np.ones(6, np.int64), np.zeros(6, np.int64), 3.5)
    >>> kept.tolist(), g.tolist()
    ([0, 2, 5], [1, 2, 3])
    """
    if threshold <= 2 or len(g) <= 2:
        return np.arange(len(g)), g
    from fireside.ml.quantile_compression import merge_from_the_right

    return merge_from_the_right(g, delta, threshold)


def merge_summaries(collective: Collective, summaries: Sequence[QuantileSummary]) -> list[QuantileSummary]:
    """Summaries, one for each column, of the numbers of all processes; each has the same columns."""
    mine = [summary.compressed() for summary in summaries]
    if collective.world_size == 1:
        return mine
    head = [(len(summary.values), summary.count) for summary in mine]
    body = [part for s in mine for part in (s.values.view(np.int64), s.g, s.delta)]
    packed = collective.allgather(np.concatenate([np.array(head, np.int64).reshape(-1), *body]))
    total = mine
    for rank, array in enumerate(packed):
        parts = _unpacked(array, summaries)
        total = parts if rank == 0 else [one.merged(other) for one, other in zip(total, parts, strict=True)]
    return total


def _unpacked(array: CountArray, like: Sequence[QuantileSummary]) -> list[QuantileSummary]:
    heads = array[: 2 * len(like)].reshape(-1, 2)
    start, found = 2 * len(like), []
    for (size, count), template in zip(heads.tolist(), like, strict=True):
        summary = QuantileSummary(template.relative_error)
        summary.count = count
        values, summary.g, summary.delta = array[start : start + 3 * size].reshape(3, size)
        summary.values = values.view(np.float64)
        start += 3 * size
        found.append(summary)
    return found
