"""K-means clustering."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.compute import Dataset, gang
from fireside.core.errors import InputError
from fireside.ml.attributes import nominal_field
from fireside.ml.base import Estimator, Model
from fireside.ml.clustering.matrix import nearest_centres
from fireside.ml.clustering.summary import KMeansSummary
from fireside.ml.clustering.weighted_rows import FeatureParams, block_matrix, feature_matrix
from fireside.ml.linalg import DenseVector, VectorBlock
from fireside.ml.linalg.vectors import as_vector
from fireside.ml.param import Getter, Param, ParamMap, Setter, TypeConverters, param
from fireside.ml.param.shared import (
    HasDistanceMeasure,
    HasMaxBlockSizeInMB,
    HasMaxIter,
    HasPredictionCol,
    HasSeed,
    HasTol,
    HasWeightCol,
)
from fireside.ml.param.validators import gt, in_array
from fireside.ml.persistence import INT, VECTOR, SavedColumns
from fireside.ml.row_function import Row, RowFunction, vector_reader
from fireside.ml.row_transform import AppendsColumns, RowTransform
from fireside.ml.schema import input_field, is_numeric, vector_field

__all__ = ["KMeans", "KMeansModel", "KMeansSummary"]


class KMeansParams(
    AppendsColumns, FeatureParams, HasPredictionCol, HasMaxIter, HasTol, HasSeed, HasMaxBlockSizeInMB
):
    """Params of `KMeans` and its model."""

    k: Param[int] = param(TypeConverters.toInt, "number of clusters", default=2, check=gt(1))
    getK = Getter(k)
    initMode: Param[str] = param(
        TypeConverters.toString,
        "where to start: 'k-means||', or 'random' rows",
        default="k-means||",
        check=in_array(["random", "k-means||"]),
    )
    getInitMode = Getter(initMode)
    initSteps: Param[int] = param(TypeConverters.toInt, "rounds of k-means||", default=2, check=gt(0))
    getInitSteps = Getter(initSteps)
    solver: Param[str] = param(
        TypeConverters.toString,
        "'auto', 'row' or 'block', for Spark's sake: rows are always worked on in blocks",
        default="auto",
        check=in_array(["auto", "row", "block"]),
    )
    getSolver = Getter(solver)
    intermediateStorageLevel: Param[str] = param(
        TypeConverters.toString, "where Spark caches rows; for Spark's sake", default="MEMORY_AND_DISK"
    )
    getIntermediateStorageLevel = Getter(intermediateStorageLevel)
    maxIter = HasMaxIter.maxIter.with_default(20)
    tol = HasTol.tol.with_default(1e-4)

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        vector_field(self, schema, self.getFeaturesCol())
        return [nominal_field(self.getPredictionCol(), pa.int32(), num_values=self._num_clusters())]

    def _num_clusters(self) -> int:
        return self.getK()


class KMeans(KMeansParams, Estimator["KMeansModel"]):
    """K-means with the k-means|| start, under the Euclidean or the cosine distance.

    Equal seeds give equal models however the rows are ordered or spread. Where there are fewer distinct rows
    than `k`, there are fewer clusters.

    >>> from fireside.ml.linalg import Vectors
    >>> points = {"features": [Vectors.dense(0), Vectors.dense(1), Vectors.dense(8), Vectors.dense(9)]}
    >>> model = KMeans(k=2, seed=1).fit(points)
    >>> sorted(float(centre[0]) for centre in model.clusterCenters()), model.summary.trainingCost
    ([0.5, 8.5], 1.0)
    """

    setK = Setter(KMeansParams.k)
    setInitMode = Setter(KMeansParams.initMode)
    setInitSteps = Setter(KMeansParams.initSteps)
    setSolver = Setter(KMeansParams.solver)
    setIntermediateStorageLevel = Setter(KMeansParams.intermediateStorageLevel)
    setDistanceMeasure = Setter(HasDistanceMeasure.distanceMeasure)
    setWeightCol = Setter(HasWeightCol.weightCol)
    setMaxIter = Setter(HasMaxIter.maxIter)
    setTol = Setter(HasTol.tol)
    setSeed = Setter(HasSeed.seed)
    setMaxBlockSizeInMB = Setter(HasMaxBlockSizeInMB.maxBlockSizeInMB)

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        fields = super()._output_fields(schema)
        if weight := self._weight_column():
            input_field(self, schema, weight, wanted="a number", fits=is_numeric)
        return fields

    def _fit(self, dataset: Dataset) -> "KMeansModel":
        from fireside.ml.clustering.lloyd import fit_kmeans

        columns = [column for column in (self.getFeaturesCol(), self._weight_column()) if column]
        found = gang(dataset.select(columns), fit_kmeans, self)
        model = KMeansModel(found["centers"])._fitted_by(self)
        model._summary = KMeansSummary(model, dataset, found["cost"], found["iterations"])
        return model


class KMeansModel(RowTransform, KMeansParams, Model):
    """Sends each row to its nearest centre."""

    _saved: ClassVar = SavedColumns(clusterIdx=INT, clusterCenter=VECTOR)

    def __init__(self, centers: npt.NDArray[np.float64]) -> None:
        super().__init__()
        self._centers = np.ascontiguousarray(centers, np.float64)
        self._summary: KMeansSummary | None = None

    def __repr__(self) -> str:
        return (
            f"KMeansModel: uid={self.uid}, k={len(self._centers)}, "
            f"distanceMeasure={self.getDistanceMeasure()}, numFeatures={self.numFeatures}"
        )

    def clusterCenters(self) -> list[npt.NDArray[np.float64]]:
        """The centres, float64[D] each."""
        return list(self._centers)

    @property
    def numFeatures(self) -> int:
        """The size of the vectors it was fitted to."""
        return int(self._centers.shape[1])

    @property
    def hasSummary(self) -> bool:
        """Whether this model was fitted here, rather than loaded."""
        return self._summary is not None

    @property
    def summary(self) -> KMeansSummary:
        """What the fit said about its rows.

        Raises:
            InputError: the model was loaded.
        """
        if self._summary is None:
            raise InputError(f"{self.uid} has no summary: only a model that was just fitted has one")
        return self._summary

    def predict(self, value: Any) -> int:
        """The cluster of one vector."""
        column = VectorBlock.arrow_from_vectors([as_vector(value)])
        batch = pa.RecordBatch.from_arrays([column], names=[self.getFeaturesCol()])
        return int(self._output_columns(batch)[0][0].as_py())

    def copy(self, extra: ParamMap | None = None) -> Self:
        """A copy, with the same centres and summary."""
        that = super().copy(extra)
        that._summary = self._summary
        return that

    def __getstate__(self) -> dict[str, Any]:
        # The summary holds the rows it was fitted to, which must not travel with the model.
        return {**self.__dict__, "_summary": None}

    def _num_clusters(self) -> int:
        return len(self._centers)

    def _output_columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        matrix = feature_matrix(self, batch, size=self.numFeatures)
        return [pa.array(nearest_centres(matrix, self._centers).astype(np.int32))]

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        read = vector_reader(schema, self.getFeaturesCol(), self.numFeatures)
        target = self.getPredictionCol()
        if read is None:
            return None

        def function(row: Row) -> Row:
            row[target] = int(nearest_centres(block_matrix(self, read(row)), self._centers)[0])
            return row

        return function

    def _rows(self) -> Sequence[Mapping[str, Any]]:
        return [
            {"clusterIdx": index, "clusterCenter": DenseVector(centre)}
            for index, centre in enumerate(self._centers)
        ]

    @classmethod
    def _from_rows(cls, rows: Sequence[Mapping[str, Any]]) -> Self:
        ordered = sorted(rows, key=lambda row: int(row["clusterIdx"]))
        if not ordered:
            raise InputError("its data hold no centre")
        return cls(np.stack([row["clusterCenter"].toArray() for row in ordered]))
