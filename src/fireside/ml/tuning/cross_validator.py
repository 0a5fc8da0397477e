"""K-fold cross-validation."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
import pyarrow as pa

from fireside.compute import Dataset, TableDataset, map_batches
from fireside.core.errors import CheckpointError, InputError
from fireside.core.progress import track
from fireside.ml.base import Estimator, Model
from fireside.ml.columns import column_label, read_numbers
from fireside.ml.param import Getter, Param, Setter, TypeConverters, param
from fireside.ml.param.shared import HasCollectSubModels, HasParallelism, HasSeed
from fireside.ml.param.validators import gt_eq
from fireside.ml.persistence.metadata import Metadata
from fireside.ml.persistence.saving import load_stage
from fireside.ml.schema import input_field, is_numeric
from fireside.ml.tuning.draws import Draws, rows_drawn
from fireside.ml.tuning.search import Trial, best_candidate, check_rows, check_search, try_candidates
from fireside.ml.tuning.validator_params import ValidatedModel, ValidatorParams, read_metrics

__all__ = ["CrossValidator", "CrossValidatorModel"]


class CrossValidatorParams(ValidatorParams):
    """Params of `CrossValidator` and its model."""

    numFolds: Param[int] = param(
        TypeConverters.toInt, "how many parts the rows are dealt into", default=3, check=gt_eq(2)
    )
    getNumFolds = Getter(numFolds)
    foldCol: Param[str] = param(
        TypeConverters.toString,
        "name of a column that says which fold each row is in, from 0 to numFolds - 1; without it rows are "
        "dealt at random",
        default="",
    )
    getFoldCol = Getter(foldCol)


class CrossValidator(
    CrossValidatorParams, HasParallelism, HasCollectSubModels, Estimator["CrossValidatorModel"]
):
    """Chooses the param map whose models do best on the fold that they have not seen, on average over folds.

    Folds are not Spark's own random ones. Rows on this machine are dealt by position: equal seeds give equal
    folds for every kind of frame, and sizes that differ by one row at most. Rows of a cluster are dealt by
    their content, so that folds depend neither on order nor on partitions. With `foldCol` all are the same.

    >>> from fireside.ml.clustering import KMeans
    >>> from fireside.ml.evaluation import ClusteringEvaluator
    >>> from fireside.ml.linalg import Vectors
    >>> rows = {"features": [Vectors.dense(x + d) for d in (0, 50) for x in range(20)]}
    >>> kmeans = KMeans(seed=1)
    >>> validator = CrossValidator(
    ...     estimator=kmeans,
    ...     estimatorParamMaps=[{kmeans.k: 2}, {kmeans.k: 9}],
    ...     evaluator=ClusteringEvaluator(),
    ... )
    >>> model = validator.fit(rows)
    >>> model.bestModel.summary.k, model.avgMetrics[0] > model.avgMetrics[1]
    (2, True)
    """

    setEstimator = Setter(ValidatorParams.estimator)
    setEstimatorParamMaps = Setter(ValidatorParams.estimatorParamMaps)
    setEvaluator = Setter(ValidatorParams.evaluator)
    setNumFolds = Setter(CrossValidatorParams.numFolds)
    setFoldCol = Setter(CrossValidatorParams.foldCol)
    setSeed = Setter(HasSeed.seed)
    setParallelism = Setter(HasParallelism.parallelism)
    setCollectSubModels = Setter(HasCollectSubModels.collectSubModels)

    def transformSchema(self, schema: pa.Schema) -> pa.Schema:
        """The columns after the estimator."""
        if column := self.getFoldCol():
            input_field(self, schema, column, wanted="an integer", fits=is_numeric)
        return check_search(self, schema)

    def _fit(self, dataset: Dataset) -> "CrossValidatorModel":
        maps, folds = self.getEstimatorParamMaps(), self.getNumFolds()
        metrics = np.zeros((folds, len(maps)))
        kept: list[list[Model | None]] = [[None] * len(maps) for _ in range(folds)]
        tried = track(self._trials(dataset), f"{folds}-fold validation", total=folds * len(maps))
        for fold, trial in tried:
            metrics[fold, trial.candidate] = trial.metric
            if self.getCollectSubModels():
                kept[fold][trial.candidate] = trial.model
        means, deviations = metrics.mean(axis=0).tolist(), metrics.std(axis=0).tolist()
        best = self.getEstimator().fit(dataset, maps[best_candidate(self, means)])
        sub_models = cast(list[list[Model]], kept) if self.getCollectSubModels() else None
        model = CrossValidatorModel(best, means, sub_models, deviations)._fitted_by(self)
        # pyspark looks for it among the params that were set.
        return model._set(numFolds=folds)

    def _trials(self, dataset: Dataset) -> Iterator[tuple[int, Trial]]:
        """Every candidate on every fold; one fold at a time is held."""
        with ThreadPoolExecutor(self.getParallelism()) as executor:
            for fold in range(self.getNumFolds()):
                train, validation = (self._part(dataset, fold, inside=inside) for inside in (False, True))
                check_rows(self, f"the training part of fold {fold}", train)
                check_rows(self, f"fold {fold}", validation)
                for trial in try_candidates(self, train, validation, executor):
                    yield fold, trial

    def _part(self, dataset: Dataset, fold: int, *, inside: bool) -> Dataset:
        """The rows of a fold, or all others."""
        folds = self.getNumFolds()
        if not self.getFoldCol():
            draws = Draws(seed=self.getSeed(), strata=folds)
            return rows_drawn(dataset, draws, fold / folds, (fold + 1) / folds, inside=inside)
        chosen = map_batches(
            dataset,
            partial(_rows_of_fold, stage=self._fold_params(), fold=fold, inside=inside),
            dataset.schema,
        )
        return TableDataset(chosen.to_table()) if isinstance(dataset, TableDataset) else chosen

    def _fold_params(self) -> CrossValidatorParams:
        """What a batch function needs to know of this stage; the estimator need not travel."""
        params = CrossValidatorParams(foldCol=self.getFoldCol(), numFolds=self.getNumFolds())
        return params._resetUid(self.uid)


class CrossValidatorModel(CrossValidatorParams, ValidatedModel):
    """The model of the best param map, fitted to all rows.

    Attributes:
        bestModel: that model.
        avgMetrics: for each param map, the mean of its metrics over the folds.
        subModels: for each fold, the models of all param maps; `None` where they were not collected.
        stdMetrics: for each param map, the standard deviation of its metrics over the folds.
    """

    _metrics: ClassVar = ("avgMetrics", "stdMetrics")

    def __init__(
        self,
        bestModel: Model,
        avgMetrics: Sequence[float] | None = None,
        subModels: list[list[Model]] | None = None,
        stdMetrics: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.bestModel = bestModel
        self.avgMetrics = list(avgMetrics or [])
        self.subModels = subModels
        self.stdMetrics = list(stdMetrics or [])

    def _sub_model_places(self) -> list[tuple[str, Model]]:
        return [
            (f"fold{fold}/{index}", model)
            for fold, models in enumerate(self.subModels or [])
            for index, model in enumerate(models)
        ]

    @classmethod
    def _read_found(cls, directory: Path, metadata: Metadata) -> Self:
        best = cast(Model, load_stage(directory / "bestModel"))
        found = metadata.extra
        sub_models: Any = None
        if found.get("persistSubModels"):
            folds = metadata.paramMap.get("numFolds", metadata.defaultParamMap.get("numFolds"))
            many = len(metadata.paramMap.get("estimatorParamMaps", []))
            if not isinstance(folds, int):
                raise CheckpointError(f"{directory / 'metadata'} does not say how many folds there were")
            places = directory / "subModels"
            sub_models = [
                [load_stage(places / f"fold{fold}" / str(index)) for index in range(many)]
                for fold in range(folds)
            ]
        return cls(
            best, read_metrics(found.get("avgMetrics")), sub_models, read_metrics(found.get("stdMetrics"))
        )


def _rows_of_fold(
    batch: pa.RecordBatch, *, stage: CrossValidatorParams, fold: int, inside: bool
) -> pa.RecordBatch:
    column, folds = stage.getFoldCol(), stage.getNumFolds()
    numbers = read_numbers(stage, batch, column)
    outside = ~((numbers >= 0) & (numbers < folds) & (numbers == np.floor(numbers)))
    if outside.any():
        raise InputError(
            f"{column_label(stage, column)} has the fold {numbers[np.argmax(outside)]:g}, but folds are "
            f"whole numbers from 0 to {folds - 1}: correct it, or set numFolds"
        )
    return batch.filter(pa.array((numbers == fold) == inside))
