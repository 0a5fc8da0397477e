"""Inverse document frequency."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from fireside.compute import Collective, Dataset, gang
from fireside.compute.threads import map_in_order
from fireside.core.errors import InputError
from fireside.ml.base import Estimator, Model
from fireside.ml.feature.unary import VectorColumn, VectorTransform
from fireside.ml.linalg import DenseVector, Vector, VectorBlock
from fireside.ml.param import Getter, Param, Setter, TypeConverters, param
from fireside.ml.param.validators import gt_eq
from fireside.ml.persistence import LONG, LONGS, VECTOR, SavedColumns
from fireside.ml.training_vectors import TrainingVectors

__all__ = ["IDF", "IDFModel"]

FloatArray = npt.NDArray[np.float64]


class IDFParams(VectorColumn):
    """Params of `IDF` and its model."""

    minDocFreq: Param[int] = param(
        TypeConverters.toInt, "terms in fewer documents get weight 0", default=0, check=gt_eq(0)
    )
    getMinDocFreq = Getter(minDocFreq)


class IDF(IDFParams, Estimator["IDFModel"]):
    """Learns how rare each term is: log((m + 1) / (df + 1)), m documents of which df have the term.

    >>> from fireside.ml.linalg import Vectors
    >>> IDF(inputCol="counts").fit({"counts": [Vectors.dense(1, 0), Vectors.dense(1, 2)]}).idf
    DenseVector([0.0, 0.4055])
    """

    setMinDocFreq = Setter(IDFParams.minDocFreq)

    def _fit(self, dataset: Dataset) -> "IDFModel":
        rows = dataset.select([self.getInputCol()])
        found = gang(rows, count_documents, self)
        if found["documents"] == 0:
            raise InputError(f"{self.uid}: there are no rows to fit to")
        idf = inverse_document_frequency(found["frequency"], found["documents"], self.getMinDocFreq())
        model = IDFModel(DenseVector(idf), found["frequency"].tolist(), found["documents"])
        return model._fitted_by(self)


class IDFModel(VectorTransform, IDFParams, Model):
    """Multiplies each entry by the weight of its term.

    Attributes:
        idf: the weights.
        docFreq: for each term, how many documents have it.
        numDocs: how many documents there were.
    """

    _saved: ClassVar = SavedColumns(idf=VECTOR, docFreq=LONGS, numDocs=LONG)
    _saved_by_spark_2: ClassVar = SavedColumns(idf=VECTOR)

    def __init__(self, idf: Vector, docFreq: Sequence[int], numDocs: int) -> None:
        super().__init__()
        self.idf = DenseVector(idf.toArray())
        self.docFreq = list(docFreq)
        self.numDocs = int(numDocs)

    @classmethod
    def _from_spark_2(cls, row: Mapping[str, Any]) -> Self:
        return cls(row["idf"], [0] * len(row["idf"]), 0)

    def __repr__(self) -> str:
        return f"IDFModel: uid={self.uid}, numDocs={self.numDocs}, numFeatures={len(self.idf)}"

    def _vector_size(self) -> int:
        return len(self.idf)

    def _fitted_size(self) -> int:
        return len(self.idf)

    def _transformed(self, block: VectorBlock) -> VectorBlock:
        return block.scaled(self.idf.array)


def count_documents(collective: Collective, rows: Dataset, stage: IDF) -> Mapping[str, Any]:
    """In how many rows each entry is above 0.

    Returns:
        frequency: int64[D].
        documents: how many rows there are.
    """
    vectors = TrainingVectors(stage, rows, stage.getInputCol())
    frequency = np.zeros(0, np.int64)
    for part in map_in_order(entries_above_zero, vectors):
        frequency = part + frequency if len(frequency) else part
    size = vectors.agreed_size(collective)
    mine = frequency if len(frequency) else np.zeros(size, np.int64)
    total = collective.allreduce(np.array([vectors.count]))
    return {"frequency": collective.allreduce(mine), "documents": int(total[0])}


def entries_above_zero(block: VectorBlock) -> npt.NDArray[np.int64]:
    """int64[D], how many of the vectors are above 0 in each place."""
    return block.with_values((block.values > 0).astype(np.float64)).column_sums().astype(np.int64)


def inverse_document_frequency(frequency: npt.NDArray[np.int64], documents: int, minimum: int) -> FloatArray:
    """float64[D], log((documents + 1) / (frequency + 1)), and 0 where frequency is below the minimum."""
    weights = np.log((documents + 1.0) / (frequency + 1.0))
    return np.where(frequency >= minimum, weights, 0.0)
