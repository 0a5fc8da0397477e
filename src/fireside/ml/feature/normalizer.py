"""Scaling vectors to length 1."""

import numpy as np
import numpy.typing as npt

from fireside.ml.base import Transformer
from fireside.ml.feature.unary import VectorTransform
from fireside.ml.linalg import VectorBlock
from fireside.ml.param import Param, TypeConverters, accessors, param
from fireside.ml.param.validators import gt_eq

__all__ = ["Normalizer"]

MANY_ROWS = 1000
"""Fewer are not worth loading a compiled kernel for."""


class Normalizer(VectorTransform, Transformer):
    """Divides each vector by its p-norm; a vector of zeros stays as it is.

    >>> from fireside.ml.linalg import Vectors
    >>> Normalizer(inputCol="v", outputCol="unit").transform({"v": [Vectors.dense(3, 4)]})["unit"]
    [DenseVector([0.6, 0.8])]
    """

    p: Param[float] = param(
        TypeConverters.toFloat, "which norm: 1, 2, any number from 1 on, or inf", default=2.0, check=gt_eq(1)
    )
    getP, setP = accessors(p)

    def _transformed(self, block: VectorBlock) -> VectorBlock:
        if self.getP() == 2 and len(block) >= MANY_ROWS:
            from fireside.ml.feature.unit_rows import unit_rows

            return block.with_values(unit_rows(block.values, block.indptr))
        norms = row_norms(block, self.getP())
        divisors = np.where(norms == 0, 1.0, norms)
        return block.with_values(block.values / np.repeat(divisors, np.diff(block.indptr)))


def row_norms(block: VectorBlock, p: float) -> npt.NDArray[np.float64]:
    """float64[N], the p-norm of each vector; the largest entry passes over NaN, as Spark's does."""
    magnitudes = np.abs(block.values)
    rows = block.rows()
    if np.isinf(p):
        norms = np.zeros(len(block))
        np.fmax.at(norms, rows, magnitudes)
        return norms
    sums = np.bincount(rows, magnitudes**p, minlength=len(block)).astype(np.float64, copy=False)
    return np.sqrt(sums) if p == 2 else np.power(sums, 1.0 / p)
