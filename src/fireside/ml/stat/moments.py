"""Weighted moments of feature vectors, which blocks and processes compute apart and then merge.

Means and squared deviations are merged by the pairwise rule of Chan, Golub and LeVeque ("Updating formulae
and a pairwise algorithm for computing sample variances", 1979), so that a large mean costs no digits. Rows
of weight 0 count for nothing, as in Spark.

Shapes: N rows of a block, D features.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fireside.compute import Collective
from fireside.ml.linalg import VectorBlock
from fireside.ml.linalg.fold import fold_rows

__all__ = ["Moments", "gather_moments", "merge_moments", "moments_of"]

FloatArray = npt.NDArray[np.float64]


class Moments(NamedTuple):
    """What some rows say about each of D features.

    Attributes:
        totals: float64[3]: how many rows there are, the sum of their weights w, and the sum of w^2.
        mean: float64[D], weighted means.
        squares: float64[D], sums of w (x - mean)^2.
        l1: float64[D], sums of w |x|.
        l2: float64[D], sums of w x^2.
        nonzeros: float64[D], how many entries are not 0.
        max: float64[D]; NaN is looked over, so that -inf is that of NaN alone.
        min: float64[D].
    """

    totals: FloatArray
    mean: FloatArray
    squares: FloatArray
    l1: FloatArray
    l2: FloatArray
    nonzeros: FloatArray
    max: FloatArray
    min: FloatArray

    @classmethod
    def none(cls, size: int = 0) -> "Moments":
        """Those of no rows."""
        zero, infinite = np.zeros(size), np.full(size, np.inf)
        return cls(np.zeros(3), zero, zero, zero, zero, zero, -infinite, infinite)

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
        return int(self.totals[0])

    @property
    def weight(self) -> float:
        """The sum of the weights."""
        return float(self.totals[1])

    @property
    def variance(self) -> FloatArray:
        """float64[D], unbiased variances for reliability weights: the divisor is W - sum of w^2 / W."""
        divisor = self.weight - self.totals[2] / self.weight
        return np.maximum(self.squares / divisor, 0.0) if divisor > 0 else np.zeros(len(self.mean))


def moments_of(block: VectorBlock, weights: FloatArray) -> Moments:
    """The moments of the vectors of a block.

    Args:
        block: N vectors.
        weights: float64[N], none below 0.

    >>> found = moments_of(VectorBlock.from_dense(np.array([[1.0], [5.0]])), np.array([3.0, 1.0]))
    >>> found.mean, found.squares
    (array([2.]), array([12.]))
    """
    used = weights > 0
    if not used.all():
        block, weights = block.take(np.flatnonzero(used)), weights[used]
    if not len(block):
        return Moments.none(block.size)
    weight = weights.sum()
    totals = np.array([len(block), weight, np.square(weights).sum()])
    if block.is_dense.all():
        x_ND = block.to_dense()
        room, alike = np.empty_like(x_ND), bool((weights == 1).all())

        # Not as products of matrices, whose threads cost more than they save where D is small.
        def weighted(entries: FloatArray) -> FloatArray:
            return fold_rows(np.add, entries if alike else np.multiply(entries, weights[:, None], out=room))

        mean = weighted(x_ND) / weight
        np.subtract(x_ND, mean, out=room)
        squares = weighted(np.square(room, out=room))
        l1, l2 = weighted(np.abs(x_ND, out=room)), weighted(np.square(x_ND, out=room))
        nonzeros = fold_rows(np.add, (x_ND != 0).astype(np.float64))
        # NaN everywhere is as if there were no number.
        high = np.fmax(fold_rows(np.fmax, x_ND), -np.inf)
        low = np.fmin(fold_rows(np.fmin, x_ND), np.inf)
        return Moments(totals, mean, squares, l1, l2, nonzeros, high, low)
    values, places, of_row = block.values, block.indices, np.repeat(weights, np.diff(block.indptr))

    def sums(entries: FloatArray) -> FloatArray:
        return np.bincount(places, entries, minlength=block.size).astype(np.float64, copy=False)

    mean = sums(of_row * values) / weight
    stored = sums(np.ones(len(values)))
    # Exactly 0 where every entry is stored: a rounding error of it times a large mean would be felt.
    zeros = np.where(stored < len(block), weight - sums(of_row), 0.0)
    squares = sums(of_row * np.square(values - mean[places])) + zeros * mean**2
    # An entry that is not stored is 0.
    high = np.where(stored < len(block), 0.0, -np.inf)
    low = -high
    np.fmax.at(high, places, values)
    np.fmin.at(low, places, values)
    nonzeros = sums((values != 0).astype(np.float64))
    l1, l2 = sums(of_row * np.abs(values)), sums(of_row * np.square(values))
    return Moments(totals, mean, np.maximum(squares, 0.0), l1, l2, nonzeros, high, low)


def merge_moments(a: Moments, b: Moments) -> Moments:
    """The moments of the rows of both."""
    if not b.num_rows:
        return a
    if not a.num_rows:
        return b
    weight = a.weight + b.weight
    step = b.mean - a.mean
    return Moments(
        a.totals + b.totals,
        a.mean + step * (b.weight / weight),
        a.squares + b.squares + np.square(step) * (a.weight * b.weight / weight),
        a.l1 + b.l1,
        a.l2 + b.l2,
        a.nonzeros + b.nonzeros,
        np.fmax(a.max, b.max),
        np.fmin(a.min, b.min),
    )


def gather_moments(collective: Collective, mine: Moments) -> Moments:
    """The moments of the rows of all processes, of one size, with the same bits on each."""
    size = len(mine.mean)
    merged = Moments.none(size)
    for part in collective.allgather(np.concatenate(mine)):
        totals, features = part[:3], part[3:].reshape(7, size)
        merged = merge_moments(merged, Moments(totals, *features))
    return merged
