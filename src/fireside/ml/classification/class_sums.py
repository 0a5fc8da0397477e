"""Weighted sums of feature vectors by class, over the rows of all processes.

Shapes: N rows of a block, C classes, D features.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fireside.compute import Collective
from fireside.core.errors import InputError
from fireside.ml.classification.labelled_rows import LabelledBlock
from fireside.ml.clustering.matrix import sums_by_group
from fireside.ml.training_vectors import agreed_size

__all__ = ["ClassSums", "class_sums", "squared_deviations"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ClassSums:
    """What the rows of each class add up to.

    Attributes:
        labels: float64[C], ascending.
        weights: float64[C].
        features: float64[C, D], the sum of weight times features.
    """

    labels: FloatArray
    weights: FloatArray
    features: FloatArray

    def plus(self, other: "ClassSums") -> "ClassSums":
        """The sums of both; where one has no rows yet, those of the other."""
        labels = np.union1d(self.labels, other.labels)
        if len(self.labels) == 0 or len(other.labels) == 0:
            return self if len(other.labels) == 0 else other
        mine, theirs = self.over(labels, other.features.shape[1]), other.over(labels, other.features.shape[1])
        return ClassSums(labels, mine.weights + theirs.weights, mine.features + theirs.features)

    def over(self, labels: FloatArray, size: int) -> "ClassSums":
        """The same sums with zeros for labels that were not seen."""
        if np.array_equal(labels, self.labels):
            return self
        places = np.searchsorted(labels, self.labels)
        weights, features = np.zeros(len(labels)), np.zeros((len(labels), size))
        weights[places] = self.weights
        if len(places):
            features[places] = self.features
        return ClassSums(labels, weights, features)


def class_sums(collective: Collective, blocks: Iterable[LabelledBlock], *, name: str) -> ClassSums:
    """The sums over the rows of all processes, the same on each.

    Args:
        collective: the other processes.
        blocks: the rows of this one; there may be none.
        name: what an error calls the stage.

    Raises:
        InputError: there are no rows at all, vectors of processes differ in size, or a class weighs nothing.
    """
    total = ClassSums(np.zeros(0), np.zeros(0), np.zeros((0, 0)))
    for block in blocks:
        total = total.plus(block_sums(block))
    labels = np.unique(np.concatenate(collective.allgather(total.labels)))
    if len(labels) == 0:
        raise InputError(f"{name}: there are no rows to fit to")
    known = total.features.shape[1] if len(total.labels) else None
    size = agreed_size(collective, f"{name}: featuresCol", known)
    mine = total.over(labels, size)
    weights = collective.allreduce(mine.weights)
    if not weights.all():
        raise InputError(
            f"{name}: the rows with label {labels[np.argmin(weights)]:.0f} weigh 0 together: leave them out"
        )
    return ClassSums(labels, weights, collective.allreduce(mine.features))


def block_sums(block: LabelledBlock) -> ClassSums:
    """The sums of one block."""
    labels, groups = np.unique(block.labels, return_inverse=True)
    weights = np.bincount(groups, block.weights).astype(np.float64, copy=False)
    features = sums_by_group(block.features.to_matrix(), block.weights, groups, len(labels))
    return ClassSums(labels, weights, features)


def squared_deviations(
    collective: Collective, blocks: Iterable[LabelledBlock], labels: FloatArray, means: FloatArray
) -> FloatArray:
    """float64[C, D], the sum of weight times (feature - mean of its class)^2 over all processes.

    Args:
        collective: the other processes.
        blocks: the rows of this one.
        labels: float64[C], ascending.
        means: float64[C, D].
    """
    total = np.zeros(means.shape)
    for block in blocks:
        groups = np.searchsorted(labels, block.labels)
        matrix = block.features.to_matrix()
        if isinstance(matrix, np.ndarray):
            total += sums_by_group(np.square(matrix - means[groups]), block.weights, groups, len(labels))
            continue
        # (x - m)^2 is m^2 where nothing is stored, and x (x - 2 m) more where x is.
        stored = block.features.values
        centres = means[groups[block.features.rows()], block.features.indices]
        excess = block.features.with_values(stored * (stored - 2 * centres)).to_csr()
        weights = np.bincount(groups, block.weights, minlength=len(labels))
        total += sums_by_group(excess, block.weights, groups, len(labels))
        total += weights[:, None] * np.square(means)
    # Rounding must not make a variance negative.
    return np.maximum(collective.allreduce(total), 0.0)
