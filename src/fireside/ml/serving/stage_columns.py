"""Which columns a transformer reads and makes, as far as its params tell; without a schema.

What SQL reads and makes is known only with a schema in hand, so `SQLTransformer` tells nothing here.
"""

from dataclasses import dataclass

import pyarrow as pa

from fireside.compute.schema import VECTOR_TYPE
from fireside.core.errors import InputError
from fireside.ml.base import PipelineStage, Transformer
from fireside.ml.feature import RFormulaModel
from fireside.ml.pipeline import Pipeline, PipelineModel
from fireside.ml.tuning import CrossValidatorModel, TrainValidationSplitModel

__all__ = ["Columns", "accepted_kinds", "columns_made", "columns_of", "columns_read", "stages_of"]

_KINDS = {
    "string": pa.string(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "vector": VECTOR_TYPE,
    "list of strings": pa.list_(pa.string()),
}
_READ = ("inputCol", "inputCols", "featuresCol", "userCol", "itemCol", "itemsCol")
_MADE = (
    "outputCol",
    "outputCols",
    "rawPredictionCol",
    "probabilityCol",
    "predictionCol",
    "topicDistributionCol",
    "leafCol",
)


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a transformer.

    Attributes:
        read: those that rows must bring, each with the stage that reads it first.
        made: those that it appends.
        final: those of them that no later stage reads: what one asks a pipeline for.
    """

    read: dict[str, Transformer]
    made: list[str]
    final: list[str]


def stages_of(model: PipelineStage) -> list[PipelineStage]:
    """The stages of a pipeline or of a chosen model, and of those in it; a stage alone is its own."""
    inner: list[PipelineStage]
    match model:
        case PipelineModel():
            inner = list(model.stages)
        case Pipeline():
            inner = model.getStages()
        case RFormulaModel():
            inner = list(model.pipelineModel.stages)
        case CrossValidatorModel() | TrainValidationSplitModel():
            inner = [model.bestModel]
        case _:
            return [model]
    return [stage for one in inner for stage in stages_of(one)]


def columns_read(stage: PipelineStage) -> list[str]:
    """The columns that a stage reads.

    >>> from fireside.ml.feature import VectorAssembler
    >>> columns_read(VectorAssembler(inputCols=["a", "b"], outputCol="v"))
    ['a', 'b']
    """
    return _names(stage, _READ)


def columns_made(stage: PipelineStage) -> list[str]:
    """The columns that a stage appends.

    >>> from fireside.ml.classification import NaiveBayes
    >>> columns_made(NaiveBayes(predictionCol="class"))
    ['rawPrediction', 'probability', 'class']
    """
    return _names(stage, _MADE)


def columns_of(model: Transformer) -> Columns:
    """The columns of a transformer, such as a whole pipeline.

    >>> from fireside.ml.feature import NGram, Tokenizer
    >>> stages = [Tokenizer(inputCol="t", outputCol="words"), NGram(inputCol="words", outputCol="pairs")]
    >>> found = columns_of(PipelineModel(stages))
    >>> list(found.read), found.made, found.final
    (['t'], ['words', 'pairs'], ['pairs'])
    """
    first_reader: dict[str, Transformer] = {}
    made: list[str] = []
    read: set[str] = set()
    for stage in stages_of(model):
        assert isinstance(stage, Transformer)
        names = columns_read(stage)
        for name in names:
            if name not in made:
                first_reader.setdefault(name, stage)
        read.update(names)
        made += [name for name in columns_made(stage) if name not in made]
    return Columns(first_reader, made, [name for name in made if name not in read])


def accepted_kinds(stage: Transformer, column: str) -> list[str]:
    """Which kinds of column a stage takes under a name: it is asked.

    >>> from fireside.ml.feature import Tokenizer
    >>> accepted_kinds(Tokenizer(inputCol="text", outputCol="words"), "text")
    ['string']
    """
    found = []
    for kind, arrow in _KINDS.items():
        # Columns of nulls fit everywhere.
        fields = {name: pa.null() for name in columns_read(stage)} | {column: arrow}
        try:
            stage.transformSchema(pa.schema(list(fields.items())))
        except InputError:
            continue
        found.append(kind)
    return found


def _names(stage: PipelineStage, params: tuple[str, ...]) -> list[str]:
    many = stage.hasParam("inputCols") and stage.isSet("inputCols")
    found: list[str] = []
    for name in params:
        # Where a stage has both forms, the default of the one that is not set means nothing.
        if many and name in ("inputCol", "outputCol") and stage.hasParam(f"{name}s"):
            continue
        if stage.hasParam(name) and stage.isDefined(name):
            value = stage.getOrDefault(name)
            found += [column for column in (value if isinstance(value, list) else [value]) if column]
    return list(dict.fromkeys(found))
