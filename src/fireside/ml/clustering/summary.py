"""What a clustering model says about the rows it was fitted to."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from fireside.compute import Dataset
from fireside.ml.frame import return_frame

if TYPE_CHECKING:
    from fireside.ml.clustering.kmeans import KMeansModel

__all__ = ["KMeansSummary"]


class KMeansSummary:
    """Summary of a k-means fit; predictions are made when they are asked for.

    Attributes:
        trainingCost: weighted sum of the (squared Euclidean, or cosine) distances to the nearest centre.
        numIter: iterations made.
    """

    def __init__(self, model: "KMeansModel", dataset: Dataset, trainingCost: float, numIter: int) -> None:
        self._model = model
        self._dataset = dataset
        self.trainingCost = trainingCost
        self.numIter = numIter

    @property
    def k(self) -> int:
        """How many clusters were asked for."""
        return self._model.getK()

    @property
    def featuresCol(self) -> str:
        """Name of the column of features."""
        return self._model.getFeaturesCol()

    @property
    def predictionCol(self) -> str:
        """Name of the column of predictions."""
        return self._model.getPredictionCol()

    @cached_property
    def _predicted(self) -> Dataset:
        return self._model._transform(self._dataset)

    @property
    def predictions(self) -> Any:
        """The rows with their clusters, as a data set."""
        return return_frame(self._predicted, self._dataset)

    @property
    def cluster(self) -> Any:
        """The clusters alone."""
        return return_frame(self._predicted.select([self.predictionCol]), self._dataset)

    @cached_property
    def clusterSizes(self) -> list[int]:
        """How many rows each cluster has."""
        sizes = np.zeros(len(self._model.clusterCenters()), np.int64)
        for batch in self._predicted.select([self.predictionCol]).batches():
            sizes += np.bincount(batch.column(self.predictionCol).to_numpy(), minlength=len(sizes))
        return sizes.tolist()
