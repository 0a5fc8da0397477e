"""From features to raw predictions, to probabilities, to a class: what probabilistic classifiers share.

Shapes: N rows, C classes.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.compute import Dataset
from fireside.ml.base import Model
from fireside.ml.classification.classifier_params import ProbabilisticParams
from fireside.ml.classification.labelled_rows import check_features, read_features
from fireside.ml.linalg import Vector, VectorBlock
from fireside.ml.linalg.fold import fold_columns
from fireside.ml.linalg.vectors import as_vector
from fireside.ml.row_function import Row, RowFunction, vector_reader
from fireside.ml.row_transform import RowTransform

__all__ = ["ProbabilisticClassificationModel", "predicted_classes", "softmax"]

FloatArray = npt.NDArray[np.float64]


class ProbabilisticClassificationModel(RowTransform, ProbabilisticParams, Model):
    """A model that gives each class a raw score and a probability."""

    @property
    @abstractmethod
    def numClasses(self) -> int:
        """How many classes there are."""

    @property
    @abstractmethod
    def numFeatures(self) -> int:
        """The size of the vectors it was fitted to."""

    @abstractmethod
    def _raw_predictions(self, block: VectorBlock) -> FloatArray:
        """float64[N, C], the scores of finite vectors of size `numFeatures`; the largest is most probable."""

    @abstractmethod
    def _probabilities(self, raw: FloatArray) -> FloatArray:
        """float64[N, C], what the scores mean as probabilities."""

    def predict(self, value: Any) -> float:
        """The class of one vector."""
        raw = self._raw_predictions(self._one(value))
        return float(predicted_classes(raw, self._probabilities(raw), self._thresholds())[0])

    def predictRaw(self, value: Any) -> Vector:
        """The scores of the classes for one vector."""
        return VectorBlock.from_dense(self._raw_predictions(self._one(value))).to_vectors()[0]

    def predictProbability(self, value: Any) -> Vector:
        """The probabilities of the classes for one vector."""
        probabilities = self._probabilities(self._raw_predictions(self._one(value)))
        return VectorBlock.from_dense(probabilities).to_vectors()[0]

    def _one(self, value: Any) -> VectorBlock:
        column = VectorBlock.arrow_from_vectors([as_vector(value)])
        batch = pa.RecordBatch.from_arrays([column], names=[self.getFeaturesCol()])
        return read_features(self, batch, size=self.numFeatures)

    def _num_classes(self) -> int:
        return self.numClasses

    def _transform(self, dataset: Dataset) -> Dataset:
        # Thresholds that do not fit are an error of the call, not of its first batch.
        self._thresholds()
        return super()._transform(dataset)

    def _output_columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        raw, probabilities, classes = self._scored(read_features(self, batch, size=self.numFeatures))
        columns = {
            self.getRawPredictionCol(): raw.to_arrow(),
            self.getProbabilityCol(): probabilities.to_arrow(),
            self.getPredictionCol(): pa.array(classes),
        }
        return [column for name, column in columns.items() if name]

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        read = vector_reader(schema, self.getFeaturesCol(), self.numFeatures)
        names = self.getRawPredictionCol(), self.getProbabilityCol(), self.getPredictionCol()
        if read is None:
            return None

        def function(row: Row) -> Row:
            block = read(row)
            check_features(self, block)
            raw, probabilities, classes = self._scored(block)
            values = (raw, probabilities, float(classes[0]))
            row.update((name, value) for name, value in zip(names, values, strict=True) if name)
            return row

        return function

    def _scored(self, block: VectorBlock) -> tuple[VectorBlock, VectorBlock, FloatArray]:
        """Scores and probabilities, [N, C], and classes, float64[N]."""
        raw = self._raw_predictions(block)
        probabilities = self._probabilities(raw)
        classes = predicted_classes(raw, probabilities, self._thresholds())
        return VectorBlock.from_dense(raw), VectorBlock.from_dense(probabilities), classes


def predicted_classes(
    raw: FloatArray, probabilities: FloatArray, thresholds: Sequence[float] | None
) -> FloatArray:
    """float64[N], the class with the largest score; with thresholds, the largest probability / threshold.

    The first of several. A probability of 0 over a threshold of 0 counts as no probability at all.

    >>> raw, probabilities = np.array([[3.0, 2.0]]), np.array([[0.7, 0.3]])
    >>> predicted_classes(raw, probabilities, None), predicted_classes(raw, probabilities, [0.9, 0.1])
    (array([0.]), array([1.]))
    """
    if thresholds is None:
        return raw.argmax(axis=1).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = probabilities / np.asarray(thresholds)
    return np.where(np.isnan(scaled), -np.inf, scaled).argmax(axis=1).astype(np.float64)


def softmax(raw: FloatArray) -> FloatArray:
    """float64[N, C], exp(raw) with rows that sum to 1.

    >>> softmax(np.log([[1.0, 3.0]]))
    array([[0.25, 0.75]])
    """
    with np.errstate(invalid="ignore"):
        probabilities = np.exp(raw - fold_columns(np.maximum, raw))
        return probabilities / fold_columns(np.add, probabilities)
