"""All products of up to so many entries of a vector."""

import numpy as np

from fireside.core.errors import InputError
from fireside.ml.base import Transformer
from fireside.ml.columns import column_label
from fireside.ml.feature.unary import VectorTransform
from fireside.ml.linalg import VectorBlock
from fireside.ml.param import Param, TypeConverters, accessors, param
from fireside.ml.param.validators import gt_eq

__all__ = ["PolynomialExpansion"]


class PolynomialExpansion(VectorTransform, Transformer):
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

    def _transformed(self, block: VectorBlock) -> VectorBlock:
        from fireside.ml.feature.monomials import expanded, expanded_size

        degree = self.getDegree()
        if (size := expanded_size(block.size, degree)) > np.iinfo(np.int32).max:
            raise InputError(
                f"{column_label(self, self.getInputCol())} holds vectors of size {block.size}, which degree "
                f"{degree} would expand to {size} entries: choose a lower degree, or fewer features"
            )
        return expanded(block, degree)
