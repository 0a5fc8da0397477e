"""One split into training and validation rows."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import pyarrow as pa

from fireside.compute import Dataset
from fireside.core.progress import track
from fireside.ml.base import Estimator, Model
from fireside.ml.param import Getter, Param, Setter, TypeConverters, param
from fireside.ml.param.shared import HasCollectSubModels, HasParallelism, HasSeed
from fireside.ml.param.validators import in_range
from fireside.ml.persistence.metadata import Metadata
from fireside.ml.persistence.saving import load_stage
from fireside.ml.tuning.draws import Draws, rows_drawn
from fireside.ml.tuning.search import Trial, best_candidate, check_rows, check_search, try_candidates
from fireside.ml.tuning.validator_params import ValidatedModel, ValidatorParams, read_metrics

__all__ = ["TrainValidationSplit", "TrainValidationSplitModel"]

STRATA = 20
"""Among so many rows in a row the share of training rows is as close to `trainRatio` as can be."""


class TrainValidationSplitParams(ValidatorParams):
    """Params of `TrainValidationSplit` and its model."""

    trainRatio: Param[float] = param(
        TypeConverters.toFloat, "the share of rows to fit to", default=0.75, check=in_range(0, 1)
    )
    getTrainRatio = Getter(trainRatio)


class TrainValidationSplit(
    TrainValidationSplitParams, HasParallelism, HasCollectSubModels, Estimator["TrainValidationSplitModel"]
):
    """Chooses the param map whose model does best on rows that it has not seen.

    The split is not Spark's own random one; see `CrossValidator`.

    >>> from fireside.ml.clustering import KMeans
    >>> from fireside.ml.evaluation import ClusteringEvaluator
    >>> from fireside.ml.linalg import Vectors
    >>> rows = {"features": [Vectors.dense(x + d) for d in (0, 50) for x in range(20)]}
    >>> kmeans = KMeans(seed=1)
    >>> model = TrainValidationSplit(
    ...     estimator=kmeans,
    ...     estimatorParamMaps=[{kmeans.k: 9}, {kmeans.k: 2}],
    ...     evaluator=ClusteringEvaluator(),
    ... ).fit(rows)
    >>> model.bestModel.summary.k
    2
    """

    setEstimator = Setter(ValidatorParams.estimator)
    setEstimatorParamMaps = Setter(ValidatorParams.estimatorParamMaps)
    setEvaluator = Setter(ValidatorParams.evaluator)
    setTrainRatio = Setter(TrainValidationSplitParams.trainRatio)
    setSeed = Setter(HasSeed.seed)
    setParallelism = Setter(HasParallelism.parallelism)
    setCollectSubModels = Setter(HasCollectSubModels.collectSubModels)

    def transformSchema(self, schema: pa.Schema) -> pa.Schema:
        """The columns after the estimator."""
        return check_search(self, schema)

    def _fit(self, dataset: Dataset) -> "TrainValidationSplitModel":
        maps = self.getEstimatorParamMaps()
        metrics = [0.0] * len(maps)
        kept: list[Model | None] = [None] * len(maps)
        for trial in track(self._trials(dataset), "validation", total=len(maps)):
            metrics[trial.candidate] = trial.metric
            if self.getCollectSubModels():
                kept[trial.candidate] = trial.model
        best = self.getEstimator().fit(dataset, maps[best_candidate(self, metrics)])
        sub_models = cast(list[Model], kept) if self.getCollectSubModels() else None
        return TrainValidationSplitModel(best, metrics, sub_models)._fitted_by(self)

    def _trials(self, dataset: Dataset) -> Iterator[Trial]:
        draws, ratio = Draws(seed=self.getSeed(), strata=STRATA), self.getTrainRatio()
        train, validation = (
            rows_drawn(dataset, draws, 0.0, ratio, inside=inside) for inside in (True, False)
        )
        check_rows(self, "the training part", train)
        check_rows(self, "the validation part", validation)
        with ThreadPoolExecutor(self.getParallelism()) as executor:
            yield from try_candidates(self, train, validation, executor)


class TrainValidationSplitModel(TrainValidationSplitParams, ValidatedModel):
    """The model of the best param map, fitted to all rows.

    Attributes:
        bestModel: that model.
        validationMetrics: the metric of each param map.
        subModels: the models of all param maps; `None` where they were not collected.
    """

    _metrics: ClassVar = ("validationMetrics",)

    def __init__(
        self,
        bestModel: Model,
        validationMetrics: Sequence[float] | None = None,
        subModels: list[Model] | None = None,
    ) -> None:
        super().__init__()
        self.bestModel = bestModel
        self.validationMetrics = list(validationMetrics or [])
        self.subModels = subModels

    @classmethod
    def _read_found(cls, directory: Path, metadata: Metadata) -> Self:
        best = cast(Model, load_stage(directory / "bestModel"))
        sub_models: Any = None
        if metadata.extra.get("persistSubModels"):
            many = len(metadata.paramMap.get("estimatorParamMaps", []))
            sub_models = [load_stage(directory / "subModels" / str(index)) for index in range(many)]
        return cls(best, read_metrics(metadata.extra.get("validationMetrics")), sub_models)
