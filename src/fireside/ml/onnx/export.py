"""`export`: a fitted pipeline as an ONNX file."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from fireside.compute.schema import VECTOR_TYPE, check_columns
from fireside.core.atomic import write_bytes
from fireside.core.errors import InputError
from fireside.ml.base import Transformer
from fireside.ml.classification import NaiveBayesModel
from fireside.ml.clustering import KMeansModel
from fireside.ml.feature import (
    DCT,
    Binarizer,
    Bucketizer,
    ChiSqSelectorModel,
    CountVectorizerModel,
    ElementwiseProduct,
    IDFModel,
    ImputerModel,
    IndexToString,
    Interaction,
    MaxAbsScalerModel,
    MinMaxScalerModel,
    Normalizer,
    OneHotEncoderModel,
    PCAModel,
    PolynomialExpansion,
    RegexTokenizer,
    RobustScalerModel,
    StandardScalerModel,
    StopWordsRemover,
    StringIndexerModel,
    TargetEncoderModel,
    Tokenizer,
    UnivariateFeatureSelectorModel,
    VarianceThresholdSelectorModel,
    VectorAssembler,
    VectorIndexerModel,
    VectorSizeHint,
    VectorSlicer,
)
from fireside.ml.feature.column_pruner import ColumnPruner
from fireside.ml.feature.vector_attribute_rewriter import VectorAttributeRewriter
from fireside.ml.onnx import category_stages, column_stages, model_stages, text_stages, vector_stages
from fireside.ml.onnx.graph import Graph
from fireside.ml.onnx.inexpressible import REASONS, inexpressible
from fireside.ml.schema import is_string_list
from fireside.ml.serving.stage_columns import (
    accepted_kinds,
    columns_made,
    columns_of,
    columns_read,
    stages_of,
)

__all__ = ["EXPORTERS", "export"]

EXPORTERS: dict[type[Transformer], Callable[[Graph, Any, pa.Schema], None]] = {
    Binarizer: column_stages.binarizer,
    Bucketizer: column_stages.bucketizer,
    ChiSqSelectorModel: vector_stages.selector,
    ColumnPruner: category_stages.column_pruner,
    CountVectorizerModel: text_stages.count_vectorizer,
    DCT: vector_stages.cosine_transform,
    ElementwiseProduct: vector_stages.elementwise_product,
    IDFModel: vector_stages.idf,
    ImputerModel: column_stages.imputer,
    IndexToString: column_stages.index_to_string,
    Interaction: category_stages.interaction,
    KMeansModel: model_stages.kmeans,
    MaxAbsScalerModel: vector_stages.max_abs_scaler,
    MinMaxScalerModel: vector_stages.min_max_scaler,
    NaiveBayesModel: model_stages.naive_bayes,
    Normalizer: vector_stages.normalizer,
    OneHotEncoderModel: column_stages.one_hot_encoder,
    PCAModel: vector_stages.pca,
    PolynomialExpansion: category_stages.polynomial_expansion,
    RegexTokenizer: text_stages.regex_tokenizer,
    RobustScalerModel: vector_stages.robust_scaler,
    StandardScalerModel: vector_stages.standard_scaler,
    StopWordsRemover: text_stages.stop_words_remover,
    StringIndexerModel: column_stages.string_indexer,
    TargetEncoderModel: category_stages.target_encoder,
    Tokenizer: text_stages.tokenizer,
    UnivariateFeatureSelectorModel: vector_stages.selector,
    VarianceThresholdSelectorModel: vector_stages.selector,
    VectorAssembler: column_stages.vector_assembler,
    VectorAttributeRewriter: category_stages.vector_attribute_rewriter,
    VectorIndexerModel: category_stages.vector_indexer,
    VectorSizeHint: vector_stages.vector_size_hint,
    VectorSlicer: vector_stages.vector_slicer,
}
"""Class of stage -> what adds it to a graph."""

# The kind of column that a graph reads where a stage takes several.
_PREFERRED = {
    "string": pa.string(),
    "number": pa.float64(),
    "vector": VECTOR_TYPE,
    "boolean": pa.bool_(),
    "list of strings": pa.list_(pa.string()),
}


def export(
    model: Transformer,
    path: str | os.PathLike[str],
    *,
    schema: pa.Schema | None = None,
    outputs: Sequence[str] | None = None,
) -> None:
    """Write a fitted pipeline, or one stage, as an ONNX file.

    The graph has an input for each column that rows bring: [N, 1] for numbers (float64), strings and
    booleans, [N, D] float64 for vectors. Its results are those of `transform()` to the rounding of float64.
    Null is NaN. A graph cannot refuse a row: where a stage would raise, it answers NaN, or what the formula
    gives.

    Args:
        model: what to export.
        path: of the file, usually `*.onnx`.
        schema: the columns that rows bring, and their types; `None` takes strings where a stage reads
            strings, else float64, else vectors.
        outputs: the columns that the graph makes; `None` takes those that no stage reads.

    Raises:
        InputError: a stage that ONNX cannot express, which the message names; or there are no stages.
        SchemaError: the schema lacks a column, or there is no such output.
        MissingExtraError: the extra `onnx` is not installed.

    >>> import tempfile
    >>> from fireside.ml.feature import Normalizer, Tokenizer
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     export(Normalizer(inputCol="v", outputCol="unit"), f"{directory}/unit.onnx")
    ...     export(Tokenizer(inputCol="text", outputCol="words"), f"{directory}/words.onnx")
    Traceback (most recent call last):
    fireside.core.errors.InputError: Tokenizer_... cannot be exported: ONNX cannot express Tokenizer here: ...
    """
    stages = [_expressible(stage) for stage in stages_of(model)]
    wanted = columns_of(model)
    schema = schema or pa.schema([(name, _type_of(stage, name)) for name, stage in wanted.read.items()])
    graph = Graph()
    for name in wanted.read:
        # Lists of strings only exist within a graph; who wants one of a row says so.
        if name in schema.names and not is_string_list(schema.field(name).type):
            graph.add_input(schema.field(name))
    for stage in stages:
        after = stage.transformSchema(schema)
        EXPORTERS[type(stage)](graph, stage, schema)
        schema = after
    made = [name for stage in stages for name in columns_made(stage)]
    known = list(dict.fromkeys(name for name in [*made, *wanted.read] if name in graph.columns))
    names = [name for name in wanted.final if name in graph.columns] if outputs is None else list(outputs)
    check_columns(pa.schema([(name, pa.null()) for name in known]), names)
    if not names and graph.words:
        raise inexpressible(
            stages[-1], "it makes lists of strings, which no tensor holds", "export it with what counts them"
        )
    if not names and not graph.columns:
        raise InputError(
            f"{model.uid} cannot be exported: no columns go in or come out; export a model that has stages"
        )
    write_bytes(Path(path), graph.model(names or list(graph.columns)).SerializeToString())


def _expressible(stage: Any) -> Transformer:
    if type(stage) not in EXPORTERS:
        why = REASONS.get(type(stage).__name__, "it is no stage of this package")
        raise inexpressible(stage, why, "export the stages after it, and run it before them")
    assert isinstance(stage, Transformer)
    return stage


def _type_of(stage: Transformer, column: str) -> pa.DataType:
    kinds = accepted_kinds(stage, column)
    for kind, arrow in _PREFERRED.items():
        if kind in kinds:
            return arrow
    read = ", ".join(columns_read(stage))
    raise InputError(f"{stage.uid}: what {column!r} holds cannot be told (it reads {read}): give a schema")
