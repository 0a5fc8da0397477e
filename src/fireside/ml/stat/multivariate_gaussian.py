"""The normal distribution of vectors."""

import math
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from fireside.core.errors import InputError
from fireside.ml.linalg import Matrix
from fireside.ml.linalg.vectors import as_vector

__all__ = ["MultivariateGaussian"]

FloatArray = npt.NDArray[np.float64]


class MultivariateGaussian:
    """A mean and a covariance, and the density that they make; the covariance may be singular.

    Where it is, the density is that on the subspace on which the distribution lies: the pseudo-inverse and
    the pseudo-determinant take the place of inverse and determinant, as in Spark.

    Args:
        mean: a vector of size D.
        cov: a matrix, or float64[D, D].

    >>> from fireside.ml.linalg import Vectors
    >>> gaussian = MultivariateGaussian(Vectors.dense(0, 0), np.eye(2))
    >>> round(gaussian.pdf(Vectors.dense(1, 1)), 5)
    0.05855
    """

    def __init__(self, mean: Any, cov: Any) -> None:
        self.mean = mean
        self.cov = cov

    def pdf(self, x: Any) -> float:
        """The density at a vector."""
        return math.exp(self.logpdf(x))

    def logpdf(self, x: Any) -> float:
        """The logarithm of the density at a vector."""
        return float(self.log_densities(as_vector(x).toArray().reshape(1, -1))[0])

    def log_densities(self, x_ND: FloatArray) -> FloatArray:
        """float64[N], the logarithms of the densities at the rows of float64[N, D]."""
        root, offset = self._factors
        whitened = (x_ND - as_vector(self.mean).toArray()) @ root
        return offset - 0.5 * np.einsum("nd,nd->n", whitened, whitened)

    @cached_property
    def _factors(self) -> tuple[FloatArray, float]:
        """A root of the pseudo-inverse of the covariance, float64[D, D], and the logarithm at the mean."""
        mean = as_vector(self.mean).toArray()
        cov = np.asarray(self.cov.toArray() if isinstance(self.cov, Matrix) else self.cov, np.float64)
        if cov.shape != (len(mean), len(mean)):
            raise InputError(
                f"a mean of size {len(mean)} needs a covariance of {len(mean)} x {len(mean)}, got {cov.shape}"
            )
        values, vectors = np.linalg.eigh(cov)
        # Below it a singular value is rounding error of 0.
        tolerance = np.finfo(np.float64).eps * values.max(initial=0.0) * len(values)
        kept = values > tolerance
        if not kept.any():
            raise InputError(
                "the covariance has no direction in which anything varies: its entries are all 0"
            )
        roots = np.divide(
            1.0, np.sqrt(values, where=kept, out=np.ones(len(values))), where=kept, out=np.zeros(len(values))
        )
        offset = -0.5 * (len(mean) * math.log(2 * math.pi) + float(np.log(values[kept]).sum()))
        return vectors * roots, offset

    def __repr__(self) -> str:
        return f"MultivariateGaussian(mean={self.mean!r}, cov={self.cov!r})"
