"""Feature vectors, labels and weights in blocks, checked, as classifiers read them.

Shapes: N rows of a block.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.compute import Dataset
from fireside.core.errors import InputError
from fireside.ml.classification.classifier_params import ClassifierParams, TrainingParams
from fireside.ml.columns import column_label, read_numbers, read_vectors, read_weights
from fireside.ml.linalg import VectorBlock
from fireside.ml.training_vectors import TrainingVectors

__all__ = [
    "LabelledBlock",
    "check_features",
    "check_values",
    "labelled_blocks",
    "read_features",
    "read_labels",
]

FloatArray = npt.NDArray[np.float64]


class LabelledBlock(NamedTuple):
    """Some rows.

    Attributes:
        features: N vectors, finite.
        labels: float64[N], whole numbers from 0 on.
        weights: float64[N], at least 0.
    """

    features: VectorBlock
    labels: FloatArray
    weights: FloatArray


def labelled_blocks(
    stage: TrainingParams, rows: Dataset, *, num_classes: int | None = None
) -> Iterator[LabelledBlock]:
    """The rows of a data set, block by block.

    Args:
        stage: names the columns.
        rows: the rows.
        num_classes: labels must be below this; `None` where any number of classes will do.

    Raises:
        InputError: a value is null, a vector is not finite or of another size than the first, a label is no
            class, or a weight is negative or not finite.
    """
    vectors = TrainingVectors(stage, rows, stage.getFeaturesCol())
    for batch in rows.batches():
        features = vectors.read(batch)
        check_features(stage, features)
        labels = read_labels(stage, batch, num_classes)
        yield LabelledBlock(features, labels, read_weights(stage, batch, stage._weight_column()))


def read_features(stage: ClassifierParams, batch: pa.RecordBatch, *, size: int | None) -> VectorBlock:
    """The feature vectors of a batch.

    Raises:
        InputError: a vector is null, of another size, or not finite.
    """
    block = read_vectors(stage, batch, stage.getFeaturesCol(), size=size)
    check_features(stage, block)
    return block


def check_features(stage: ClassifierParams, block: VectorBlock) -> None:
    """Raise `InputError` where a feature is NaN or infinite."""
    check_values(stage, block, np.isfinite, "finite numbers")


def check_values(
    stage: ClassifierParams,
    block: VectorBlock,
    allowed: Callable[[FloatArray], npt.NDArray[np.bool_]],
    wanted: str,
) -> None:
    """Raise `InputError` where a stored entry of the feature vectors is not allowed."""
    fits = allowed(block.values)
    if not fits.all():
        place = int(np.argmin(fits))
        raise InputError(
            f"{column_label(stage, stage.getFeaturesCol())} has {block.values[place]} (row "
            f"{int(block.rows()[place])} of its batch), but {wanted} are needed: correct it, or leave the "
            "row out"
        )


def read_labels(stage: ClassifierParams, batch: pa.RecordBatch, num_classes: int | None) -> FloatArray:
    """float64[N], the labels of a batch.

    Raises:
        InputError: a label is null, or no whole number from 0 to below `num_classes`.
    """
    labels = read_numbers(stage, batch, stage.getLabelCol())
    most = np.iinfo(np.int32).max if num_classes is None else num_classes
    fits = (labels >= 0) & (labels < most) & (labels == np.floor(labels))
    if not fits.all():
        row = int(np.argmin(fits))
        bound = "on" if num_classes is None else f"to {num_classes - 1}"
        raise InputError(
            f"{column_label(stage, stage.getLabelCol())} has {labels[row]} (row {row} of its batch), but "
            f"labels are whole numbers from 0 {bound}: StringIndexer makes such labels"
        )
    return labels
