"""`Pipeline`: stages in a row; fitting the estimators among them gives a `PipelineModel`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self, cast

import pyarrow as pa

from fireside.compute import Dataset, TableDataset
from fireside.ml.base import Estimator, Model, PipelineStage, Transformer
from fireside.ml.param import Param, ParamMap, ParamTypeError, TypeConverters, accessors, param
from fireside.ml.persistence.metadata import Metadata
from fireside.ml.persistence.pipelines import read_stages, write_stages
from fireside.ml.row_function import RowFunction

__all__ = ["Pipeline", "PipelineModel"]


class Pipeline(Estimator["PipelineModel"]):
    """An estimator made of stages, each fitted to what those before it made of the data.

    Row-wise stages are fused: between two estimators there is one pass over the data. Rows that are in memory
    are transformed once; rows that are streamed or lie on a cluster are transformed again for each estimator,
    and never held.

    >>> from fireside.ml.feature import HashingTF, IDF, Tokenizer
    >>> words = Tokenizer(inputCol="text", outputCol="words")
    >>> counts = HashingTF(inputCol="words", outputCol="counts", numFeatures=8)
    >>> model = Pipeline(stages=[words, counts, IDF(inputCol="counts", outputCol="weights")]).fit(
    ...     {"text": ["a b", "a c"]}
    ... )
    >>> [type(stage).__name__ for stage in model.stages]
    ['Tokenizer', 'HashingTF', 'IDFModel']
    """

    stages: Param[list[PipelineStage]] = param(TypeConverters.toList, "the stages, in order")
    getStages, setStages = accessors(stages)

    def transformSchema(self, schema: pa.Schema) -> pa.Schema:
        return _schema_after(self, self.getStages(), schema)

    def copy(self, extra: ParamMap | None = None) -> Self:
        """A copy, with copies of the stages; `extra` may name params of any of them."""
        that = super().copy(extra)
        if that.isSet("stages"):
            that.setStages(
                [
                    stage.copy(extra) if isinstance(stage, PipelineStage) else stage
                    for stage in that.getStages()
                ]
            )
        return that

    def _uids(self) -> frozenset[str]:
        stages = self.getStages() if self.isSet("stages") else []
        inner = (stage._uids() for stage in stages if isinstance(stage, PipelineStage))
        return super()._uids().union(*inner)

    def _write_to(self, directory: Path) -> None:
        write_stages(self, self.getStages(), directory)

    @classmethod
    def _read_from(cls, directory: Path, metadata: Metadata) -> Self:
        return cls(stages=read_stages(directory, metadata))._resetUid(metadata.uid)

    def _fit(self, dataset: Dataset) -> "PipelineModel":
        stages = self.getStages()
        last = max((i for i, stage in enumerate(stages) if isinstance(stage, Estimator)), default=-1)
        in_memory = isinstance(dataset, TableDataset)
        fitted: list[Transformer] = []
        for place, stage in enumerate(stages):
            if isinstance(stage, Estimator):
                if in_memory:
                    dataset = TableDataset(dataset.to_table())
                stage = stage._fit(dataset)
            fitted.append(cast(Transformer, stage))
            if place < last:
                dataset = fitted[-1]._transform(dataset)
        return PipelineModel(fitted)


class PipelineModel(Model):
    """Transformers in a row.

    Attributes:
        stages: the transformers, in order.
    """

    def __init__(self, stages: Sequence[Transformer]) -> None:
        super().__init__()
        self.stages = list(stages)

    def transformSchema(self, schema: pa.Schema) -> pa.Schema:
        return _schema_after(self, self.stages, schema)

    def copy(self, extra: ParamMap | None = None) -> Self:
        """A copy, with copies of the stages; `extra` may name params of any of them."""
        that = super().copy(extra)
        that.stages = [stage.copy(extra) for stage in self.stages]
        return that

    def _uids(self) -> frozenset[str]:
        return super()._uids().union(*(stage._uids() for stage in self.stages))

    def _write_to(self, directory: Path) -> None:
        write_stages(self, self.stages, directory)

    @classmethod
    def _read_from(cls, directory: Path, metadata: Metadata) -> Self:
        return cls(cast(list[Transformer], read_stages(directory, metadata)))._resetUid(metadata.uid)

    def _row_function(self, schema: pa.Schema) -> RowFunction:
        from fireside.ml.serving.compiled import compile_stages

        return compile_stages(self.stages, schema)

    def _transform(self, dataset: Dataset) -> Dataset:
        for stage in self.stages:
            dataset = stage._transform(dataset)
        return dataset


def _schema_after(pipeline: PipelineStage, stages: Sequence[PipelineStage], schema: pa.Schema) -> pa.Schema:
    for place, stage in enumerate(stages):
        if not isinstance(stage, Estimator | Transformer):
            raise ParamTypeError(
                f"{pipeline.uid}: stage {place} is {stage!r}: a stage is an Estimator or a Transformer"
            )
        schema = stage.transformSchema(schema)
    return schema
