"""Stages that read categories and make products of features, in ONNX's operators."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from fireside.ml.feature import Interaction, PolynomialExpansion, TargetEncoderModel, VectorIndexerModel
from fireside.ml.feature.column_pruner import ColumnPruner
from fireside.ml.feature.interaction import column_features
from fireside.ml.feature.target_encoder import NULL
from fireside.ml.feature.vector_attribute_rewriter import VectorAttributeRewriter
from fireside.ml.onnx.graph import Graph, Tensor
from fireside.ml.onnx.inexpressible import refuse_skip
from fireside.ml.onnx.vector_stages import size_of

__all__ = [
    "column_pruner",
    "interaction",
    "polynomial_expansion",
    "target_encoder",
    "vector_attribute_rewriter",
    "vector_indexer",
]


def polynomial_expansion(graph: Graph, stage: PolynomialExpansion, schema: pa.Schema) -> None:
    """Level by level: each product is one of the level before times one more entry, and 0 once it is 0."""
    from fireside.ml.feature.monomials import monomials

    column = stage.getInputCol()
    x, order = graph.numbers(column), monomials(size_of(stage, schema, column), stage.getDegree())
    levels: list[Tensor] = []
    places, place_in_level = [], np.zeros(len(order.parents), np.int64)
    for level in range(stage.getDegree()):
        here = np.flatnonzero(order.levels == level)
        products = take(graph, x, order.factors[here])
        if level:
            parents = take(graph, levels[-1], place_in_level[order.parents[here]])
            ended = graph.test("Equal", parents, graph.row([0.0]))
            products = graph.where(ended, graph.row([0.0]), graph.node("Mul", parents, products))
        place_in_level[here] = np.arange(len(here))
        levels.append(products)
        places.append(here)
    every = graph.node("Concat", *levels, axis=1)
    graph.write(stage.getOutputCol(), take(graph, every, np.argsort(np.concatenate(places))))


def interaction(graph: Graph, stage: Interaction, schema: pa.Schema) -> None:
    """Categories one-hot encoded; then each entry of a column times each of the next.

    A category that a row has not makes zeros, whatever it is multiplied by: NaN and infinity too.
    """
    product: Tensor | None = None
    there: Tensor | None = None
    size = 1
    for column in reversed(stage.getInputCols()):
        counts = [feature["values"] for feature in column_features(stage, schema, column)]
        encoded = one_hot(graph, graph.numbers(column), counts)
        is_number = np.repeat(np.array(counts) == 0, np.maximum(counts, 1))
        is_one = graph.test("Equal", encoded, graph.row([1.0]))
        is_there = graph.test("Or", is_one, graph.constant(is_number.reshape(1, -1), bool))
        width = len(is_number)
        if product is not None and there is not None:
            left, right = np.repeat(np.arange(width), size), np.tile(np.arange(size), width)
            is_there = graph.test("And", take(graph, is_there, left), take(graph, there, right))
            encoded = graph.node("Mul", take(graph, product, right), take(graph, encoded, left))
            encoded = graph.where(is_there, encoded, graph.row([0.0]))
        product, there, size = encoded, is_there, width * size
    assert product is not None
    graph.write(stage.getOutputCol(), product)


def vector_indexer(graph: Graph, stage: VectorIndexerModel, schema: pa.Schema) -> None:
    """The entries that are categories replaced by their index; unseen ones by the number of them, or NaN."""
    refuse_skip(stage)
    x, keeps = graph.numbers(stage.getInputCol()), stage.getHandleInvalid() == "keep"
    entries = []
    for feature in range(stage.numFeatures):
        entry = take(graph, x, [feature])
        if known := stage.categoryMaps.get(feature):
            unseen = float(len(known)) if keeps else np.nan
            entry = looked_up(graph, entry, list(known), list(known.values()), unseen)
        entries.append(entry)
    graph.write(stage.getOutputCol(), graph.node("Concat", *entries, axis=1))


def target_encoder(graph: Graph, stage: TargetEncoderModel, schema: pa.Schema) -> None:
    """The mean of a category; of one that was not seen, that of all rows, or NaN."""
    keeps = stage.getHandleInvalid() == "keep"
    for (source, target), (categories, means, mean) in zip(stage._pairs(), stage._encodings(), strict=True):
        x = graph.numbers(source)
        if schema.field(source).type in (pa.float64(), pa.float32()):
            x = graph.where(graph.test("IsNaN", x), graph.row([NULL]), x)
        graph.write(
            target, looked_up(graph, x, categories.tolist(), means.tolist(), mean if keeps else np.nan)
        )


def vector_attribute_rewriter(graph: Graph, stage: VectorAttributeRewriter, schema: pa.Schema) -> None:
    """Nothing: a name is no part of a value."""


def column_pruner(graph: Graph, stage: ColumnPruner, schema: pa.Schema) -> None:
    """Columns that are no longer there."""
    for column in stage.columnsToPrune:
        graph.columns.pop(column, None)


def one_hot(graph: Graph, x: Tensor, counts: Sequence[int]) -> Tensor:
    """The entries side by side, those that are categories one-hot encoded.

    Args:
        graph: where to.
        x: [N, D].
        counts: [D], the number of categories of each entry; 0 where it is a number.
    """
    if not any(counts):
        return x
    entries = []
    for place, count in enumerate(counts):
        entry = take(graph, x, [place])
        if count:
            entry = graph.cast(graph.test("Equal", entry, graph.row(np.arange(count))), "DOUBLE")
        entries.append(entry)
    return graph.node("Concat", *entries, axis=1)


def looked_up(
    graph: Graph, x: Tensor, keys: Sequence[float], values: Sequence[float], otherwise: float
) -> Tensor:
    """[N, 1], the value of each number's key, or `otherwise`."""
    is_it = graph.test("Equal", x, graph.row(keys))
    if np.isnan(keys).any():
        # NaN equals nothing.
        is_nan = graph.test("And", graph.test("IsNaN", x), graph.cast(graph.row(np.isnan(keys)), "BOOL"))
        is_it = graph.test("Or", is_it, is_nan)
    found = graph.over_entries("ReduceSum", graph.where(is_it, graph.row(values), graph.row([0.0])))
    any_key = graph.cast(graph.over_entries("ReduceSum", graph.cast(is_it, "DOUBLE")), "BOOL")
    return graph.where(any_key, found, graph.row([otherwise]))


def take(graph: Graph, x: Tensor, places: Sequence[int] | np.ndarray) -> Tensor:
    """Some entries of vectors."""
    return graph.node("Gather", x, graph.constant(places, np.int64), axis=1)
