"""Multiplying vectors entry by entry."""

from fireside.core.errors import InputError
from fireside.ml.base import Transformer
from fireside.ml.columns import column_label
from fireside.ml.feature.unary import VectorTransform
from fireside.ml.linalg import Vector, VectorBlock
from fireside.ml.param import Param, TypeConverters, accessors, param

__all__ = ["ElementwiseProduct"]


class ElementwiseProduct(VectorTransform, Transformer):
    """Multiplies each vector by `scalingVec`, entry by entry; sparse vectors stay sparse.

    >>> from fireside.ml.linalg import Vectors
    >>> stage = ElementwiseProduct(scalingVec=Vectors.dense(1, 2), inputCol="v", outputCol="p")
    >>> stage.transform({"v": [Vectors.dense(3, 4)]})["p"]
    [DenseVector([3.0, 8.0])]
    """

    scalingVec: Param[Vector] = param(TypeConverters.toVector, "the vector to multiply by")
    getScalingVec, setScalingVec = accessors(scalingVec)

    def _vector_size(self) -> int:
        return len(self.getScalingVec())

    def _transformed(self, block: VectorBlock) -> VectorBlock:
        factors = self.getScalingVec().toArray()
        if block.size != len(factors):
            raise InputError(
                f"{column_label(self, self.getInputCol())} holds vectors of size {block.size}, but "
                f"scalingVec has {len(factors)} entries: give it one for each entry"
            )
        return block.scaled(factors)
