"""The event models of naive Bayes: what is learnt for each class, and how rows are scored by it.

multinomial and complement count how often features occur (McCallum and Nigam, 1998; Rennie et al., 2003),
bernoulli whether they do, gaussian measures them.

Shapes: N rows, C classes, D features.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fireside.ml.clustering.matrix import Matrix
from fireside.ml.linalg.fold import fold_columns

__all__ = ["LinearScores", "discrete_parameters", "gaussian_parameters", "gaussian_scores", "linear_scores"]

FloatArray = npt.NDArray[np.float64]

VARIANCE_FLOOR = 1e-9
"""Share of the largest variance of a feature that is added to all: without it a constant has variance 0."""

_CELLS_AT_ONCE = 1 << 20


def discrete_parameters(
    kind: str, weights: FloatArray, features: FloatArray, smoothing: float
) -> tuple[FloatArray, FloatArray]:
    """Log priors and log likelihoods of counts.

    Args:
        kind: "multinomial", "complement" or "bernoulli".
        weights: float64[C], of the rows of each class.
        features: float64[C, D], their weighted sums.
        smoothing: lambda, added to each count.

    Returns:
        pi: float64[C], log((n_c + lambda) / (n + C lambda)).
        theta: float64[C, D]; log of the share of each feature in the class, of *minus* that in all other
            classes (complement), or of the rows that have it (bernoulli).

    >>> counts = np.array([[3.0, 0.0], [1.0, 1.0]])
    >>> pi, theta = discrete_parameters("multinomial", np.array([1.0, 1.0]), counts, 1.0)
    >>> np.exp(pi).round(3), np.exp(theta).round(3)
    (array([0.5, 0.5]), array([[0.8, 0.2], [0.5, 0.5]]))
    """
    pi = np.log(weights + smoothing) - np.log(weights.sum() + len(weights) * smoothing)
    if kind == "complement":
        features = features.sum(axis=0) - features
    whole = weights + 2 * smoothing
    if kind != "bernoulli":
        whole = features.sum(axis=1) + features.shape[1] * smoothing
    # Without smoothing a feature that does not occur has the likelihood 0, whose log is meant.
    with np.errstate(divide="ignore", invalid="ignore"):
        theta = np.log(features + smoothing) - np.log(whole)[:, None]
    return pi, -theta if kind == "complement" else theta


def gaussian_parameters(
    weights: FloatArray, means: FloatArray, deviations: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Log priors, and variances with the floor of `VARIANCE_FLOOR`.

    Args:
        weights: float64[C], of the rows of each class.
        means: float64[C, D].
        deviations: float64[C, D], weighted sums of squared deviations from these means.

    Returns:
        pi: float64[C], log(n_c / n).
        sigma: float64[C, D].
    """
    total = weights.sum()
    overall = weights @ means / total
    variances = (deviations.sum(axis=0) + weights @ np.square(means - overall)) / total
    floor = VARIANCE_FLOOR * variances.max(initial=0.0)
    return np.log(weights) - np.log(total), floor + deviations / weights[:, None]


@dataclass(frozen=True, slots=True)
class LinearScores:
    """Scores that are linear in the features.

    Attributes:
        intercepts: float64[C].
        coefficients: float64[D, C], finite.
        if_present: float64[D, C], 1 where a feature that is not 0 decides everything (its likelihood is 0);
            `None` where none does.
        if_absent: the same for a feature that is 0.
        decided: the score that is then given, minus or plus infinity.
    """

    intercepts: FloatArray
    coefficients: FloatArray
    if_present: FloatArray | None
    if_absent: FloatArray | None
    decided: float

    def of(self, matrix: Matrix) -> FloatArray:
        """float64[N, C], the scores of rows [N, D], dense or CSR."""
        scores: Any = matrix @ self.coefficients + self.intercepts
        if self.if_present is not None or self.if_absent is not None:
            # 0 times the log of 0 is nothing here, where arithmetic would make it NaN.
            present: Any = (matrix != 0).astype(np.float64)
            if self.if_present is not None:
                scores[present @ self.if_present > 0] = self.decided
            if self.if_absent is not None:
                scores[self.if_absent.sum(axis=0) - present @ self.if_absent > 0] = self.decided
        return scores


def linear_scores(kind: str, pi: FloatArray, theta: FloatArray) -> LinearScores:
    """How a discrete event model scores.

    multinomial: pi + sum_j x_j theta_j; complement: sum_j x_j theta_j; bernoulli: pi + the sum of theta_j
    where x_j = 1 and of log(1 - exp(theta_j)) where x_j = 0.

    >>> scores = linear_scores("multinomial", np.zeros(2), np.log([[0.5, 0.5], [0.9, 0.1]]))
    >>> scores.of(np.array([[2.0, 0.0]])).round(3)
    array([[-1.386, -0.211]])
    """
    if kind == "bernoulli":
        with np.errstate(divide="ignore"):
            absent = np.log1p(-np.exp(theta))
        return LinearScores(
            intercepts=pi + _finite(absent).sum(axis=1),
            coefficients=_columns(_finite(theta) - _finite(absent)),
            if_present=_infinite(theta),
            if_absent=_infinite(absent),
            decided=-np.inf,
        )
    return LinearScores(
        intercepts=np.zeros(len(pi)) if kind == "complement" else pi,
        coefficients=_columns(_finite(theta)),
        if_present=_infinite(theta),
        if_absent=None,
        decided=np.inf if kind == "complement" else -np.inf,
    )


def gaussian_scores(matrix: Matrix, pi: FloatArray, theta: FloatArray, sigma: FloatArray) -> FloatArray:
    """float64[N, C], pi - sum_j ((x_j - theta_j)^2 / sigma_j + log sigma_j) / 2.

    Rows are made dense, some at a time: near the mean of a feature that hardly varies, sums over the stored
    entries alone would lose all digits.
    """
    scores = np.empty((matrix.shape[0], len(pi)))
    rows_at_once = max(1, _CELLS_AT_ONCE // max(1, matrix.shape[1]))
    log_variances = np.log(sigma).sum(axis=1)
    for start in range(0, matrix.shape[0], rows_at_once):
        some = slice(start, start + rows_at_once)
        rows: Any = matrix[some]
        dense = rows if isinstance(rows, np.ndarray) else rows.toarray()
        for index in range(len(pi)):
            distances = fold_columns(np.add, np.square(dense - theta[index]) / sigma[index])[:, 0]
            scores[some, index] = pi[index] - (distances + log_variances[index]) / 2
    return scores


def _columns(array: FloatArray) -> FloatArray:
    """The transpose, C-contiguous, which scipy would otherwise make on each call."""
    return np.ascontiguousarray(array.T)


def _finite(array: FloatArray) -> FloatArray:
    return np.where(np.isfinite(array), array, 0.0)


def _infinite(array: FloatArray) -> FloatArray | None:
    if np.isfinite(array).all():
        return None
    return _columns((~np.isfinite(array)).astype(np.float64))
