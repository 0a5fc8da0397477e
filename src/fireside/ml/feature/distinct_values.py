"""The distinct values of each feature of vectors, as long as they are few.

Shapes: N rows, D features, C values in all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fireside.compute import Collective, Dataset
from fireside.compute.threads import map_in_order
from fireside.ml.feature.unary import VectorColumn
from fireside.ml.linalg import VectorBlock
from fireside.ml.training_vectors import TrainingVectors

__all__ = ["DistinctValues", "distinct_values"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

FIRST_ROWS = 128


@dataclass(frozen=True)
class DistinctValues:
    """The values that each feature was seen with.

    Attributes:
        most: features with more values are numbers, whose values are no longer kept.
        features: int64[C], ascending.
        values: float64[C], ascending within a feature, 0 for -0, NaN last.
        is_number: bool[D].
    """

    most: int
    features: IntArray
    values: FloatArray
    is_number: npt.NDArray[np.bool_]

    @classmethod
    def none(cls, size: int, most: int) -> "DistinctValues":
        """Before anything is seen of vectors of some size."""
        return cls(most, np.zeros(0, np.int64), np.zeros(0), np.zeros(size, np.bool_))

    @property
    def counts(self) -> IntArray:
        """int64[D], how many values each feature has; 0 for numbers."""
        return np.bincount(self.features, minlength=len(self.is_number))

    def plus(self, features: IntArray, values: FloatArray) -> "DistinctValues":
        """With more values, int64[K] and float64[K], some of which may be known."""
        features = np.concatenate([self.features, features])
        values = np.concatenate([self.values, values + 0.0])
        order = np.lexsort((values, features))
        features, values = features[order], values[order]
        known = (features[1:] == features[:-1]) & (
            (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
        )
        kept = np.concatenate([[True], ~known])[: len(features)] & ~self.is_number[features]
        features, values = features[kept], values[kept]
        many = np.bincount(features, minlength=len(self.is_number)) > self.most
        few = ~many[features]
        return DistinctValues(self.most, features[few], values[few], self.is_number | many)

    def union(self, other: "DistinctValues") -> "DistinctValues":
        """What was seen here or there."""
        together = DistinctValues(self.most, self.features, self.values, self.is_number | other.is_number)
        return together.plus(other.features, other.values)

    def after(self, block: VectorBlock) -> "DistinctValues":
        """With the vectors of a block, [N, D].

        >>> block = VectorBlock.from_dense(np.array([[1.0, 5.0], [1.0, 6.0], [0.0, 7.0]]))
        >>> seen = DistinctValues.none(2, most=2).after(block)
        >>> seen.counts, seen.values, seen.is_number
        (array([2, 0]), array([0., 1.]), array([False,  True]))
        """
        seen, start, rows = self, 0, FIRST_ROWS
        # What a few rows show to be known, or to be numbers, need not be sorted among the many.
        while start < len(block):
            part = block.slice(start, start + rows)
            seen, start, rows = seen.plus(*seen._unknown(part)), start + rows, 2 * rows
        return seen

    def _unknown(self, block: VectorBlock) -> tuple[IntArray, FloatArray]:
        """Features, int64[K], and values, float64[K], of a block that are not known, with repetitions."""
        from fireside.ml.feature.category_table import CategoryTable

        table = CategoryTable.of(self.counts, self.values, np.zeros(len(self.values)))
        _, unknown = table.index(block)
        # To the table a feature that was never seen is a number.
        if (never := (self.counts == 0) & ~self.is_number).any():
            unknown |= never[block.indices]
        entries = np.flatnonzero(unknown)
        features = (entries % block.size if block.is_dense.all() else block.indices[entries]).astype(np.int64)
        if block.is_dense.all():
            return features, block.values[entries]
        zeros = np.flatnonzero(np.bincount(block.indices, minlength=block.size) < len(block))
        return np.concatenate([features, zeros]), np.concatenate(
            [block.values[entries], np.zeros(len(zeros))]
        )


def distinct_values(
    collective: Collective, rows: Dataset, stage: VectorColumn, most: int
) -> Mapping[str, Any]:
    """The distinct values of each feature that has at most `most`, over the rows of all processes.

    Returns:
        values: float64[C], those of one feature after another, ascending.
        counts: int64[D], how many each feature has; 0 where there are more than `most`.
        rows: how many rows there are.
    """
    vectors = TrainingVectors(stage, rows, stage.getInputCol())
    seen: DistinctValues | None = None

    def after(block: VectorBlock) -> DistinctValues:
        # What is known by now need not be found again; the union is the same.
        return (seen or DistinctValues.none(block.size, most)).after(block)

    for found in map_in_order(after, vectors):
        seen = found if seen is None else seen.union(found)
    merged = DistinctValues.none(vectors.agreed_size(collective), most)
    mine = merged if seen is None else seen
    parts = (collective.allgather(part) for part in (mine.features, mine.values, mine.is_number))
    for features, values, is_number in zip(*parts, strict=True):
        merged = merged.union(DistinctValues(most, features, values, is_number))
    return {
        "values": merged.values,
        "counts": merged.counts,
        "rows": int(collective.allreduce(np.array([vectors.count]))[0]),
    }
