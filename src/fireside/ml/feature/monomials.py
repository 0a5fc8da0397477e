"""All products of up to so many entries of a vector: the kernel of `PolynomialExpansion`.

The factors of a product are sorted from the last feature to the first, f_0 >= f_1 >= ..., and it lies at
place -1 + sum_t C(f_t + degree - t, degree - t) among the products of all features, which is Spark's order.
A product without its last factor, its parent, lies before it.

Shapes: N rows, D features, M products.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fireside.core.extras import require
from fireside.ml.linalg import VectorBlock

__all__ = ["expanded", "expanded_size"]

numba = require("numba", extra="ml")

IntArray = npt.NDArray[np.int64]


class Monomials(NamedTuple):
    """The products of some variables, in order.

    Attributes:
        parents: int64[M], the place of each one's parent, -1 where it is a variable alone.
        factors: int64[M], the variable that the parent is multiplied by.
        levels: int64[M], how many factors the parent has.
    """

    parents: IntArray
    factors: IntArray
    levels: IntArray


def expanded(block: VectorBlock, degree: int) -> VectorBlock:
    """Every vector with all products of 1 to `degree` entries; sparse ones without zeros.

    >>> expanded(VectorBlock.from_dense(np.array([[2.0, 3.0]])), 2).to_vectors()
    [DenseVector([2.0, 4.0, 3.0, 6.0, 9.0])]
    """
    size = expanded_size(block.size, degree)
    if block.is_dense.all():
        products = np.empty((len(block), size))
        _expand_dense(block.to_dense(), *monomials(block.size, degree)[:2], products)
        return VectorBlock.from_dense(products)
    in_dense = np.repeat(block.is_dense, np.diff(block.indptr))
    kept = np.flatnonzero((block.values != 0) | in_dense)
    starts = np.searchsorted(kept, block.indptr)
    entries, features = block.values[kept], block.indices[kept]
    counts = np.diff(starts)
    distinct, kind = np.unique(counts, return_inverse=True)
    lengths = np.array([expanded_size(int(count), degree) for count in distinct], np.int64)[kind]
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    values, places = np.empty(indptr[-1]), np.empty(indptr[-1], np.int32)
    binomials = binomial_table(block.size, degree)
    for count in distinct:
        rows = np.flatnonzero(counts == count)
        order = monomials(int(count), degree)
        _expand_rows(rows, starts, entries, features, *order, binomials, indptr, values, places)
    # A product that is too small for a float64 is 0, and not stored.
    stored = np.flatnonzero((values != 0) | np.repeat(block.is_dense, lengths))
    if len(stored) < len(values):
        values, places, indptr = values[stored], places[stored], np.searchsorted(stored, indptr)
    return VectorBlock(size, indptr, values, places, block.is_dense)


def expanded_size(size: int, degree: int) -> int:
    """C(size + degree, degree) - 1, how many products there are.

    >>> expanded_size(3, 2)
    9
    """
    return math.comb(size + degree, degree) - 1


def binomial_table(size: int, degree: int) -> IntArray:
    """int64[degree + 1, size]: C(f + r, r) in row r and column f, each row the running sum of the one before.

    >>> binomial_table(4, 2).tolist()
    [[1, 1, 1, 1], [1, 2, 3, 4], [1, 3, 6, 10]]
    """
    rows = [np.ones(size, np.int64)]
    for _ in range(degree):
        rows.append(np.cumsum(rows[-1]))
    return np.array(rows).reshape(degree + 1, size)


@lru_cache(maxsize=64)
def monomials(variables: int, degree: int) -> Monomials:
    """The products of 1 to `degree` of some variables, in order.

    >>> order = monomials(2, 2)
    >>> order.parents.tolist(), order.factors.tolist()
    ([-1, 0, -1, 2, 2], [0, 0, 1, 0, 1])
    """
    total, binomials = expanded_size(variables, degree), binomial_table(variables, degree)
    order = Monomials(*(np.empty(total, np.int64) for _ in range(3)))
    # Level by level: a product goes on with each variable up to its last factor.
    last, places = np.array([variables - 1]), np.array([-1])
    for level in range(degree):
        children = last + 1
        parents = np.repeat(places, children)
        last = np.arange(len(parents)) - np.repeat(np.cumsum(children) - children, children)
        places = parents + binomials[degree - level][last]
        order.parents[places], order.factors[places], order.levels[places] = parents, last, level
    return order


@numba.njit(cache=True, nogil=True)
def _product(before, entry):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    # Spark leaves a product out as soon as it is 0, even where infinity follows.
    product = before * entry
    return 0.0 if before == 0 or product == 0 else product


@numba.njit(cache=True, nogil=True)
def _expand_dense(x, parents, factors, products):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    for row in range(len(x)):
        for place in range(len(parents)):
            parent = parents[place]
            before = 1.0 if parent < 0 else products[row, parent]
            products[row, place] = _product(before, x[row, factors[place]])


@numba.njit(cache=True, nogil=True)
def _expand_rows(  # type: ignore[no-untyped-def]
    rows, starts, entries, features, parents, factors, levels, binomials, indptr, values, places
):  # pragma: no cover (compiled)
    degree = len(binomials) - 1
    for row in rows:
        first, start = indptr[row], starts[row]
        for place in range(len(parents)):
            parent, entry = parents[place], start + factors[place]
            before = 1.0 if parent < 0 else values[first + parent]
            values[first + place] = _product(before, entries[entry])
            shift = -1 if parent < 0 else places[first + parent]
            places[first + place] = shift + binomials[degree - levels[place], features[entry]]
