"""Stages that work on columns of numbers and strings, in ONNX's operators."""

import numpy as np
import pyarrow as pa

from fireside.ml.feature import (
    Binarizer,
    Bucketizer,
    ImputerModel,
    IndexToString,
    OneHotEncoderModel,
    StringIndexerModel,
    VectorAssembler,
)
from fireside.ml.feature.imputer import surrogate_of
from fireside.ml.linalg.vector_type import is_vector_like
from fireside.ml.multi_column import column_pairs
from fireside.ml.onnx.graph import ML_DOMAIN, Graph, Tensor
from fireside.ml.onnx.inexpressible import refuse_skip

__all__ = [
    "binarizer",
    "bucketizer",
    "imputer",
    "index_to_string",
    "one_hot_encoder",
    "string_indexer",
    "vector_assembler",
]


def vector_assembler(graph: Graph, stage: VectorAssembler, schema: pa.Schema) -> None:
    """Columns side by side."""
    refuse_skip(stage)
    columns = [graph.numbers(column) for column in stage.getInputCols()]
    graph.write(stage.getOutputCol(), graph.node("Concat", *columns, axis=1))


def binarizer(graph: Graph, stage: Binarizer, schema: pa.Schema) -> None:
    """1 above the threshold; in vectors NaN is above one below 0, as in Spark."""
    for source, target, threshold in stage._columns():
        x, bound = graph.numbers(source), graph.row([threshold])
        if is_vector_like(schema.field(source).type) and threshold < 0:
            above = graph.test("Not", graph.test("LessOrEqual", x, bound))
        else:
            above = graph.test("Greater", x, bound)
        graph.write(target, graph.cast(above, "DOUBLE"))


def bucketizer(graph: Graph, stage: Bucketizer, schema: pa.Schema) -> None:
    """How many splits a number has reached, less 1; the last split belongs to the last bucket."""
    refuse_skip(stage)
    keeps = stage.getHandleInvalid() == "keep"
    for source, target, splits in stage._columns():
        x = graph.numbers(source)
        reached = graph.test("GreaterOrEqual", x, graph.row(splits))
        if 0.0 in splits:
            # -0.0 comes before 0.0, as in Java.
            inverse = graph.node("Div", graph.row([1.0]), x)
            is_negative_zero = graph.test("Equal", inverse, graph.row([-np.inf]))
            at_zero = graph.cast(graph.row(np.asarray(splits) == 0), "BOOL")
            short_of_it = graph.test("And", is_negative_zero, at_zero)
            reached = graph.test("And", reached, graph.test("Not", short_of_it))
        count = graph.over_entries("ReduceSum", graph.cast(reached, "DOUBLE"))
        bucket = graph.node("Min", graph.node("Sub", count, graph.row([1.0])), graph.row([len(splits) - 2]))
        beyond = len(splits) - 1.0 if keeps else np.nan
        graph.write(target, graph.where(graph.test("IsNaN", x), graph.row([beyond]), bucket))


def imputer(graph: Graph, stage: ImputerModel, schema: pa.Schema) -> None:
    """NaN, which null is here too, and the missing value replaced."""
    missing = stage.getMissingValue()
    made: dict[str, Tensor] = {}
    for source, target in column_pairs(stage):
        x, kind = graph.read(source), schema.field(source).type
        filling = surrogate_of(kind, stage._surrogate(source)).as_py()
        surrogate = graph.cast(graph.row([filling]), x.element)
        numbers = graph.cast(x, "DOUBLE")
        is_missing = graph.test("IsNaN", numbers)
        if not np.isnan(missing):
            is_it = graph.test("Equal", numbers, graph.row([missing]))
            is_missing = graph.test("Or", is_missing, is_it)
        made[target] = graph.where(is_missing, surrogate, x)
    for target, value in made.items():
        graph.write(target, value)


def string_indexer(graph: Graph, stage: StringIndexerModel, schema: pa.Schema) -> None:
    """The place of a label; of one that was not seen, the place after the last, or NaN."""
    refuse_skip(stage)
    for source, target, labels in stage._columns(schema):
        unseen = float(len(labels)) if stage.getHandleInvalid() == "keep" else np.nan
        if graph.read(source).element == "STRING":
            index = place_of_string(graph, graph.read(source), labels)
        else:
            index = place_of_number(graph, graph.numbers(source), [float(label) for label in labels])
        is_seen = graph.test("GreaterOrEqual", index, graph.row([0.0]))
        graph.write(target, graph.where(is_seen, index, graph.row([unseen])))


def index_to_string(graph: Graph, stage: IndexToString, schema: pa.Schema) -> None:
    """The label of a place."""
    labels = stage._labels_for(schema)
    index = graph.cast(graph.numbers(stage.getInputCol()), "INT64")
    label = graph.node(
        "LabelEncoder",
        index,
        element="STRING",
        domain=ML_DOMAIN,
        keys_int64s=list(range(len(labels))),
        values_strings=labels,
        default_string="",
    )
    graph.write(stage.getOutputCol(), label)


def one_hot_encoder(graph: Graph, stage: OneHotEncoderModel, schema: pa.Schema) -> None:
    """1 at the place of the category."""
    keeps, drops = stage.getHandleInvalid() == "keep", stage.getDropLast()
    for source, target, size in stage._columns():
        x = graph.numbers(source)
        index = graph.node("Floor", x)
        if keeps:
            # Of NaN neither holds, so that it was not seen.
            is_not_low = graph.test("GreaterOrEqual", x, graph.row([0.0]))
            is_seen = graph.test("And", is_not_low, graph.test("Less", x, graph.row([size])))
            index = graph.where(is_seen, index, graph.row([size]))
        places = graph.row(np.arange(max(size + keeps - drops, 0)))
        graph.write(target, graph.cast(graph.test("Equal", index, places), "DOUBLE"))


def place_of_string(graph: Graph, value: Tensor, labels: list[str]) -> Tensor:
    """float64[N, 1], the place of each string among labels, or -1."""
    index = graph.node(
        "LabelEncoder",
        value,
        element="INT64",
        domain=ML_DOMAIN,
        keys_strings=labels,
        values_int64s=list(range(len(labels))),
        default_int64=-1,
    )
    return graph.cast(index, "DOUBLE")


def place_of_number(graph: Graph, value: Tensor, labels: list[float]) -> Tensor:
    """float64[N, 1], the place of each number among labels, or -1."""
    is_it = graph.cast(graph.test("Equal", value, graph.row(labels)), "DOUBLE")
    place = graph.over_entries(
        "ReduceSum", graph.node("Mul", is_it, graph.row(np.arange(1, len(labels) + 1)))
    )
    return graph.node("Sub", place, graph.row([1.0]))
