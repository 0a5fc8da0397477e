"""The smallest and largest entry of each feature, in one pass."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fireside.compute import Collective, Dataset, gang
from fireside.compute.threads import map_in_order
from fireside.core.errors import InputError
from fireside.ml.feature.unary import VectorColumn
from fireside.ml.linalg import VectorBlock
from fireside.ml.linalg.fold import fold_rows
from fireside.ml.training_vectors import TrainingVectors

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
    vectors = TrainingVectors(stage, rows, stage.getInputCol())
    found = list(map_in_order(block_extremes, vectors))
    size = vectors.agreed_size(collective)
    lowest = np.min([np.full(size, LARGEST), *(low for low, _ in found)], axis=0)
    highest = np.max([np.full(size, -LARGEST), *(high for _, high in found)], axis=0)
    return {
        "count": int(collective.allreduce(np.array([vectors.count]))[0]),
        "min": collective.allreduce(lowest, "min"),
        "max": collective.allreduce(highest, "max"),
    }


def block_extremes(block: VectorBlock) -> tuple[FloatArray, FloatArray]:
    """float64[D] each: minima and maxima of the vectors of a block; entries that are not stored are 0.

    >>> from fireside.ml.linalg import SparseVector
    >>> block_extremes(VectorBlock.from_vectors([SparseVector(2, {0: 3.0}), SparseVector(2, {0: 1.0})]))
    (array([1., 0.]), array([3., 0.]))
    """
    from fireside.ml.linalg.block_kernels import widen_extremes

    lowest, highest = np.full(block.size, LARGEST), np.full(block.size, -LARGEST)
    if block.is_dense.all():
        if len(block):
            np.fmin(lowest, fold_rows(np.fmin, block.to_dense()), out=lowest)
            np.fmax(highest, fold_rows(np.fmax, block.to_dense()), out=highest)
        return lowest, highest
    widen_extremes(block.values, block.indices, lowest, highest)
    has_zeros = np.bincount(block.indices, minlength=block.size) < len(block)
    lowest[has_zeros] = np.minimum(lowest[has_zeros], 0.0)
    highest[has_zeros] = np.maximum(highest[has_zeros], 0.0)
    return lowest, highest
