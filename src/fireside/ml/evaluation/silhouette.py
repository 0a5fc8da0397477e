"""The mean silhouette in two passes, without any pair of rows.

The mean squared distance of x to the rows of a cluster is |x|^2 + Psi - 2 x . Y, where Y is the mean of those
rows and Psi the mean of their squared lengths; so a cluster is known by Y and Psi alone. Cosine distances are
half of that between rows of length 1. Source: Rousseeuw, "Silhouettes", 1987; Spark uses this form too.

Shapes: N rows of a block, D features, K clusters.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.compute import Collective, Dataset
from fireside.core.errors import InputError
from fireside.ml.clustering.matrix import FloatArray, dense_product, sums_by_group
from fireside.ml.clustering.weighted_rows import Block, WeightedRows
from fireside.ml.columns import column_label, column_without_nulls

if TYPE_CHECKING:
    from fireside.ml.evaluation.clustering_evaluator import ClusteringEvaluator

__all__ = ["mean_silhouette", "silhouettes"]


def mean_silhouette(
    collective: Collective, dataset: Dataset, stage: "ClusteringEvaluator"
) -> Mapping[str, Any]:
    """The weighted mean silhouette of the rows of all processes, under the name `mean`."""
    rows = WeightedRows(stage, dataset)
    clusters = _clusters(collective, dataset, stage)
    k = len(clusters)
    if k < 2:
        raise InputError(f"{stage.uid}: there is {k} cluster, but a silhouette needs at least two")
    sums, squares, weights_K = np.zeros((0, 0)), np.zeros(k), np.zeros(k)
    for block, places in _placed(rows, dataset, stage, clusters):
        sums = sums_by_group(block.matrix, block.weights, places, k) + (sums if sums.size else 0.0)
        squares += np.bincount(places, block.weights * block.norms, minlength=k)
        weights_K += np.bincount(places, block.weights, minlength=k)
    size = rows.agreed_size(collective)
    sums = collective.allreduce(sums if sums.size else np.zeros((k, size)))
    weights_K = collective.allreduce(weights_K)
    present = np.maximum(weights_K, 1e-300)
    means, squares = sums / present[:, None], collective.allreduce(squares) / present
    total = np.zeros(2)
    for block, places in _placed(rows, dataset, stage, clusters):
        scores = silhouettes(block, places, means, squares, weights_K)
        total += [float(block.weights @ scores), float(block.weights.sum())]
    total = collective.allreduce(total)
    return {"mean": float(total[0] / total[1])}


def silhouettes(
    block: Block, places: npt.NDArray[np.intp], means: FloatArray, squares: FloatArray, weights_K: FloatArray
) -> FloatArray:
    """float64[N], (b - a) / max(a, b) of each row.

    a is the mean distance to the other rows of its own cluster, b the least mean distance to another cluster.

    Args:
        block: the rows.
        places: intp[N], the cluster of each.
        means: float64[K, D], the mean row Y of each cluster.
        squares: float64[K], the mean squared length Psi.
        weights_K: float64[K], the weight of each cluster.
    """
    distances = dense_product(block.matrix, means)
    distances *= -2.0
    distances += squares
    distances += block.norms[:, None]
    np.maximum(distances, 0.0, out=distances)
    every = np.arange(len(places))
    own_weight = weights_K[places]
    alone = own_weight <= block.weights
    # The mean over the cluster counts the row itself, at distance 0.
    others = np.where(alone, 1.0, own_weight - block.weights)
    own = distances[every, places] * own_weight / others
    distances[every, places] = np.inf
    other = distances.min(axis=1)
    largest = np.maximum(own, other)
    scores = np.divide(other - own, largest, out=np.zeros(len(places)), where=largest > 0)
    return np.where(alone, 0.0, scores)


def _placed(
    rows: WeightedRows, dataset: Dataset, stage: "ClusteringEvaluator", clusters: FloatArray
) -> Iterator[tuple[Block, npt.NDArray[np.intp]]]:
    for block, batch in zip(rows, dataset.batches(), strict=True):
        yield block, np.searchsorted(clusters, _predictions(stage, batch))


def _clusters(collective: Collective, dataset: Dataset, stage: "ClusteringEvaluator") -> FloatArray:
    """float64[K], all predictions that occur, ascending."""
    mine = [np.unique(_predictions(stage, batch)) for batch in dataset.batches()]
    found = collective.allgather(np.unique(np.concatenate(mine)) if mine else np.zeros(0))
    return np.unique(np.concatenate(found))


def _predictions(stage: "ClusteringEvaluator", batch: pa.RecordBatch) -> FloatArray:
    column = stage.getPredictionCol()
    values: FloatArray = column_without_nulls(stage, batch, column).cast(pa.float64()).to_numpy()
    if np.isnan(values).any():
        raise InputError(f"{column_label(stage, column)} has NaN: leave such rows out first")
    return values
