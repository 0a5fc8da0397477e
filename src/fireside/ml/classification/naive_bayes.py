"""Naive Bayes classification."""

import logging
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.compute import Collective, Dataset, gang
from fireside.core.errors import InputError
from fireside.ml.base import Estimator
from fireside.ml.classification.class_sums import class_sums, squared_deviations
from fireside.ml.classification.classifier_params import ProbabilisticParams, TrainingParams
from fireside.ml.classification.event_model import (
    LinearScores,
    discrete_parameters,
    gaussian_parameters,
    gaussian_scores,
    linear_scores,
)
from fireside.ml.classification.labelled_rows import check_values, labelled_blocks
from fireside.ml.classification.probabilistic_model import ProbabilisticClassificationModel, softmax
from fireside.ml.linalg import DenseMatrix, DenseVector, Matrix, Vector, VectorBlock
from fireside.ml.linalg.compressed_matrix import compressed_matrix
from fireside.ml.linalg.fold import fold_columns
from fireside.ml.param import Getter, Param, Setter, TypeConverters, param
from fireside.ml.param.shared import HasWeightCol
from fireside.ml.param.validators import gt_eq, in_array
from fireside.ml.persistence import MATRIX, VECTOR, SavedColumns

__all__ = ["NaiveBayes", "NaiveBayesModel"]

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float64]


class NaiveBayesParams(ProbabilisticParams, TrainingParams):
    """Params of `NaiveBayes` and its model."""

    smoothing: Param[float] = param(
        TypeConverters.toFloat, "added to every count", default=1.0, check=gt_eq(0)
    )
    getSmoothing = Getter(smoothing)
    modelType: Param[str] = param(
        TypeConverters.toString,
        "'multinomial' or 'complement' for counts, 'bernoulli' for 0 and 1, 'gaussian' for measures",
        default="multinomial",
        check=in_array(["multinomial", "complement", "bernoulli", "gaussian"]),
    )
    getModelType = Getter(modelType)

    def _check_features(self, block: VectorBlock) -> None:
        """Raise `InputError` where features are not what the model type is about."""
        kind = self.getModelType()
        if kind == "bernoulli":
            check_values(self, block, lambda values: (values == 0) | (values == 1), "0 or 1 (bernoulli)")
        elif kind != "gaussian":
            check_values(self, block, lambda values: values >= 0, f"numbers from 0 on ({kind})")


class NaiveBayes(NaiveBayesParams, Estimator["NaiveBayesModel"]):
    """Learns, class by class and feature by feature, what is usual there.

    Labels are whole numbers from 0 on. As in Spark, the classes are the labels that occur, in ascending
    order: where one is left out, predictions are places in that order, so index labels without gaps
    (`StringIndexer` does).

    >>> from fireside.ml.linalg import Vectors
    >>> counts = [Vectors.dense(3, 0), Vectors.dense(2, 1), Vectors.dense(0, 4)]
    >>> model = NaiveBayes().fit({"features": counts, "label": [0.0, 0.0, 1.0]})
    >>> model.predict(Vectors.dense(1, 0)), model.predictProbability(Vectors.dense(1, 0)).toArray().round(3)
    (0.0, array([0.871, 0.129]))
    """

    setSmoothing = Setter(NaiveBayesParams.smoothing)
    setModelType = Setter(NaiveBayesParams.modelType)
    setWeightCol = Setter(HasWeightCol.weightCol)

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        fields = super()._output_fields(schema)
        self._check_training_columns(schema)
        return fields

    def _fit(self, dataset: Dataset) -> "NaiveBayesModel":
        found = gang(dataset.select(self._training_columns()), fit_naive_bayes, self)
        labels = found["labels"]
        if labels[-1] >= len(labels):
            logger.warning(
                "%s: only the labels %s occur; predictions are their places in this list",
                self.uid,
                ", ".join(f"{label:.0f}" for label in labels),
            )
        sigma = compressed_matrix(found["sigma"]) if found["sigma"].size else DenseMatrix(0, 0, [])
        model = NaiveBayesModel(DenseVector(found["pi"]), compressed_matrix(found["theta"]), sigma)
        return model._fitted_by(self)


class NaiveBayesModel(NaiveBayesParams, ProbabilisticClassificationModel):
    """Scores each class by Bayes' rule, as if features were independent given the class.

    Attributes:
        pi: log of the share of each class.
        theta: log likelihoods, one row for each class; means where `modelType` is gaussian.
        sigma: variances, one row for each class; without rows unless `modelType` is gaussian.
    """

    _saved: ClassVar = SavedColumns(pi=VECTOR, theta=MATRIX, sigma=MATRIX)
    _saved_by_spark_2: ClassVar = SavedColumns(pi=VECTOR, theta=MATRIX)

    def __init__(self, pi: Vector, theta: Matrix, sigma: Matrix) -> None:
        super().__init__()
        self.pi = pi
        self.theta = theta
        self.sigma = sigma
        self._linear: tuple[str, LinearScores] | None = None

    @classmethod
    def _from_spark_2(cls, row: Mapping[str, Any]) -> Self:
        return cls(row["pi"], row["theta"], DenseMatrix(0, 0, []))

    def __repr__(self) -> str:
        return (
            f"NaiveBayesModel: uid={self.uid}, modelType={self.getModelType()}, "
            f"numClasses={self.numClasses}, numFeatures={self.numFeatures}"
        )

    def __getstate__(self) -> dict[str, Any]:
        # What is computed from theta need not travel with it.
        return {**self.__dict__, "_linear": None}

    @property
    def numClasses(self) -> int:
        """How many classes there are."""
        return len(self.pi)

    @property
    def numFeatures(self) -> int:
        """The size of the vectors it was fitted to."""
        return self.theta.numCols

    def _raw_predictions(self, block: VectorBlock) -> FloatArray:
        self._check_features(block)
        matrix = block.to_matrix()
        if self.getModelType() == "gaussian":
            arrays = (self.pi.toArray(), self.theta.toArray(), self.sigma.toArray())
            return gaussian_scores(matrix, *arrays)
        scores = self._linear_scores().of(matrix)
        if self.getModelType() == "complement":
            # As Spark has it: log probabilities.
            scores -= log_sum_exp(scores)
        return scores

    def _probabilities(self, raw: FloatArray) -> FloatArray:
        return softmax(raw)

    def _linear_scores(self) -> LinearScores:
        kind = self.getModelType()
        if self._linear is None or self._linear[0] != kind:
            self._linear = kind, linear_scores(kind, self.pi.toArray(), self.theta.toArray())
        return self._linear[1]


def log_sum_exp(scores: FloatArray) -> FloatArray:
    """float64[N, 1], the log of the sum of the exponentials of each row, without overflow.

    >>> log_sum_exp(np.array([[1000.0, 1000.0]])) - 1000
    array([[0.69314718]])
    """
    most = fold_columns(np.maximum, scores)
    with np.errstate(invalid="ignore"):
        return np.log(fold_columns(np.add, np.exp(scores - most))) + most


def fit_naive_bayes(collective: Collective, rows: Dataset, stage: NaiveBayes) -> Mapping[str, Any]:
    """The parameters of the event model; one pass over the rows, two for gaussian.

    Returns:
        labels: float64[C], those that occur, ascending.
        pi: float64[C].
        theta: float64[C, D].
        sigma: float64[C, D] for gaussian, otherwise float64[0, 0].
    """
    classes = len(stage.getThresholds()) if stage.isDefined("thresholds") else None

    def blocks() -> Any:
        for block in labelled_blocks(stage, rows, num_classes=classes):
            stage._check_features(block.features)
            yield block

    sums = class_sums(collective, blocks(), name=stage.uid)
    if stage.getModelType() != "gaussian":
        pi, theta = discrete_parameters(
            stage.getModelType(), sums.weights, sums.features, stage.getSmoothing()
        )
        return {"labels": sums.labels, "pi": pi, "theta": theta, "sigma": np.zeros((0, 0))}
    means = sums.features / sums.weights[:, None]
    deviations = squared_deviations(collective, blocks(), sums.labels, means)
    pi, sigma = gaussian_parameters(sums.weights, means, deviations)
    if not sigma.any():
        raise InputError(
            f"{stage.uid}: no feature differs between any rows, so there is no variance to learn: give rows "
            "that differ"
        )
    return {"labels": sums.labels, "pi": pi, "theta": means, "sigma": sigma}
