"""The smallest and largest entry of each feature, in one pass."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fireside.compute import Collective, Dataset, gang
from fireside.core.errors import InputError
from fireside.ml.columns import read_vectors
from fireside.ml.feature.unary import VectorColumn
from fireside.ml.linalg import VectorBlock

__all__ = ["fit_extremes"]

FloatArray = npt.NDArray[np.float64]

# Spark starts from the largest finite number, so that a feature that is all NaN ends there.
LARGEST = np.finfo(np.float64).max


def fit_extremes(stage: VectorColumn, dataset: Dataset) -> tuple[FloatArray, FloatArray]:
    """float64[D] each: the minima and maxima of the vectors in a stage's column; NaN is passed over.

    Raises:
        InputError: there are no rows.
    """
    found = gang(dataset.select([stage.getInputCol()]), extremes, stage)
    if found["count"] == 0:
        raise InputError(f"{stage.uid}: there are no rows to fit to")
    return found["min"], found["max"]


def extremes(collective: Collective, rows: Dataset, stage: VectorColumn) -> Mapping[str, Any]:
    """Count of the vectors, and minima and maxima, float64[D], of their entries."""
    count, lowest, highest = 0, np.zeros(0), np.zeros(0)
    for batch in rows.batches():
        block = read_vectors(stage, batch, stage.getInputCol(), size=len(lowest) if count else None)
        low, high = block_extremes(block)
        lowest = np.minimum(lowest, low) if count else low
        highest = np.maximum(highest, high) if count else high
        count += len(block)
    size = int(collective.allreduce(np.array([len(lowest)]), "max")[0])
    if len(lowest) != size:
        # A process may have no rows, and so not know the size.
        lowest, highest = np.full(size, LARGEST), np.full(size, -LARGEST)
    return {
        "count": int(collective.allreduce(np.array([count]))[0]),
        "min": collective.allreduce(lowest, "min"),
        "max": collective.allreduce(highest, "max"),
    }


def block_extremes(block: VectorBlock) -> tuple[FloatArray, FloatArray]:
    """float64[D] each: minima and maxima of the vectors of a block; entries that are not stored are 0.

    >>> from fireside.ml.linalg import SparseVector
    >>> block_extremes(VectorBlock.from_vectors([SparseVector(2, {0: 3.0}), SparseVector(2, {0: 1.0})]))
    (array([1., 0.]), array([3., 0.]))
    """
    lowest, highest = np.full(block.size, LARGEST), np.full(block.size, -LARGEST)
    if block.is_dense.all():
        np.fmin(lowest, np.fmin.reduce(block.to_dense(), axis=0), out=lowest)
        np.fmax(highest, np.fmax.reduce(block.to_dense(), axis=0), out=highest)
        return lowest, highest
    np.fmin.at(lowest, block.indices, block.values)
    np.fmax.at(highest, block.indices, block.values)
    has_zeros = np.bincount(block.indices, minlength=block.size) < len(block)
    lowest[has_zeros] = np.minimum(lowest[has_zeros], 0.0)
    highest[has_zeros] = np.maximum(highest[has_zeros], 0.0)
    return lowest, highest
