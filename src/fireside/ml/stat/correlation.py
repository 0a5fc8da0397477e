"""Correlations between the features of a column of vectors."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.compute import Collective, Dataset, TableDataset, gang
from fireside.core.errors import InputError
from fireside.ml.columns import column_label
from fireside.ml.frame import open_frame, return_frame
from fireside.ml.linalg import DenseMatrix
from fireside.ml.param import Params
from fireside.ml.persistence.kinds import MATRIX
from fireside.ml.schema import vector_field
from fireside.ml.stat.feature_test import reader_named
from fireside.ml.training_vectors import TrainingVectors, agreed_size

__all__ = ["Correlation", "centred_products", "correlations", "rank_within"]

FloatArray = npt.NDArray[np.float64]

ENTRIES = 4_000_000
"""The most entries of a block that is made dense at once."""


class Correlation:
    """Pearson's and Spearman's correlations."""

    @staticmethod
    def corr(dataset: Any, column: str, method: str = "pearson") -> Any:
        """The correlation matrix of a column of vectors.

        A feature that never varies has no correlation with another: NaN, as in Spark. Spearman's correlations
        are those of the ranks, equal numbers sharing the mean of theirs; for them each process holds its rows
        of the column in memory.

        Args:
            dataset: any frame or path that `fireside.compute.as_dataset` takes.
            column: name of the column of vectors.
            method: `"pearson"` or `"spearman"`.

        Returns:
            The kind of frame that came in, with one row and one column, `pearson(column)`, of a matrix.

        >>> from fireside.ml.linalg import Vectors
        >>> rows = {"f": [Vectors.dense(1, 1), Vectors.dense(2, 8), Vectors.dense(3, 27)]}
        >>> Correlation.corr(rows, "f", "spearman")["spearman(f)"]
        [DenseMatrix(2, 2, [1.0, 1.0, 1.0, 1.0], False)]
        """
        if method not in ("pearson", "spearman"):
            raise InputError(f"method must be 'pearson' or 'spearman', got {method!r}")
        stage = reader_named("Correlation")
        rows = open_frame(dataset)
        vector_field(stage, rows.schema, column)
        found = gang(rows.select([column]), _correlate, stage, column, method)
        size = len(found["matrix"])
        matrix = DenseMatrix(size, size, found["matrix"].T.reshape(-1))
        table = pa.table({f"{method}({column})": MATRIX.encode([matrix])})
        return return_frame(TableDataset(table), dataset)


def _correlate(
    collective: Collective, rows: Dataset, stage: Params, column: str, method: str
) -> Mapping[str, Any]:
    vectors, label = TrainingVectors(stage, rows, column), column_label(stage, column)
    if method == "spearman":
        parts = list(_dense_blocks(vectors))
        size = vectors.agreed_size(collective)
        mine = np.concatenate(parts) if parts else np.zeros((0, size))
        ranks = (
            np.stack([rank_within(collective, mine[:, place]) for place in range(size)], axis=1)
            if size
            else mine
        )
        count, _, products = centred_products(collective, label, lambda: iter([ranks]))
    else:
        count, _, products = centred_products(collective, label, lambda: _dense_blocks(vectors))
    if count < 2:
        raise InputError(f"{stage.uid}: a correlation needs at least 2 rows, got {count}")
    return {"matrix": correlations(products / (count - 1))}


def centred_products(
    collective: Collective, label: str, blocks: Callable[[], Iterator[FloatArray]]
) -> tuple[int, FloatArray, FloatArray]:
    """How many rows there are, their mean, and the sum of (x - mean)(x - mean)^T.

    The mean is subtracted before anything is multiplied, so that a large mean costs no digits.

    Args:
        collective: who else has rows.
        label: what an error calls them.
        blocks: returns the dense blocks of this process, float64[N, D], from the first on.
    """
    count, sums = 0, np.zeros(0)
    for x_ND in blocks():
        sums = x_ND.sum(axis=0) + (sums if len(sums) else 0.0)
        count += len(x_ND)
    size = agreed_size(collective, label, len(sums) if count else None)
    sums = collective.allreduce(sums if count else np.zeros(size))
    total = int(collective.allreduce(np.array([count]))[0])
    mean, products = sums / max(total, 1), np.zeros((size, size))
    for x_ND in blocks():
        if len(x_ND):
            centred = x_ND - mean
            products += centred.T @ centred
    return total, mean, collective.allreduce(products)


def correlations(covariance: FloatArray) -> FloatArray:
    """float64[D, D]; NaN where a feature does not vary, and 1 on the diagonal.

    >>> correlations(np.array([[4.0, 1.0], [1.0, 1.0]]))
    array([[1. , 0.5],
           [0.5, 1. ]])
    """
    deviations = np.sqrt(np.diagonal(covariance)).copy()
    # As near to 0 as this, Spark takes it for 0.
    deviations[np.abs(deviations) <= 1e-12] = np.nan
    matrix = covariance / np.outer(deviations, deviations)
    np.fill_diagonal(matrix, 1.0)
    return matrix


def rank_within(collective: Collective, values: FloatArray) -> FloatArray:
    """float64[N], the ranks of numbers among those of all processes, from 1; equal ones share the mean.

    >>> from fireside.compute import Solo
    >>> rank_within(Solo(), np.array([5.0, 1.0, 5.0]))
    array([2.5, 1. , 2.5])
    """
    mine, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    if collective.world_size == 1:
        distinct, totals = mine, counts
    else:
        gathered = np.concatenate(collective.allgather(mine)), np.concatenate(collective.allgather(counts))
        distinct, inverse = np.unique(gathered[0], return_inverse=True)
        totals = np.bincount(inverse, gathered[1], minlength=len(distinct))
    ends = np.cumsum(totals)
    ranks = ends - (totals - 1) / 2.0
    return ranks[np.searchsorted(distinct, mine)][places]


def _dense_blocks(vectors: TrainingVectors) -> Iterator[FloatArray]:
    for block in vectors:
        step = max(1, ENTRIES // max(block.size, 1))
        for start in range(0, len(block), step):
            yield block.slice(start, start + step).to_dense()
