"""Params that several stages share.

Column names can be set on estimators and on their models; the other params here can be set on whatever adds
the `Setter`, since changing them on a fitted model would change nothing.
"""

from fireside.ml.param.accessors import Getter, accessors
from fireside.ml.param.param import Param, param
from fireside.ml.param.params import Params
from fireside.ml.param.shared_by_learners import (
    HasAggregationDepth,
    HasBatchSize,
    HasBlockSize,
    HasCheckpointInterval,
    HasElasticNetParam,
    HasFeatureSizes,
    HasFitIntercept,
    HasHandleInvalid,
    HasIntermediateStorageLevel,
    HasLearningRate,
    HasLoss,
    HasMomentum,
    HasNumFeatures,
    HasNumTrainWorkers,
    HasRegParam,
    HasSolver,
    HasStandardization,
    HasStepSize,
    HasThreshold,
    HasValidationIndicatorCol,
    HasVarianceCol,
)
from fireside.ml.param.type_converters import TypeConverters
from fireside.ml.param.validators import Check, gt_eq, in_array, in_range
from fireside.ml.spark_name import default_seed

__all__ = [
    "HasAggregationDepth",
    "HasBatchSize",
    "HasBlockSize",
    "HasCheckpointInterval",
    "HasCollectSubModels",
    "HasDistanceMeasure",
    "HasElasticNetParam",
    "HasFeatureSizes",
    "HasFeaturesCol",
    "HasFitIntercept",
    "HasHandleInvalid",
    "HasInputCol",
    "HasInputCols",
    "HasIntermediateStorageLevel",
    "HasLabelCol",
    "HasLearningRate",
    "HasLoss",
    "HasMaxBlockSizeInMB",
    "HasMaxIter",
    "HasMomentum",
    "HasNumFeatures",
    "HasNumTrainWorkers",
    "HasOutputCol",
    "HasOutputCols",
    "HasParallelism",
    "HasPredictionCol",
    "HasProbabilityCol",
    "HasRawPredictionCol",
    "HasRegParam",
    "HasRelativeError",
    "HasSeed",
    "HasSolver",
    "HasStandardization",
    "HasStepSize",
    "HasThreshold",
    "HasThresholds",
    "HasTol",
    "HasValidationIndicatorCol",
    "HasVarianceCol",
    "HasWeightCol",
    "Param",
    "Params",
    "TypeConverters",
]


class HasInputCol(Params):
    """Reads one column."""

    inputCol: Param[str] = param(TypeConverters.toString, "name of the column to read")
    getInputCol, setInputCol = accessors(inputCol)


class HasOutputCol(Params):
    """Appends one column."""

    outputCol: Param[str] = param(
        TypeConverters.toString,
        "name of the column to append",
        default_of=lambda stage: f"{stage.uid}__output",
    )
    getOutputCol, setOutputCol = accessors(outputCol)


class HasInputCols(Params):
    """Reads several columns."""

    inputCols: Param[list[str]] = param(TypeConverters.toListString, "names of the columns to read")
    getInputCols, setInputCols = accessors(inputCols)


class HasOutputCols(Params):
    """Appends several columns."""

    outputCols: Param[list[str]] = param(TypeConverters.toListString, "names of the columns to append")
    getOutputCols, setOutputCols = accessors(outputCols)


class HasFeaturesCol(Params):
    """Reads vectors of features."""

    featuresCol: Param[str] = param(
        TypeConverters.toString, "name of the column of feature vectors", default="features"
    )
    getFeaturesCol, setFeaturesCol = accessors(featuresCol)


class HasLabelCol(Params):
    """Reads labels."""

    labelCol: Param[str] = param(TypeConverters.toString, "name of the column of labels", default="label")
    getLabelCol, setLabelCol = accessors(labelCol)


class HasRawPredictionCol(Params):
    """Appends, or reads, raw predictions."""

    rawPredictionCol: Param[str] = param(
        TypeConverters.toString,
        "name of the column of raw predictions: one confidence for each class",
        default="rawPrediction",
    )
    getRawPredictionCol, setRawPredictionCol = accessors(rawPredictionCol)


class HasProbabilityCol(Params):
    """Appends, or reads, probabilities."""

    probabilityCol: Param[str] = param(
        TypeConverters.toString,
        "name of the column of probabilities: one for each class",
        default="probability",
    )
    getProbabilityCol, setProbabilityCol = accessors(probabilityCol)


class HasThresholds(Params):
    """Divides probabilities before they are compared."""

    thresholds: Param[list[float]] = param(
        TypeConverters.toListFloat,
        "one for each class; predicted is the class with the largest probability / threshold",
        check=Check(
            lambda values: min(values, default=-1) >= 0 and values.count(0.0) <= 1,
            "numbers above 0, of which at most one may be 0",
        ),
    )
    getThresholds, setThresholds = accessors(thresholds)


class HasPredictionCol(Params):
    """Appends, or reads, predictions."""

    predictionCol: Param[str] = param(
        TypeConverters.toString, "name of the column of predictions", default="prediction"
    )
    getPredictionCol, setPredictionCol = accessors(predictionCol)


class HasWeightCol(Params):
    """Weighs rows."""

    weightCol: Param[str] = param(
        TypeConverters.toString, "name of the column of weights; without it every row weighs 1"
    )
    getWeightCol = Getter(weightCol)

    def _weight_column(self) -> str | None:
        """The column of weights, where there is one."""
        return (self.getWeightCol() or None) if self.isDefined("weightCol") else None


class HasSeed(Params):
    """Draws random numbers."""

    seed: Param[int] = param(
        TypeConverters.toLong,
        "where the random numbers start; equal seeds give equal results",
        default_of=lambda stage: default_seed(type(stage)),
    )
    getSeed = Getter(seed)


class HasMaxIter(Params):
    """Iterates."""

    maxIter: Param[int] = param(TypeConverters.toInt, "the most iterations", check=gt_eq(0))
    getMaxIter = Getter(maxIter)


class HasTol(Params):
    """Iterates until little changes."""

    tol: Param[float] = param(TypeConverters.toFloat, "the change at which iterations end", check=gt_eq(0))
    getTol = Getter(tol)


class HasDistanceMeasure(Params):
    """Measures distances."""

    distanceMeasure: Param[str] = param(
        TypeConverters.toString,
        "'euclidean' or 'cosine'",
        default="euclidean",
        check=in_array(["euclidean", "cosine"]),
    )
    getDistanceMeasure = Getter(distanceMeasure)


class HasParallelism(Params):
    """Works in several threads."""

    parallelism: Param[int] = param(
        TypeConverters.toInt, "how many threads work at the same time", default=1, check=gt_eq(1)
    )
    getParallelism = Getter(parallelism)


class HasCollectSubModels(Params):
    """Fits models on the way to the one that it returns."""

    collectSubModels: Param[bool] = param(
        TypeConverters.toBoolean,
        "whether the models that were fitted on the way are kept; all are in memory then",
        default=False,
    )
    getCollectSubModels = Getter(collectSubModels)


class HasMaxBlockSizeInMB(Params):
    """Stacks rows into blocks."""

    maxBlockSizeInMB: Param[float] = param(
        TypeConverters.toFloat,
        "the most megabytes of rows that are stacked into one block; 0 chooses",
        default=0.0,
        check=gt_eq(0),
    )
    getMaxBlockSizeInMB = Getter(maxBlockSizeInMB)


class HasRelativeError(Params):
    """Finds quantiles approximately."""

    relativeError: Param[float] = param(
        TypeConverters.toFloat,
        "how far the rank of a quantile may be off, as a share of the rows; 0 is exact and slow",
        default=0.001,
        check=in_range(0, 1),
    )
    getRelativeError = Getter(relativeError)
