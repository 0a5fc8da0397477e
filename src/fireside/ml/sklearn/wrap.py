"""`wrap`: the scikit-learn view of a stage."""

import functools
import inspect
from typing import Any

import pyarrow as pa

from fireside.core.errors import InputError, SchemaError
from fireside.ml.attributes import vector_field_of
from fireside.ml.base import Model, PipelineStage
from fireside.ml.feature import (
    IDF,
    Binarizer,
    ElementwiseProduct,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
    VectorIndexer,
    VectorSlicer,
)
from fireside.ml.feature.selected_features import SelectorParams
from fireside.ml.sklearn.arrays import FEATURES
from fireside.ml.sklearn.transformer_views import OneToOneView, SelectorView, TransformerView
from fireside.ml.sklearn.views import ClassifierView, ClustererView, StageView

__all__ = ["empty_view", "view_class", "wrap"]

# What changes each entry in its place.
_ONE_TO_ONE = (
    Binarizer,
    ElementwiseProduct,
    IDF,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
    VectorIndexer,
)
# Columns that are arrays here; whatever they are called means nothing.
_ARRAYS = {
    "featuresCol",
    "inputCol",
    "labelCol",
    "outputCol",
    "predictionCol",
    "probabilityCol",
    "rawPredictionCol",
}


def wrap(stage: PipelineStage) -> StageView:
    """A scikit-learn estimator that works as a stage does.

    A stage that makes a vector of a vector becomes a transformer, one that finds clusters a clusterer, one
    that learns classes a classifier. Its params are those of the stage but for columns: `get_params`,
    `set_params`, `clone`, pipelines and searches of scikit-learn work. `model_` is the fitted model.

    Args:
        stage: an estimator or a transformer that reads one column of vectors.

    Raises:
        InputError: the stage reads something else, is fitted already, or has a param set that a view has
            not; or it is no stage.

    >>> import numpy as np
    >>> from fireside.ml.feature import MinMaxScaler
    >>> scaler = wrap(MinMaxScaler(max=10.0))
    >>> scaler.fit_transform(np.array([[1.0], [2.0], [3.0]])).ravel()
    array([ 0.,  5., 10.])
    >>> scaler
    MinMaxScalerView(max=10.0)
    """
    _check_stage(stage)
    cls, names = view_class(type(stage)), param_names(type(stage))
    params = {name: value for name, value in stage._paramMap.items() if name not in _ARRAYS}
    for name in params:
        if name == "weightCol":
            raise InputError(f"{stage.uid}: weightCol names no array: give fit the weights as sample_weight")
        if name not in names:
            raise InputError(f"{stage.uid}: {name} is about columns, and a view reads one array: clear it")
    return cls(**params)


@functools.cache
def view_class(stage_class: type[PipelineStage]) -> type[StageView]:
    """The view's class for a class of stage.

    Raises:
        InputError: there is none.
    """
    kind = _kind(stage_class)
    blank = stage_class()
    parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)]
    for name in param_names(stage_class):
        default = blank.getOrDefault(name) if blank.hasDefault(name) else None
        # scikit-learn wants defaults that cannot change.
        default = tuple(default) if isinstance(default, list) else default
        parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default))
    signature = inspect.Signature(parameters)

    def __init__(self: StageView, **params: Any) -> None:
        bound = signature.bind(self, **params)
        bound.apply_defaults()
        for name, value in list(bound.arguments.items())[1:]:
            setattr(self, name, value)

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    name = f"{stage_class.__name__}View"
    doc = f"scikit-learn's view of `{stage_class.__module__}.{stage_class.__qualname__}`."
    body = {"__init__": __init__, "__doc__": doc, "__module__": __name__, "_stage_class": stage_class}
    return type(name, (kind,), body)


def empty_view(stage_class: type[PipelineStage]) -> StageView:
    """A view that pickle is about to fill."""
    cls = view_class(stage_class)
    return cls.__new__(cls)


def param_names(stage_class: type[PipelineStage]) -> list[str]:
    """The params of a class but for columns, and what is set for each of several.

    >>> from fireside.ml.feature import PCA
    >>> param_names(PCA)
    ['k']
    """
    declared = stage_class._declared
    several = {"thresholds"} if "inputCols" in declared else set()
    return [name for name in declared if not name.endswith(("Col", "Cols")) and name not in several]


def _check_stage(stage: object) -> None:
    if not isinstance(stage, PipelineStage):
        given = f"the class {stage.__name__}" if isinstance(stage, type) else repr(stage)
        raise InputError(f"wrap takes a stage, such as StandardScaler(), got {given}")


def _kind(stage_class: type[PipelineStage]) -> type[StageView]:
    declared = stage_class._declared
    if issubclass(stage_class, Model):
        raise InputError(
            f"{stage_class.__name__} is a model, and scikit-learn fits a view itself: wrap an estimator"
        )
    if "featuresCol" in declared and "predictionCol" in declared:
        return ClassifierView if "rawPredictionCol" in declared else ClustererView
    if issubclass(stage_class, SelectorParams | VectorSlicer):
        return SelectorView
    if issubclass(stage_class, _ONE_TO_ONE):
        return OneToOneView
    if _reads_vectors(stage_class):
        return TransformerView
    raise InputError(
        f"{stage_class.__name__} does not turn vectors into vectors, clusters or classes: use it in a "
        "pipeline of fireside.ml, or wrap another stage"
    )


def _reads_vectors(stage_class: type[PipelineStage]) -> bool:
    """Whether a stage turns a column of vectors into another; it is asked."""
    declared = stage_class._declared
    if "outputCol" not in declared or not {"featuresCol", "inputCol"} & set(declared):
        return False
    if "featuresCol" in declared:
        return True
    given = vector_field_of(FEATURES, 1)
    stage = stage_class(inputCol=FEATURES, outputCol="output")
    try:
        made = stage.transformSchema(pa.schema([given])).field("output")
    except SchemaError:
        return False
    except InputError:
        # Something is not set that has no default, which says nothing about columns.
        return True
    return bool(made.type == given.type)
