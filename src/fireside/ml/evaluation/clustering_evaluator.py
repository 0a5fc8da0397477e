"""Silhouette: how much nearer rows are to their own cluster than to the next."""

from fireside.compute import Dataset, gang
from fireside.ml.clustering.weighted_rows import FeatureParams
from fireside.ml.evaluation.evaluator import Evaluator
from fireside.ml.param import Param, Setter, TypeConverters, accessors, param
from fireside.ml.param.shared import HasDistanceMeasure, HasPredictionCol, HasWeightCol
from fireside.ml.param.validators import in_array
from fireside.ml.schema import input_field, is_numeric, vector_field

__all__ = ["ClusteringEvaluator"]


class ClusteringEvaluator(FeatureParams, HasPredictionCol, Evaluator):
    """The mean silhouette, from -1 to 1; for squared Euclidean or cosine distances.

    >>> from fireside.ml.linalg import Vectors
    >>> points = [Vectors.dense(0), Vectors.dense(1), Vectors.dense(8), Vectors.dense(9)]
    >>> round(ClusteringEvaluator().evaluate({"features": points, "prediction": [0, 0, 1, 1]}), 4)
    0.9843
    """

    metricName: Param[str] = param(
        TypeConverters.toString, "'silhouette'", default="silhouette", check=in_array(["silhouette"])
    )
    getMetricName, setMetricName = accessors(metricName)
    distanceMeasure: Param[str] = param(
        TypeConverters.toString,
        "'squaredEuclidean' or 'cosine'",
        default="squaredEuclidean",
        check=in_array(["squaredEuclidean", "cosine"]),
    )
    setDistanceMeasure = Setter(HasDistanceMeasure.distanceMeasure)
    setWeightCol = Setter(HasWeightCol.weightCol)

    def _evaluate(self, dataset: Dataset) -> float:
        from fireside.ml.evaluation.silhouette import mean_silhouette

        vector_field(self, dataset.schema, self.getFeaturesCol())
        numbers = [self.getPredictionCol(), *filter(None, [self._weight_column()])]
        for column in numbers:
            input_field(self, dataset.schema, column, wanted="a number", fits=is_numeric)
        return float(gang(dataset.select([self.getFeaturesCol(), *numbers]), mean_silhouette, self)["mean"])
