"""More params that several stages share, of learners most of all; `fireside.ml.param.shared` has them too."""

from fireside.ml.param.accessors import Getter
from fireside.ml.param.param import Param, param
from fireside.ml.param.params import Params
from fireside.ml.param.type_converters import TypeConverters

__all__ = [
    "HasAggregationDepth",
    "HasBatchSize",
    "HasBlockSize",
    "HasCheckpointInterval",
    "HasElasticNetParam",
    "HasFeatureSizes",
    "HasFitIntercept",
    "HasHandleInvalid",
    "HasIntermediateStorageLevel",
    "HasLearningRate",
    "HasLoss",
    "HasMomentum",
    "HasNumFeatures",
    "HasNumTrainWorkers",
    "HasRegParam",
    "HasSolver",
    "HasStandardization",
    "HasStepSize",
    "HasThreshold",
    "HasValidationIndicatorCol",
    "HasVarianceCol",
]


class HasAggregationDepth(Params):
    """Adds up in a tree."""

    aggregationDepth: Param[int] = param(
        TypeConverters.toInt, "how many levels of partial sums there are on a cluster", default=2
    )
    getAggregationDepth = Getter(aggregationDepth)


class HasBatchSize(Params):
    """Trains on batches."""

    batchSize: Param[int] = param(TypeConverters.toInt, "how many rows a training batch has")
    getBatchSize = Getter(batchSize)


class HasBlockSize(Params):
    """Stacks rows into blocks."""

    blockSize: Param[int] = param(TypeConverters.toInt, "how many rows are stacked into one block")
    getBlockSize = Getter(blockSize)


class HasCheckpointInterval(Params):
    """Writes checkpoints."""

    checkpointInterval: Param[int] = param(
        TypeConverters.toInt, "how many iterations lie between two checkpoints; -1 writes none"
    )
    getCheckpointInterval = Getter(checkpointInterval)


class HasElasticNetParam(Params):
    """Mixes two penalties."""

    elasticNetParam: Param[float] = param(
        TypeConverters.toFloat, "the share of the L1 penalty, from 0 (all L2) to 1 (all L1)", default=0.0
    )
    getElasticNetParam = Getter(elasticNetParam)


class HasFeatureSizes(Params):
    """Reads several columns of features."""

    featureSizes: Param[list[int]] = param(
        TypeConverters.toListInt, "how many features each input column has"
    )
    getFeatureSizes = Getter(featureSizes)


class HasFitIntercept(Params):
    """May have an intercept."""

    fitIntercept: Param[bool] = param(
        TypeConverters.toBoolean, "whether an intercept is fitted", default=True
    )
    getFitIntercept = Getter(fitIntercept)


class HasHandleInvalid(Params):
    """Meets rows that cannot be used."""

    handleInvalid: Param[str] = param(
        TypeConverters.toString,
        "what happens to a row that cannot be used: 'error', 'skip', or what else the stage names",
    )
    getHandleInvalid = Getter(handleInvalid)


class HasIntermediateStorageLevel(Params):
    """Keeps rows on the way."""

    intermediateStorageLevel: Param[str] = param(
        TypeConverters.toString,
        "Spark's storage level of what is kept on the way; not 'NONE'",
        default="MEMORY_AND_DISK",
    )
    getIntermediateStorageLevel = Getter(intermediateStorageLevel)


class HasLearningRate(Params):
    """Learns by steps."""

    learningRate: Param[float] = param(TypeConverters.toFloat, "how far each training step goes")
    getLearningRate = Getter(learningRate)


class HasLoss(Params):
    """Minimizes a loss."""

    loss: Param[str] = param(TypeConverters.toString, "name of the loss that is minimized")
    getLoss = Getter(loss)


class HasMomentum(Params):
    """Carries steps on."""

    momentum: Param[float] = param(
        TypeConverters.toFloat, "the share of the step before that goes into the next"
    )
    getMomentum = Getter(momentum)


class HasNumFeatures(Params):
    """Makes vectors of a fixed size."""

    numFeatures: Param[int] = param(TypeConverters.toInt, "number of features, above 0", default=1 << 18)
    getNumFeatures = Getter(numFeatures)


class HasNumTrainWorkers(Params):
    """Trains in several processes."""

    numTrainWorkers: Param[int] = param(TypeConverters.toInt, "how many processes train", default=1)
    getNumTrainWorkers = Getter(numTrainWorkers)


class HasRegParam(Params):
    """Penalizes large weights."""

    regParam: Param[float] = param(TypeConverters.toFloat, "how much large weights cost, from 0")
    getRegParam = Getter(regParam)


class HasSolver(Params):
    """Has several solvers."""

    solver: Param[str] = param(TypeConverters.toString, "name of the solver; 'auto' chooses", default="auto")
    getSolver = Getter(solver)


class HasStandardization(Params):
    """May scale features."""

    standardization: Param[bool] = param(
        TypeConverters.toBoolean,
        "whether features are scaled to one standard deviation for the fit",
        default=True,
    )
    getStandardization = Getter(standardization)


class HasStepSize(Params):
    """Goes by steps."""

    stepSize: Param[float] = param(TypeConverters.toFloat, "how far each iteration goes, above 0")
    getStepSize = Getter(stepSize)


class HasThreshold(Params):
    """Predicts one of two classes."""

    threshold: Param[float] = param(
        TypeConverters.toFloat, "the probability above which class 1 is predicted, from 0 to 1", default=0.5
    )
    getThreshold = Getter(threshold)


class HasValidationIndicatorCol(Params):
    """Holds rows back."""

    validationIndicatorCol: Param[str] = param(
        TypeConverters.toString, "name of a column of booleans: true are rows to validate on, false to fit to"
    )
    getValidationIndicatorCol = Getter(validationIndicatorCol)


class HasVarianceCol(Params):
    """Appends variances."""

    varianceCol: Param[str] = param(
        TypeConverters.toString, "name of the column of variances (biased) of the predictions"
    )
    getVarianceCol = Getter(varianceCol)
