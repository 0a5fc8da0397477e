"""Clusterers and classifiers in ONNX's operators."""

from typing import Any

import numpy as np
import pyarrow as pa

from fireside.ml.classification import NaiveBayesModel
from fireside.ml.classification.event_model import LinearScores
from fireside.ml.clustering import KMeansModel
from fireside.ml.clustering.matrix import squared_norms
from fireside.ml.onnx.graph import Graph, Tensor
from fireside.ml.onnx.vector_stages import norm

__all__ = ["kmeans", "naive_bayes"]


def kmeans(graph: Graph, stage: KMeansModel, schema: pa.Schema) -> None:
    """The nearest centre: the smallest |c|^2 - 2 x . c, the first of several."""
    x = graph.numbers(stage.getFeaturesCol())
    if stage.getDistanceMeasure() == "cosine":
        x = graph.node("Div", x, norm(graph, x, 2.0))
    centres: Any = np.stack(stage.clusterCenters())
    scores = graph.node("MatMul", x, graph.constant(-2.0 * centres.T))
    scores = graph.node("Add", scores, graph.row(squared_norms(centres)))
    nearest = graph.node("ArgMin", scores, element="INT64", axis=1, keepdims=1)
    graph.write(stage.getPredictionCol(), graph.cast(nearest, "INT32"))


def naive_bayes(graph: Graph, stage: NaiveBayesModel, schema: pa.Schema) -> None:
    """Scores, probabilities and the class."""
    x = graph.numbers(stage.getFeaturesCol())
    if stage.getModelType() == "gaussian":
        raw = gaussian_scores(graph, x, stage)
    else:
        raw = linear_scores(graph, x, stage._linear_scores())
        if stage.getModelType() == "complement":
            raw = graph.node("Sub", raw, log_sum_exp(graph, raw))
    shifted = graph.node("Exp", graph.node("Sub", raw, graph.over_entries("ReduceMax", raw)))
    probability = graph.node("Div", shifted, graph.over_entries("ReduceSum", shifted))
    write_classes(graph, stage, raw, probability)


def write_classes(graph: Graph, stage: NaiveBayesModel, raw: Tensor, probability: Tensor) -> None:
    """The three columns of a probabilistic classifier."""
    compared, thresholds = raw, stage._thresholds()
    if thresholds is not None:
        scaled = graph.node("Div", probability, graph.row(thresholds))
        # 0 over 0 counts as no probability at all.
        compared = graph.where(graph.test("IsNaN", scaled), graph.row([-np.inf]), scaled)
    best = graph.node("ArgMax", compared, element="INT64", axis=1, keepdims=1)
    columns = {
        stage.getRawPredictionCol(): raw,
        stage.getProbabilityCol(): probability,
        stage.getPredictionCol(): graph.cast(best, "DOUBLE"),
    }
    for column, value in columns.items():
        if column:
            graph.write(column, value)


def linear_scores(graph: Graph, x: Tensor, scores: LinearScores) -> Tensor:
    """float64[N, C] as `LinearScores.of` has them."""
    found = graph.node("MatMul", x, graph.constant(scores.coefficients))
    found = graph.node("Add", found, graph.row(scores.intercepts))
    is_there = graph.test("Not", graph.test("Equal", x, graph.row([0.0])))
    present = graph.cast(is_there, "DOUBLE")
    zero, decided = graph.row([0.0]), graph.row([scores.decided])
    if scores.if_present is not None:
        count = graph.node("MatMul", present, graph.constant(scores.if_present))
        found = graph.where(graph.test("Greater", count, zero), decided, found)
    if scores.if_absent is not None:
        there = graph.node("MatMul", present, graph.constant(scores.if_absent))
        absent = graph.node("Sub", graph.row(scores.if_absent.sum(axis=0)), there)
        found = graph.where(graph.test("Greater", absent, zero), decided, found)
    return found


def gaussian_scores(graph: Graph, x: Tensor, stage: NaiveBayesModel) -> Tensor:
    """float64[N, C], pi - sum_j ((x_j - theta_j)^2 / sigma_j + log sigma_j) / 2."""
    pi, theta, sigma = stage.pi.toArray(), stage.theta.toArray(), stage.sigma.toArray()
    columns = []
    for index in range(len(pi)):
        away = graph.node("Sub", x, graph.row(theta[index]))
        squares = graph.node("Div", graph.node("Mul", away, away), graph.row(sigma[index]))
        distance = graph.node(
            "Add", graph.over_entries("ReduceSum", squares), graph.row([np.log(sigma[index]).sum()])
        )
        half = graph.node("Mul", distance, graph.row([0.5]))
        columns.append(graph.node("Sub", graph.row([pi[index]]), half))
    return graph.node("Concat", *columns, axis=1)


def log_sum_exp(graph: Graph, scores: Tensor) -> Tensor:
    """[N, 1], the logarithm of the sum of exponentials, without overflow."""
    most = graph.over_entries("ReduceMax", scores)
    total = graph.over_entries("ReduceSum", graph.node("Exp", graph.node("Sub", scores, most)))
    return graph.node("Add", graph.node("Log", total), most)
