"""Feature vectors and weights in blocks, checked, as clustering reads them.

Shapes: N rows of a block, D features.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.compute import Collective, Dataset, TableDataset
from fireside.core.errors import InputError
from fireside.ml.clustering.matrix import FloatArray, Matrix, squared_norms
from fireside.ml.columns import column_label, column_without_nulls, read_vectors
from fireside.ml.linalg import VectorBlock
from fireside.ml.param.shared import HasDistanceMeasure, HasFeaturesCol, HasWeightCol
from fireside.ml.training_vectors import TrainingVectors

__all__ = ["Block", "FeatureParams", "WeightedRows", "feature_matrix"]


class FeatureParams(HasFeaturesCol, HasDistanceMeasure, HasWeightCol):
    """Params of whatever reads weighted features under a distance."""


class Block(NamedTuple):
    """Some rows.

    Attributes:
        matrix: [N, D], dense or CSR.
        weights: float64[N].
        hashes: uint64[N], of the content of each row, before the origin was moved.
        norms: float64[N], squared lengths.
    """

    matrix: Matrix
    weights: FloatArray
    hashes: npt.NDArray[np.uint64]
    norms: FloatArray


class WeightedRows:
    """The rows of one process, in blocks that can be read again and again.

    Rows in memory are turned into blocks once; rows that are streamed are read and turned on each pass. Under
    the cosine distance every row is scaled to length 1.

    Args:
        stage: names the columns and the distance.
        rows: the rows.
    """

    def __init__(self, stage: FeatureParams, rows: Dataset) -> None:
        self._stage = stage
        self._rows = rows
        self._vectors = TrainingVectors(stage, rows, stage.getFeaturesCol())
        self._origin: FloatArray | None = None
        self._blocks: list[Block] | None = None
        if isinstance(rows, TableDataset):
            self._blocks = list(self._read())

    def __iter__(self) -> Iterator[Block]:
        return self._read() if self._blocks is None else iter(self._blocks)

    def agreed_size(self, collective: Collective) -> int:
        """The size of the vectors of all processes, once those of this one were read.

        Raises:
            InputError: those of one process are of another size than those of another.
        """
        return self._vectors.agreed_size(collective)

    def move_origin(self, origin: FloatArray) -> None:
        """Subtract a point, float64[D], from all dense rows; sparse ones stay as they are.

        Distances do not change, but near the origin their differences lose fewer digits.
        """
        self._origin = origin
        if self._blocks is not None:
            self._blocks = [self._moved(block) for block in self._blocks]

    def _moved(self, block: Block) -> Block:
        if self._origin is None or not isinstance(block.matrix, np.ndarray):
            return block
        matrix = block.matrix - self._origin
        return block._replace(matrix=matrix, norms=squared_norms(matrix))

    def _read(self) -> Iterator[Block]:
        from fireside.ml.clustering.row_hash import row_hashes

        for batch in self._rows.batches():
            matrix = block_matrix(self._stage, self._vectors.read(batch))
            block = Block(matrix, self._weights(batch), row_hashes(matrix), squared_norms(matrix))
            yield self._moved(block)

    def _weights(self, batch: pa.RecordBatch) -> FloatArray:
        name = self._stage._weight_column()
        if name is None:
            return np.ones(batch.num_rows)
        weights: FloatArray = column_without_nulls(self._stage, batch, name).cast(pa.float64()).to_numpy()
        if not (np.isfinite(weights) & (weights >= 0)).all():
            raise InputError(
                f"{column_label(self._stage, name)} has a weight that is negative, NaN or infinite: "
                "correct it, or leave such rows out"
            )
        return weights


def feature_matrix(stage: FeatureParams, batch: pa.RecordBatch, *, size: int | None) -> Matrix:
    """Features [N, D] of a batch, dense or CSR; of length 1 under the cosine distance.

    Raises:
        InputError: a vector is null, of another size, not finite, or (cosine) all zeros.
    """
    return block_matrix(stage, read_vectors(stage, batch, stage.getFeaturesCol(), size=size))


def block_matrix(stage: FeatureParams, block: VectorBlock) -> Matrix:
    """`feature_matrix` of vectors that were read already."""
    label = column_label(stage, stage.getFeaturesCol())
    if not np.isfinite(block.values).all():
        row = int(block.rows()[np.argmin(np.isfinite(block.values))])
        raise InputError(
            f"{label} has NaN or infinity (row {row} of its batch): fill it, or leave the row out"
        )
    if stage.getDistanceMeasure() == "cosine":
        block = _unit_length(block, label)
    return block.to_matrix()


def _unit_length(block: VectorBlock, label: str) -> VectorBlock:
    lengths = np.sqrt(np.bincount(block.rows(), np.square(block.values), minlength=len(block)))
    if not lengths.all():
        row = int(np.argmin(lengths != 0))
        raise InputError(
            f"{label} has a vector of zeros (row {row} of its batch), which has no direction: "
            "leave it out, or use distanceMeasure='euclidean'"
        )
    repeated: Any = np.repeat(lengths, np.diff(block.indptr))
    return block.with_values(block.values / repeated)
