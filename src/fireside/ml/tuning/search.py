"""Trying param maps: fit to the training rows, evaluate on the validation rows.

The leading stages of a pipeline that no param map touches are fitted once for all candidates, and the rows
are transformed by them once, wherever they lie. Candidates are independent of one another, so threads change
nothing but the time.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, as_completed, wait
from contextlib import ExitStack
from typing import Any, NamedTuple, cast

import numpy as np

from fireside.compute import Dataset, TableDataset, persisted
from fireside.compute.dataset import DistributedDataset
from fireside.core.errors import InputError
from fireside.ml.base import Estimator, Model, Transformer
from fireside.ml.param import ParamMap
from fireside.ml.pipeline import Pipeline, PipelineModel
from fireside.ml.tuning.validator_params import ValidatorParams

__all__ = ["Trial", "best_candidate", "shared_stages", "try_candidates"]


class Trial(NamedTuple):
    """One candidate, tried.

    Attributes:
        candidate: which param map.
        metric: what the evaluator said of its model.
        model: the model.
    """

    candidate: int
    metric: float
    model: Model


def try_candidates(
    stage: ValidatorParams, train: Dataset, validation: Dataset, executor: Executor
) -> Iterator[Trial]:
    """Try every param map, and yield the trials as they are done.

    Args:
        stage: has the estimator, the param maps, and the evaluator.
        train: the rows to fit to.
        validation: the rows to evaluate on.
        executor: where the candidates run.
    """
    shared, candidates = shared_stages(stage.getEstimator(), stage.getEstimatorParamMaps())
    with ExitStack() as held:
        first: list[Transformer] = []
        if shared is not None:
            fitted = shared.fit(train)
            first = fitted.stages
            train, validation = (_transformed(fitted, rows, held) for rows in (train, validation))
        elif isinstance(train, DistributedDataset):
            # What is behind a frame may be costly, and each candidate would run it many times.
            train, validation = (held.enter_context(persisted(rows)) for rows in (train, validation))

        def trial(index: int) -> Trial:
            model = candidates[index].fit(train)
            metric = stage.getEvaluator().evaluate(model.transform(validation))
            whole = PipelineModel([*first, *cast(PipelineModel, model).stages]) if first else model
            return Trial(index, metric, cast(Model, whole))

        futures = [executor.submit(trial, index) for index in range(len(candidates))]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            for future in futures:
                future.cancel()
            # Those that run read the rows that are held.
            wait(futures)


def shared_stages(
    estimator: Estimator[Any], maps: Sequence[ParamMap]
) -> tuple[Pipeline | None, list[Estimator[Any]]]:
    """The leading stages that are the same for all param maps, and for each map an estimator of what is left.

    >>> from fireside.ml.feature import HashingTF, IDF, Tokenizer
    >>> tf, idf = HashingTF(), IDF()
    >>> shared, rest = shared_stages(Pipeline(stages=[Tokenizer(), tf, idf]), [{idf.minDocFreq: 1}])
    >>> len(shared.getStages()), [len(pipeline.getStages()) for pipeline in rest]
    (2, [1])
    """
    candidates = [estimator._with_extra(values) for values in maps]
    shared = _num_shared(estimator, maps)
    if not shared:
        return None, candidates
    stages = [cast(Pipeline, candidate).getStages() for candidate in candidates]
    return Pipeline(stages=stages[0][:shared]), [Pipeline(stages=rest[shared:]) for rest in stages]


def _num_shared(estimator: Estimator[Any], maps: Sequence[ParamMap]) -> int:
    """How many leading stages no param map touches; each has at least one more."""
    if not isinstance(estimator, Pipeline):
        return 0
    # A map may set the stages themselves.
    stages = [
        values[estimator.stages] if estimator.stages in values else estimator.getStages() for values in maps
    ]
    touched = {param.parent for values in maps for param in values}
    most = max(min(map(len, stages)) - 1, 0)
    differing = (
        place
        for place in range(most)
        if any(one[place] is not stages[0][place] for one in stages) or stages[0][place]._uids() & touched
    )
    return next(differing, most)


def best_candidate(stage: ValidatorParams, metrics: Sequence[float]) -> int:
    """The first param map with the best metric; NaN is never best.

    Raises:
        InputError: every metric is NaN.
    """
    if np.isnan(metrics).all():
        raise InputError(
            f"{stage.uid}: every candidate's metric is NaN: evaluate one model by hand to see why, and "
            "choose another metric or more rows"
        )
    choose = np.nanargmax if stage.getEvaluator().isLargerBetter() else np.nanargmin
    return int(choose(metrics))


def check_search(stage: ValidatorParams, schema: Any) -> Any:
    """The columns after the estimator, which must fit the rows under every param map.

    Raises:
        InputError: there is nothing to try.
        SchemaError: a column is missing or of the wrong type.
    """
    maps = stage.getEstimatorParamMaps()
    if not maps:
        raise InputError(f"{stage.uid}: estimatorParamMaps is empty: give at least one, such as [{{}}]")
    after = [stage.getEstimator()._with_extra(values).transformSchema(schema) for values in maps]
    return after[0]


def check_rows(stage: ValidatorParams, part: str, rows: Dataset) -> None:
    """Raise where a part of the rows in memory or in files is empty; on a cluster the fit says so itself."""
    if isinstance(rows, TableDataset) and not rows.num_rows:
        raise InputError(
            f"{stage.uid}: {part} has no rows: there are too few for this split, or foldCol leaves one empty"
        )


def _transformed(model: PipelineModel, rows: Dataset, held: ExitStack) -> Dataset:
    """The rows after the shared stages, computed once: in memory, or kept for as long as `held` is open."""
    after = model._transform(rows)
    if isinstance(rows, TableDataset):
        return TableDataset(after.to_table())
    return held.enter_context(persisted(after))
