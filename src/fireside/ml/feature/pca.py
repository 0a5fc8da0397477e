"""Principal components."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fireside.compute import Collective, Dataset, gang
from fireside.compute.threads import map_in_order
from fireside.core.errors import InputError
from fireside.core.extras import require
from fireside.ml.base import Estimator, Model
from fireside.ml.columns import column_label
from fireside.ml.feature.unary import VectorColumn, VectorTransform
from fireside.ml.linalg import DenseMatrix, DenseVector, Matrix, Vector, VectorBlock
from fireside.ml.param import Getter, Param, Setter, TypeConverters, param
from fireside.ml.param.validators import gt
from fireside.ml.persistence import MATRIX, VECTOR, SavedColumns
from fireside.ml.training_vectors import TrainingVectors

__all__ = ["PCA", "PCAModel"]

FloatArray = npt.NDArray[np.float64]

MOST_FEATURES = 65_535

PIECE_ROWS = 1024
"""Rows of one product. For more, BLAS starts threads, which wait for each other where cores are busy: 65,536
rows of 10 features took 47 ms then, in pieces 1 ms."""


class PCAParams(VectorColumn):
    """Params of `PCA` and its model."""

    k: Param[int] = param(TypeConverters.toInt, "number of components", check=gt(0))
    getK = Getter(k)


class PCA(PCAParams, Estimator["PCAModel"]):
    """Learns the k directions in which the rows vary most: the first left singular vectors of the covariance.

    They come from the same LAPACK routine as Spark's (gesdd), and with the signs that it gives them; those
    depend on the LAPACK, so that a component may point the other way than Spark's. Vectors of more than
    65,535 features are refused: their covariance would take 34 GB. (Spark turns to another method there,
    which does not centre the rows.)

    >>> rows = {"v": [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]}
    >>> PCA(k=1, inputCol="v").fit(rows).explainedVariance
    DenseVector([1.0])
    """

    setK = Setter(PCAParams.k)

    def _fit(self, dataset: Dataset) -> "PCAModel":
        components = self.getK()
        found = gang(dataset.select([self.getInputCol()]), covariance, self)
        size = len(found["covariance"])
        if found["count"] < 2:
            rows = "are no rows" if found["count"] == 0 else "is 1 row"
            raise InputError(f"{self.uid}: there {rows} to fit to, but a covariance needs two")
        if components > size:
            raise InputError(
                f"{column_label(self, self.getInputCol())} holds vectors of size {size}, which have no "
                f"{components} components: set k to at most {size}"
            )
        if not (finite := np.isfinite(np.diag(found["covariance"]))).all():
            raise InputError(
                f"{column_label(self, self.getInputCol())} has NaN or infinity in feature "
                f"{int(np.argmin(finite))}: fill it, or leave such rows out"
            )
        directions, shares = principal_components(found["covariance"])
        pc = DenseMatrix(size, components, directions[:, :components].reshape(-1, order="F"))
        return PCAModel(pc, DenseVector(shares[:components]))._fitted_by(self)


class PCAModel(VectorTransform, PCAParams, Model):
    """Projects vectors onto the components; rows are not centred, as in Spark. Results are dense.

    Attributes:
        pc: one column for each component.
        explainedVariance: each component's share of the variance.
    """

    _saved: ClassVar = SavedColumns(pc=MATRIX, explainedVariance=VECTOR)

    def __init__(self, pc: Matrix, explainedVariance: Vector) -> None:
        super().__init__()
        self.pc = pc
        self.explainedVariance = DenseVector(explainedVariance.toArray())

    def __repr__(self) -> str:
        return f"PCAModel: uid={self.uid}, k={self.getK()}"

    def _vector_size(self) -> int:
        return self.pc.numCols

    def _fitted_size(self) -> int:
        return self.pc.numRows

    def _transformed(self, block: VectorBlock) -> VectorBlock:
        return projected(block, self.pc.toArray())


def covariance(collective: Collective, rows: Dataset, stage: PCA) -> Mapping[str, Any]:
    """Count and sample covariance (n - 1) of the vectors, in two passes over the rows.

    The second pass subtracts the mean of all rows before it multiplies, so that a large mean costs no digits;
    sparse vectors are not made dense, and the mean's part is subtracted at the end.

    Returns:
        count: how many rows there are.
        covariance: float64[D, D].
    """
    vectors = TrainingVectors(stage, rows, stage.getInputCol())
    sums = np.zeros(0)
    for part in map_in_order(VectorBlock.column_sums, vectors):
        sums = part + (sums if len(sums) else 0.0)
    size = vectors.agreed_size(collective)
    if size > MOST_FEATURES:
        raise InputError(
            f"{column_label(stage, stage.getInputCol())} holds vectors of size {size}, of which PCA takes at "
            f"most {MOST_FEATURES}: select or hash features first"
        )
    sums = collective.allreduce(sums if len(sums) else np.zeros(size))
    total = int(collective.allreduce(np.array([vectors.count]))[0])
    mean = sums / max(total, 1)
    products = np.zeros((size, size))
    for block in vectors:
        products += centred_products(block, mean)
    return {"count": total, "covariance": collective.allreduce(products) / max(total - 1, 1)}


def centred_products(block: VectorBlock, mean_D: FloatArray) -> FloatArray:
    """float64[D, D], the sum of (x - mean)(x - mean)^T over the vectors of a block.

    >>> centred_products(VectorBlock.from_dense(np.array([[1.0, 2.0], [3.0, 2.0]])), np.array([2.0, 2.0]))
    array([[2., 0.],
           [0., 0.]])
    """
    if block.is_dense.all():
        centred_ND = block.to_dense() - mean_D
        return centred_ND.T @ centred_ND
    x_ND = block.to_csr()
    crossed = np.outer(block.column_sums(), mean_D)
    return (x_ND.T @ x_ND).toarray() - crossed - crossed.T + len(block) * np.outer(mean_D, mean_D)


def principal_components(covariance_DD: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Directions, float64[D, D], one a column, and their shares of the variance, float64[D], falling."""
    linalg = require("scipy.linalg", extra="ml")
    directions, variances, _ = linalg.svd(covariance_DD, lapack_driver="gesdd")
    total = variances.sum()
    return directions, np.divide(variances, total, out=np.full(len(variances), np.nan), where=total > 0)


def projected(block: VectorBlock, components_DK: FloatArray) -> VectorBlock:
    """Dense vectors [N, K], each vector of a block times the components.

    >>> block = VectorBlock.from_dense(np.array([[1.0, 2.0]]))
    >>> projected(block, np.array([[1.0], [0.5]])).to_vectors()
    [DenseVector([2.0])]
    """
    # Row after row: BLAS is many times slower at few columns that are stored one after the other.
    components_DK = np.ascontiguousarray(components_DK)
    if not block.is_dense.all():
        return VectorBlock.from_dense(np.asarray(block.to_csr() @ components_DK))
    x_ND = block.to_dense()
    projected_NK = np.empty((len(block), components_DK.shape[1]))
    for start in range(0, len(block), PIECE_ROWS):
        piece = slice(start, start + PIECE_ROWS)
        np.matmul(x_ND[piece], components_DK, out=projected_NK[piece])
    return VectorBlock.from_dense(projected_NK)
