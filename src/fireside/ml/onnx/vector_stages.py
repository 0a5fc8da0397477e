"""Stages that make a vector of a vector, in ONNX's operators."""

import numpy as np
import pyarrow as pa

from fireside.core.extras import require
from fireside.ml.attributes import vector_size_of
from fireside.ml.feature import (
    DCT,
    ElementwiseProduct,
    IDFModel,
    MaxAbsScalerModel,
    MinMaxScalerModel,
    Normalizer,
    PCAModel,
    RobustScalerModel,
    StandardScalerModel,
    VectorSizeHint,
    VectorSlicer,
)
from fireside.ml.feature.selected_features import SelectorModel
from fireside.ml.onnx.graph import Graph, Tensor
from fireside.ml.onnx.inexpressible import inexpressible, refuse_skip
from fireside.ml.param.params import Params

__all__ = [
    "cosine_transform",
    "elementwise_product",
    "idf",
    "max_abs_scaler",
    "min_max_scaler",
    "norm",
    "normalizer",
    "pca",
    "robust_scaler",
    "selector",
    "size_of",
    "standard_scaler",
    "vector_size_hint",
    "vector_slicer",
]


def standard_scaler(graph: Graph, stage: StandardScalerModel, schema: pa.Schema) -> None:
    """(x - mean) / std, 0 where std is 0."""
    x = graph.numbers(stage.getInputCol())
    if stage.getWithMean():
        x = graph.node("Sub", x, graph.row(stage.mean.toArray()))
    if stage.getWithStd():
        x = graph.node("Mul", x, graph.row(inverse_or_zero(stage.std.toArray())))
    graph.write(stage.getOutputCol(), x)


def robust_scaler(graph: Graph, stage: RobustScalerModel, schema: pa.Schema) -> None:
    """(x - median) / range, 0 where the range is 0."""
    x = graph.numbers(stage.getInputCol())
    if stage.getWithCentering():
        x = graph.node("Sub", x, graph.row(stage.median.toArray()))
    if stage.getWithScaling():
        x = graph.node("Mul", x, graph.row(inverse_or_zero(stage.range.toArray())))
    graph.write(stage.getOutputCol(), x)


def min_max_scaler(graph: Graph, stage: MinMaxScalerModel, schema: pa.Schema) -> None:
    """Moved to [min, max]; to the middle where a feature never varies; NaN stays."""
    x = graph.numbers(stage.getInputCol())
    low, high = stage.getMin(), stage.getMax()
    lowest, highest = stage.originalMin.toArray(), stage.originalMax.toArray()
    with np.errstate(over="ignore", invalid="ignore"):
        spread = highest - lowest
        scale = np.divide(high - low, spread, out=np.zeros(len(spread)), where=spread != 0)
    moved = graph.node("Mul", graph.node("Sub", x, graph.row(lowest)), graph.row(scale))
    moved = graph.node("Add", moved, graph.row([low]))
    if not scale.all():
        middle = graph.where(graph.test("IsNaN", x), graph.row([np.nan]), graph.row([(low + high) / 2]))
        flat = graph.cast(graph.row(scale == 0), "BOOL")
        moved = graph.where(flat, middle, moved)
    graph.write(stage.getOutputCol(), moved)


def max_abs_scaler(graph: Graph, stage: MaxAbsScalerModel, schema: pa.Schema) -> None:
    """x / max |x|."""
    largest = stage.maxAbs.toArray()
    scale(graph, stage.getInputCol(), stage.getOutputCol(), 1.0 / np.where(largest == 0, 1.0, largest))


def idf(graph: Graph, stage: IDFModel, schema: pa.Schema) -> None:
    """x times the weight of each term."""
    scale(graph, stage.getInputCol(), stage.getOutputCol(), stage.idf.array)


def elementwise_product(graph: Graph, stage: ElementwiseProduct, schema: pa.Schema) -> None:
    """x times a vector."""
    scale(graph, stage.getInputCol(), stage.getOutputCol(), stage.getScalingVec().toArray())


def normalizer(graph: Graph, stage: Normalizer, schema: pa.Schema) -> None:
    """x / |x|_p; a vector of zeros stays."""
    x = graph.numbers(stage.getInputCol())
    length = norm(graph, x, stage.getP())
    is_zero = graph.test("Equal", length, graph.row([0.0]))
    divisor = graph.where(is_zero, graph.row([1.0]), length)
    graph.write(stage.getOutputCol(), graph.node("Div", x, divisor))


def pca(graph: Graph, stage: PCAModel, schema: pa.Schema) -> None:
    """x times the components."""
    product = graph.node("MatMul", graph.numbers(stage.getInputCol()), graph.constant(stage.pc.toArray()))
    graph.write(stage.getOutputCol(), product)


def cosine_transform(graph: Graph, stage: DCT, schema: pa.Schema) -> None:
    """x times the matrix of the transform, which depends on the size."""
    fft = require("scipy.fft", extra="ml")
    size = size_of(stage, schema, stage.getInputCol())
    transform = fft.idct if stage.getInverse() else fft.dct
    matrix = transform(np.eye(size), type=2, norm="ortho", axis=1)
    product = graph.node("MatMul", graph.numbers(stage.getInputCol()), graph.constant(matrix))
    graph.write(stage.getOutputCol(), product)


def vector_slicer(graph: Graph, stage: VectorSlicer, schema: pa.Schema) -> None:
    """Some entries."""
    gather(graph, stage.getInputCol(), stage.getOutputCol(), stage._picked(schema))


def selector(graph: Graph, stage: SelectorModel, schema: pa.Schema) -> None:
    """The selected entries."""
    gather(graph, stage.getFeaturesCol(), stage.getOutputCol(), stage.selectedFeatures)


def vector_size_hint(graph: Graph, stage: VectorSizeHint, schema: pa.Schema) -> None:
    """Nothing: a size is no part of a value."""
    refuse_skip(stage)


def size_of(stage: Params, schema: pa.Schema, column: str) -> int:
    """The size of a column's vectors, on which the graph of a stage depends.

    Raises:
        InputError: the schema does not tell it.
    """
    size = vector_size_of(schema.field(column))
    if size is None:
        raise inexpressible(
            stage, "it depends on the size of the vectors", "give a schema that tells it (VectorSizeHint)"
        )
    return size


def norm(graph: Graph, x: Tensor, p: float) -> Tensor:
    """[N, 1], the p-norm of each row."""
    if p == 2:
        return graph.node("Sqrt", graph.over_entries("ReduceSumSquare", x))
    magnitude = graph.node("Abs", x)
    if np.isinf(p):
        # ONNX does not say what a maximum makes of NaN; here it passes over it.
        magnitude = graph.where(graph.test("IsNaN", x), graph.row([0.0]), magnitude)
        return graph.over_entries("ReduceMax", magnitude)
    powers = magnitude if p == 1 else graph.node("Pow", magnitude, graph.row([p]))
    total = graph.over_entries("ReduceSum", powers)
    return total if p == 1 else graph.node("Pow", total, graph.row([1.0 / p]))


def scale(graph: Graph, source: str, target: str, factors: object) -> None:
    """A column of vectors, each entry times a factor."""
    graph.write(target, graph.node("Mul", graph.numbers(source), graph.row(factors)))


def gather(graph: Graph, source: str, target: str, picked: list[int]) -> None:
    """Some entries of a column of vectors."""
    places = graph.constant(picked, np.int64)
    graph.write(target, graph.node("Gather", graph.numbers(source), places, axis=1))


def inverse_or_zero(values: np.ndarray) -> np.ndarray:
    """1 / x, and 0 where x is 0."""
    return np.divide(1.0, values, out=np.zeros(len(values)), where=values != 0)
