"""The discrete cosine transform."""

from fireside.core.extras import require
from fireside.ml.base import Transformer
from fireside.ml.feature.unary import VectorTransform
from fireside.ml.linalg import VectorBlock
from fireside.ml.param import Param, TypeConverters, accessors, param

__all__ = ["DCT"]


class DCT(VectorTransform, Transformer):
    """The orthonormal DCT-II of each vector, or its inverse; results are dense.

    X_k = s_k sum_n x_n cos(pi k (2 n + 1) / (2 D)), s_0 = sqrt(1 / D), other s_k = sqrt(2 / D).

    >>> from fireside.ml.linalg import Vectors
    >>> DCT(inputCol="v", outputCol="f").transform({"v": [Vectors.dense(1, 1, 1, 1)]})["f"]
    [DenseVector([2.0, 0.0, 0.0, 0.0])]
    """

    inverse: Param[bool] = param(
        TypeConverters.toBoolean, "whether to transform back (DCT-III)", default=False
    )
    getInverse, setInverse = accessors(inverse)

    def _transformed(self, block: VectorBlock) -> VectorBlock:
        fft = require("scipy.fft", extra="ml")
        x_ND = block.to_dense()
        if x_ND.shape[1]:
            x_ND = (fft.idct if self.getInverse() else fft.dct)(x_ND, type=2, norm="ortho", axis=1)
        return VectorBlock.from_dense(x_ND)
