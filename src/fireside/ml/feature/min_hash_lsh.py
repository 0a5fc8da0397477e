"""MinHash: locality-sensitive hashing for the Jaccard distance of sets."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from fireside.compute import Dataset
from fireside.core.errors import InputError
from fireside.ml.base import Estimator
from fireside.ml.feature.lsh import LSHModel, LSHParams, first_size
from fireside.ml.java_random import JavaRandom
from fireside.ml.linalg import VectorBlock
from fireside.ml.param import Setter
from fireside.ml.param.shared import HasSeed
from fireside.ml.persistence import INTS, SavedColumns

__all__ = ["MinHashLSH", "MinHashLSHModel"]

HASH_PRIME = 2_038_074_743
FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]


class MinHashLSH(LSHParams, HasSeed, Estimator["MinHashLSHModel"]):
    """Draws hash functions for sets, given as vectors whose places above or below 0 are the members.

    Equal seeds draw the functions that Spark draws.

    >>> from fireside.ml.linalg import Vectors
    >>> sets = {"set": [Vectors.sparse(6, {0: 1.0, 2: 1.0, 3: 1.0}), Vectors.sparse(6, {0: 1.0, 2: 1.0})]}
    >>> model = MinHashLSH(inputCol="set", outputCol="hashes", seed=12345, numHashTables=2).fit(sets)
    >>> model.randCoefficients
    [776966252, 1102109080, 2003588242, 1969488828]
    """

    setNumHashTables = Setter(LSHParams.numHashTables)
    setSeed = Setter(HasSeed.seed)

    def _fit(self, dataset: Dataset) -> "MinHashLSHModel":
        size = first_size(self, dataset)
        if size > HASH_PRIME:
            raise InputError(f"{self.uid}: vectors must not be larger than {HASH_PRIME}, got {size}")
        random = JavaRandom(self.getSeed())
        coefficients: list[int] = []
        for _ in range(self.getNumHashTables()):
            coefficients += [1 + random.nextInt(HASH_PRIME - 1), random.nextInt(HASH_PRIME - 1)]
        return MinHashLSHModel(coefficients)._fitted_by(self)


class MinHashLSHModel(LSHModel):
    """Hashes a set to the least of ((1 + i) a + b) mod p over its members i, for each table's (a, b).

    Attributes:
        randCoefficients: a and b of each table in turn.
    """

    _saved: ClassVar = SavedColumns(randCoefficients=INTS)

    def __init__(self, randCoefficients: Sequence[int]) -> None:
        super().__init__()
        self.randCoefficients = list(randCoefficients)
        if len(self.randCoefficients) % 2:
            raise InputError(f"{len(self.randCoefficients)} coefficients are not two for each hash table")

    def __repr__(self) -> str:
        return f"MinHashLSHModel: uid={self.uid}, numHashTables={self.getNumHashTables()}"

    def _hashes(self, block: VectorBlock, name: str) -> FloatArray:
        members, bounds = _members(block, name)
        pairs = np.array(self.randCoefficients, np.int64).reshape(-1, 2)
        return np.stack([_least_hashes(members, bounds, block.size, a, b) for a, b in pairs], axis=1)

    def _distances(
        self, a: VectorBlock, b: VectorBlock, rows_a: npt.NDArray[np.intp], rows_b: npt.NDArray[np.intp]
    ) -> FloatArray:
        from fireside.ml.feature.intersections import count_common

        members_a, bounds_a = _members(a, self.uid)
        members_b, bounds_b = _members(b, self.uid)
        common = count_common(members_a, bounds_a, members_b, bounds_b, rows_a, rows_b)
        union = np.diff(bounds_a)[rows_a] + np.diff(bounds_b)[rows_b] - common
        return 1.0 - common / union


def _members(block: VectorBlock, name: str) -> tuple[Int64Array, Int64Array]:
    """int64[E] places that are not 0, and int64[N+1] where those of each row start."""
    nonzero = block.values != 0
    bounds = np.concatenate([[0], np.cumsum(np.bincount(block.rows()[nonzero], minlength=len(block)))])
    if (bounds[1:] == bounds[:-1]).any():
        row = int(np.argmax(bounds[1:] == bounds[:-1]))
        raise InputError(
            f"{name} holds a vector of zeros (row {row} of its batch), which MinHash has no hash for: "
            "leave it out first"
        )
    return block.indices[nonzero].astype(np.int64), bounds.astype(np.int64)


def _least_hashes(members: Int64Array, bounds: Int64Array, size: int, a: int, b: int) -> FloatArray:
    """float64[N], the least hash of each set under one function."""
    if size < len(members):
        # Fewer places than members: hash each place once.
        hashed = (((1 + np.arange(size, dtype=np.int64)) * a + b) % HASH_PRIME)[members]
    else:
        hashed = ((1 + members) * a + b) % HASH_PRIME
    return np.minimum.reduceat(hashed, bounds[:-1]).astype(np.float64)
