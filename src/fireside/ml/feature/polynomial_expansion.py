"""All products of up to so many entries of a vector."""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.core.errors import InputError
from fireside.ml.base import Transformer
from fireside.ml.columns import column_label, read_vectors
from fireside.ml.feature.unary import VectorColumn
from fireside.ml.linalg import VectorBlock
from fireside.ml.param import Param, TypeConverters, accessors, param
from fireside.ml.param.validators import gt_eq
from fireside.ml.row_transform import RowTransform

__all__ = ["PolynomialExpansion"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class PolynomialExpansion(RowTransform, VectorColumn, Transformer):
    """Expands (x, y) to (x, x x, y, x y, y y), and so on, in Spark's order; sparse vectors stay sparse.

    >>> from fireside.ml.linalg import Vectors
    >>> stage = PolynomialExpansion(degree=2, inputCol="v", outputCol="p")
    >>> stage.transform({"v": [Vectors.dense(2, 3), Vectors.sparse(2, {1: 3.0})]})["p"]
    [DenseVector([2.0, 4.0, 3.0, 6.0, 9.0]), SparseVector(5, {2: 3.0, 4: 9.0})]
    """

    degree: Param[int] = param(
        TypeConverters.toInt, "the most factors of a product, at least 1", default=2, check=gt_eq(1)
    )
    getDegree, setDegree = accessors(degree)

    def _output_columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        block, degree = read_vectors(self, batch, self.getInputCol()), self.getDegree()
        if (size := expanded_size(block.size, degree)) > np.iinfo(np.int32).max:
            raise InputError(
                f"{column_label(self, self.getInputCol())} holds vectors of size {block.size}, which degree "
                f"{degree} would expand to {size} entries: choose a lower degree, or fewer features"
            )
        return [expanded(block, degree).to_arrow()]


class Monomials(NamedTuple):
    """The products of exactly t of k variables, for one t; each is a product of t - 1 times one variable.

    Attributes:
        parents: intp[M], the place of that product among those of t - 1 variables.
        factors: intp[M], the variable, which is none after those of the parent.
    """

    parents: npt.NDArray[np.intp]
    factors: npt.NDArray[np.intp]


def expanded(block: VectorBlock, degree: int) -> VectorBlock:
    """Every vector with all products of 1 to `degree` entries."""
    size = expanded_size(block.size, degree)
    dense = np.flatnonzero(block.is_dense)
    if len(dense) == len(block):
        places, values = products(block.to_dense(), np.arange(block.size)[None], degree)
        rows = np.empty((len(block), size))
        rows[:, places[:, 0]] = values.T
        return VectorBlock.from_dense(rows)
    # Rows with equally many entries are expanded together.
    nonzero = block.values != 0
    counts = np.bincount(block.rows()[nonzero], minlength=len(block))
    parts = []
    if len(dense):
        rows = expanded(VectorBlock.from_dense(block.take(dense).to_dense()), degree).to_dense()
        everywhere = np.tile(np.arange(size), (len(dense), 1))
        parts.append((np.repeat(dense, size), everywhere.reshape(-1), rows.reshape(-1)))
    starts = np.concatenate([[0], np.cumsum(counts)])[:-1]
    entries, indices = block.values[nonzero], block.indices[nonzero]
    for count in np.unique(counts[~block.is_dense]):
        chosen = np.flatnonzero(~block.is_dense & (counts == count))
        picked = starts[chosen][:, None] + np.arange(count)
        places, values = products(entries[picked], indices[picked], degree)
        # A product that is too small for a float64 is 0, and not stored.
        stored = (values != 0).T
        everywhere = np.broadcast_to(places.T, stored.shape)
        parts.append((np.repeat(chosen, stored.sum(axis=1)), everywhere[stored], values.T[stored]))
    row, place, value = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    order = np.lexsort((place, row))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(block)))])
    return VectorBlock(size, indptr, value[order], place[order].astype(np.int32), block.is_dense)


def products(x_NK: FloatArray, features_NK: IntArray, degree: int) -> tuple[IntArray, FloatArray]:
    """The products of 1 to `degree` of K entries of each row, and their places among those of all entries.

    The factors of a product are sorted from the last feature to the first, and it lies at
    -1 + sum_t C(f_t + degree - t, degree - t), where f_t is the feature of factor t = 0, 1, ...

    Args:
        x_NK: float64[N, K], the entries.
        features_NK: int[N, K] or int[1, K], ascending, the features that they are of.
        degree: the most factors.

    Returns:
        places: int64[M, N] or int64[M, 1].
        values: float64[M, N].
    """
    size = int(features_NK.max(initial=-1)) + 1
    # binomials[r][f] is C(f + r, r), each row the running sum of the one before.
    binomials = [np.ones(size, np.int64)]
    for _ in range(degree):
        binomials.append(np.cumsum(binomials[-1]))
    x_KN, features_KN = np.ascontiguousarray(x_NK.T), features_NK.T
    values, places = np.ones((1, x_KN.shape[1])), np.full((1, features_KN.shape[1]), -1, np.int64)
    found = []
    for level, (parents, factors) in enumerate(monomials(len(x_KN), degree)):
        before = values[parents]
        with np.errstate(over="ignore", invalid="ignore"):
            values = before * x_KN[factors]
        # Spark leaves a product out as soon as it is 0, even where infinity follows.
        values[(before == 0) | (values == 0)] = 0.0
        places = places[parents] + binomials[degree - level][features_KN[factors]]
        found.append((places, values))
    places, values = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    return places, values


@lru_cache(maxsize=64)
def monomials(variables: int, degree: int) -> list[Monomials]:
    """The products of 1, 2, ... `degree` of some variables.

    >>> [len(level.factors) for level in monomials(3, 2)]
    [3, 6]
    """
    levels: list[Monomials] = []
    factors, count = np.array([variables - 1]), 1
    for _ in range(degree):
        children = factors + 1
        parents = np.repeat(np.arange(count), children)
        starts = np.cumsum(children) - children
        factors = np.arange(len(parents)) - np.repeat(starts, children)
        count = len(factors)
        levels.append(Monomials(parents, factors))
    return levels


def expanded_size(size: int, degree: int) -> int:
    """C(size + degree, degree) - 1, how many products there are.

    >>> expanded_size(3, 2)
    9
    """
    return math.comb(size + degree, degree) - 1
