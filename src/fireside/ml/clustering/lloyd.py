"""Lloyd's iterations: the worker of `KMeans`, the same on one machine, streamed files and a cluster.

Shapes: N rows of a block, D features, K centres.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fireside.compute import Collective, Dataset
from fireside.core.errors import InputError
from fireside.ml.clustering.kmeans_parallel import kmeans_parallel, random_rows
from fireside.ml.clustering.matrix import FloatArray, squared_distances, squared_norms, sums_by_group
from fireside.ml.clustering.weighted_rows import Block, WeightedRows

if TYPE_CHECKING:
    from fireside.ml.clustering.kmeans import KMeans

__all__ = ["fit_kmeans"]


def fit_kmeans(collective: Collective, dataset: Dataset, stage: "KMeans") -> Mapping[str, Any]:
    """K-means over the rows of all processes.

    Under the cosine distance rows and centres have length 1, so that 1 - cos is half their squared distance.

    Returns:
        centers: float64[<= K, D].
        cost: the weighted sum of distances to the centres that the last iteration started from, as Spark
            reports it.
        iterations: how many were made.
    """
    rows = WeightedRows(stage, dataset)
    origin = _mean(collective, rows)
    if origin is None:
        raise InputError(f"{stage.uid}: there are no rows (of a weight above 0) to fit to")
    cosine = stage.getDistanceMeasure() == "cosine"
    if cosine or _any_sparse(collective, rows):
        origin = np.zeros_like(origin)
    rows.move_origin(origin)
    centres = _start(collective, rows, stage)
    if cosine:
        centres = _unit(centres)
    limit = 2.0 * stage.getTol() if cosine else stage.getTol() ** 2
    cost, iterations, converged = 0.0, 0, False
    while iterations < stage.getMaxIter() and not converged:
        sums, weights, cost = _pass(collective, rows, centres)
        moved = np.divide(sums, weights, out=centres.copy(), where=weights > 0)
        if cosine:
            moved = _unit(moved)
        converged = bool((squared_norms(moved - centres) <= limit).all())
        centres = moved
        iterations += 1
    return {
        "centers": centres + origin,
        "cost": cost / 2.0 if cosine else cost,
        "iterations": iterations,
    }


def _pass(
    collective: Collective, rows: WeightedRows, centres: FloatArray
) -> tuple[FloatArray, FloatArray, float]:
    """Sums float64[K, D] and weights float64[K, 1] of the rows nearest to each centre, and the total cost."""
    k, size = centres.shape
    sums, totals, cost = np.zeros((k, size)), np.zeros(k), 0.0
    for block in rows:
        block_sums, block_totals, block_cost = _block_pass(block, centres)
        sums += block_sums
        totals += block_totals
        cost += block_cost
    packed = collective.allreduce(np.concatenate([sums.reshape(-1), totals, [cost]]))
    return packed[: k * size].reshape(k, size), packed[k * size : -1, None], float(packed[-1])


def _block_pass(block: Block, centres: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    matrix, weights, _, norms = block
    if not isinstance(matrix, np.ndarray):
        from fireside.ml.clustering.sparse_pass import sparse_pass

        across, lengths = np.ascontiguousarray(centres.T), squared_norms(centres)
        sums, totals, cost = sparse_pass(
            matrix.indptr, matrix.indices, matrix.data, weights, norms, across, lengths
        )
        return sums.T, totals, cost
    distances = squared_distances(matrix, centres, norms)
    nearest = distances.argmin(axis=1)
    cost = float(weights @ distances[np.arange(len(nearest)), nearest])
    totals = np.bincount(nearest, weights, minlength=len(centres)).astype(np.float64, copy=False)
    return sums_by_group(matrix, weights, nearest, len(centres)), totals, cost


def _start(collective: Collective, rows: WeightedRows, stage: "KMeans") -> FloatArray:
    if stage.getInitMode() == "random":
        return random_rows(collective, rows, stage.getK(), stage.getSeed()).dense()
    return kmeans_parallel(collective, rows, stage.getK(), stage.getSeed(), stage.getInitSteps())


def _unit(centres: FloatArray) -> FloatArray:
    lengths = np.sqrt(squared_norms(centres))
    return centres / np.where(lengths > 0, lengths, 1.0)[:, None]


def _any_sparse(collective: Collective, rows: WeightedRows) -> bool:
    """Whether a row of any process is sparse, so that the origin must stay where it is."""
    mine = any(not isinstance(block.matrix, np.ndarray) for block in rows)
    return bool(collective.allreduce(np.array([int(mine)]), "max")[0])


def _mean(collective: Collective, rows: WeightedRows) -> FloatArray | None:
    """float64[D], the weighted mean of all rows; `None` where nothing has weight."""
    sums, total = np.zeros(0), 0.0
    for matrix, weights, _, _ in rows:
        sums = np.asarray(matrix.T @ weights) + (sums if len(sums) else 0.0)
        total += float(weights.sum())
    size = rows.agreed_size(collective)
    packed = np.append(sums if len(sums) else np.zeros(size), total)
    packed = collective.allreduce(packed)
    return packed[:-1] / packed[-1] if packed[-1] > 0 else None
