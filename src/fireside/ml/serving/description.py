"""What a saved stage or pipeline is, in words and numbers: its stages, params, columns and sizes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fireside.core.errors import CheckpointError
from fireside.ml.base import PipelineStage, Transformer
from fireside.ml.feature import RFormulaModel
from fireside.ml.linalg import Matrix, Vector
from fireside.ml.persistence.local_path import local_path
from fireside.ml.persistence.pipelines import stage_directory
from fireside.ml.persistence.saving import load_saved
from fireside.ml.pipeline import Pipeline, PipelineModel
from fireside.ml.serving.stage_columns import columns_made, columns_of, columns_read
from fireside.ml.tuning import CrossValidatorModel, TrainValidationSplitModel

__all__ = ["StageDescription", "describe", "load_any", "load_transformer"]


@dataclass(frozen=True, slots=True)
class StageDescription:
    """One stage.

    Attributes:
        kind: its class.
        uid: its name.
        read: the columns that it reads.
        made: the columns that it appends.
        set_params: params that were set, and their values.
        default_params: params that have their default.
        learnt: what the model has learnt, each with its shape.
        num_bytes: of its files; `None` where it was not loaded from any, or from a directory of another name.
    """

    kind: str
    uid: str
    read: list[str]
    made: list[str]
    set_params: dict[str, Any]
    default_params: dict[str, Any]
    learnt: dict[str, str]
    num_bytes: int | None


def load_any(directory: Path) -> PipelineStage:
    """The stage that lies in a directory.

    Raises:
        CheckpointError: there is none.
    """
    stage = load_saved(directory)
    if not isinstance(stage, PipelineStage):
        raise CheckpointError(f"{directory} holds a {type(stage).__name__}, which is not a stage")
    return stage


def load_transformer(directory: Path) -> Transformer:
    """The transformer that lies in a directory.

    Raises:
        CheckpointError: there is none, or only an estimator.
    """
    stage = load_any(directory)
    if not isinstance(stage, Transformer):
        raise CheckpointError(
            f"{directory} holds the estimator {type(stage).__name__}: fit it, and save the model"
        )
    return stage


def describe(stage: PipelineStage, directory: Path | None = None) -> list[StageDescription]:
    """The stages of a pipeline, those of a chosen model, or the one stage.

    Args:
        stage: a pipeline, its model, a model of tuning, or a stage.
        directory: where it was loaded from.

    >>> from fireside.ml.feature import Tokenizer
    >>> [found] = describe(Tokenizer(inputCol="text", outputCol="words"))
    >>> found.kind, found.read, found.made, found.default_params
    ('Tokenizer', ['text'], ['words'], {})
    """
    directory = directory and local_path(directory)
    match stage:
        case PipelineModel():
            inner: Sequence[PipelineStage] = stage.stages
        case Pipeline():
            inner = stage.getStages()
        case CrossValidatorModel() | TrainValidationSplitModel():
            best = stage.bestModel
            return describe(best, None if directory is None else directory / "bestModel")
        case _:
            return [_describe_one(stage, directory)]
    uids = [one.uid for one in inner]
    folders = [directory and stage_directory(directory, place, uids) for place in range(len(inner))]
    return [line for one, folder in zip(inner, folders, strict=True) for line in describe(one, folder)]


def _describe_one(stage: PipelineStage, directory: Path | None) -> StageDescription:
    columns = () if stage._saved is None else stage._saved.columns
    rows = stage._rows() if stage._saved is not None else []
    # What a formula reads and makes, the stages inside tell.
    inside = columns_of(stage) if isinstance(stage, RFormulaModel) else None
    return StageDescription(
        kind=type(stage).__name__,
        uid=stage.uid,
        read=columns_read(stage) if inside is None else list(inside.read),
        made=columns_made(stage) if inside is None else inside.final,
        set_params=dict(stage._paramMap),
        default_params={
            name: value for name, value in stage._defaultParamMap.items() if name not in stage._paramMap
        },
        learnt={name: shape_of([row[name] for row in rows]) for name in columns},
        num_bytes=None
        if directory is None or not directory.is_dir()
        else sum(file.stat().st_size for file in directory.rglob("*") if file.is_file()),
    )


def shape_of(values: Sequence[Any]) -> str:
    """The shape of a column of a model's data; of a column of one, that of its value.

    >>> from fireside.ml.linalg import Vectors
    >>> shape_of([Vectors.dense(1, 2)]), shape_of([[["a", "b"]]]), shape_of([7]), shape_of([1, 2, 3])
    ('2', '1 x 2', '7', '3 rows')
    """
    if len(values) != 1:
        inner = {shape_of([value]) for value in values if isinstance(value, Vector)}
        return f"{len(values)} x {inner.pop()}" if len(inner) == 1 else f"{len(values)} rows"
    value = values[0]
    if isinstance(value, Vector):
        return str(len(value))
    if isinstance(value, Matrix):
        return f"{value.numRows} x {value.numCols}"
    if isinstance(value, list):
        lengths = {len(item) for item in value if isinstance(item, list)}
        return f"{len(value)} x {lengths.pop()}" if len(lengths) == 1 else str(len(value))
    return str(len(value)) if isinstance(value, dict) else str(value)
