"""Where k-means starts: k-means|| and random rows, the same choice however the rows are spread.

Source: Bahmani, Moseley, Vattani, Kumar and Vassilvitskii, "Scalable K-Means++", VLDB 2012, algorithm 2: draw
each row with probability l d^2(x, C) / phi in each of a few rounds (l = 2 k, as in Spark), weigh those drawn
by how many rows are nearest to them, and cluster them.

Shapes: D features, K centres, M candidates.
"""

import numpy as np

from fireside.compute import Collective
from fireside.core.seeding import RandomStreams
from fireside.ml.clustering.drawn_rows import DrawnRows
from fireside.ml.clustering.matrix import FloatArray, Matrix, nearest_centres, squared_distances
from fireside.ml.clustering.row_hash import uniform
from fireside.ml.clustering.weighted_rows import WeightedRows

__all__ = ["kmeans_parallel", "random_rows", "weighted_kmeans"]

LOCAL_ITERATIONS = 30


def random_rows(collective: Collective, rows: WeightedRows, k: int, seed: int) -> DrawnRows:
    """[<= K, D], distinct rows drawn in proportion to their weights; fewer where there are fewer.

    Each row has a clock that rings after an exponential time at the rate of its weight; the first K that ring
    are drawn.
    """
    drawn = DrawnRows.none()
    for matrix, weights, hashes, _ in rows:
        possible = np.flatnonzero(weights > 0)
        times = -np.log(uniform(hashes[possible], seed, 0)) / weights[possible]
        drawn = (drawn + DrawnRows(matrix[possible], hashes[possible], times)).least(k)
    return drawn.gather(collective).least(k)


def kmeans_parallel(collective: Collective, rows: WeightedRows, k: int, seed: int, steps: int) -> FloatArray:
    """float64[<= K, D], starting centres; fewer than K where there are fewer distinct rows."""
    chosen = random_rows(collective, rows, 1, seed)
    for step in range(1, steps + 1):
        total = _total_cost(collective, rows, chosen.matrix)
        if total == 0:
            break
        drawn = DrawnRows.none()
        for matrix, weights, hashes, norms in rows:
            costs = weights * squared_distances(matrix, chosen.matrix, norms).min(axis=1)
            chances = uniform(hashes, seed, step)
            kept = np.flatnonzero(chances < 2.0 * k * costs / total)
            drawn += DrawnRows(matrix[kept], hashes[kept], chances[kept])
        chosen += drawn.gather(collective)
    if len(chosen) < k:
        # Few rows may draw too few candidates by chance, though there are enough of them.
        chosen += random_rows(collective, rows, k, seed)
    weights_M = _weights_of(collective, rows, chosen.matrix)
    return weighted_kmeans(chosen.dense(), weights_M, k, seed)


def weighted_kmeans(points: FloatArray, weights: FloatArray, k: int, seed: int) -> FloatArray:
    """float64[<= K, D], k-means++ and some iterations over a few weighted points.

    Args:
        points: float64[M, D].
        weights: float64[M].
        k: number of centres.
        seed: equal seeds give equal centres.

    >>> weighted_kmeans(np.array([[0.0], [9.0]]), np.ones(2), 3, seed=0)
    array([[0.],
           [9.]])
    """
    if len(points) <= k:
        return points
    generator = RandomStreams(seed % 2**64).generator("kmeans/local")
    chosen = [int(generator.choice(len(points), p=weights / weights.sum()))]
    nearest = squared_distances(points, points[chosen])[:, 0]
    while len(chosen) < k and (costs := weights * nearest).sum() > 0:
        chosen.append(int(generator.choice(len(points), p=costs / costs.sum())))
        nearest = np.minimum(nearest, squared_distances(points, points[chosen[-1:]])[:, 0])
    centres = points[chosen]
    assigned = np.full(len(points), -1)
    for _ in range(LOCAL_ITERATIONS):
        before, assigned = assigned, nearest_centres(points, centres)
        if np.array_equal(before, assigned):
            break
        sums = np.zeros_like(centres)
        np.add.at(sums, assigned, points * weights[:, None])
        counts = np.bincount(assigned, weights, minlength=len(centres))[:, None]
        centres = np.divide(sums, counts, out=centres.copy(), where=counts > 0)
    return centres


def _total_cost(collective: Collective, rows: WeightedRows, centres: Matrix) -> float:
    cost = np.zeros(1)
    for matrix, weights, _, norms in rows:
        cost += weights @ squared_distances(matrix, centres, norms).min(axis=1)
    return float(collective.allreduce(cost)[0])


def _weights_of(collective: Collective, rows: WeightedRows, centres: Matrix) -> FloatArray:
    """float64[M], the weight of the rows that are nearest to each candidate."""
    totals = np.zeros(centres.shape[0])
    for matrix, weights, _, norms in rows:
        nearest = squared_distances(matrix, centres, norms).argmin(axis=1)
        totals += np.bincount(nearest, weights, minlength=len(totals))
    return collective.allreduce(totals)
