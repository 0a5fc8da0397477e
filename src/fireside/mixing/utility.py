"""What a branch gains over the base mix, and what a data set is worth in the upsampled mix.

    gain of a branch       = its score - the score of its replicate's base branch
    utility of a data set  = score of the upsampled branch - score of the branch without the data set

A score is higher when better: an accuracy, or a held-out loss with its sign turned (nats per token). Both
differences are taken inside a replicate, whose branches share every step before they part. Knows nothing
about files.

Source: Blakeney et al., Does your data spark joy? (arXiv 2406.03476): branch at the start of the last phase,
leave one data set out of the upsampled mix, and compare.

Shape legend: R replicates, B branches, X data sets left out, M measures.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fireside.core.errors import InputError

__all__ = ["gains", "mean_over", "utilities"]

Float64Array = npt.NDArray[np.float64]


def gains(scores_RBM: Float64Array, base: int) -> Float64Array:
    """Every branch's scores minus those of the base branch of the same replicate.

    Args:
        scores_RBM: float64, higher is better; NaN where a run has not ended.
        base: number of the base branch.

    >>> gains(np.array([[[-3.0], [-2.5]], [[-3.1], [-2.7]]]), base=0)[:, 1, 0].round(6).tolist()
    [0.5, 0.4]
    """
    return np.asarray(scores_RBM - scores_RBM[:, base : base + 1])


def utilities(scores_RBM: Float64Array, upsampled: int, without: Sequence[int]) -> Float64Array:
    """What each data set is worth in every measure: (R, X, M).

    Args:
        scores_RBM: float64, higher is better; NaN where a run has not ended.
        upsampled: number of the branch with all data sets.
        without: numbers of the branches that left one out, as long as `upsampled`.

    >>> scores_RBM = np.array([[[0.50, -2.0], [0.41, -2.2], [0.53, -2.0]]])
    >>> utilities(scores_RBM, 0, [1, 2])[0].round(6).tolist()
    [[0.09, 0.2], [-0.03, 0.0]]
    """
    return np.asarray(scores_RBM[:, [upsampled]] - scores_RBM[:, list(without)])


def mean_over(values_M: Float64Array, members: Sequence[int]) -> Float64Array:
    """The unweighted mean of some measures (last axis), which must be of one unit.

    NaN where one of them is missing: a mean over other measures would be another quantity.

    Raises:
        InputError: no measure is named.

    >>> mean_over(np.array([[0.2, 0.4, 9.0], [0.1, np.nan, 9.0]]), [0, 1]).round(6).tolist()
    [0.3, nan]
    """
    if not members:
        raise InputError("a mean over no measures: name at least one")
    return np.asarray(values_M[..., list(members)].mean(axis=-1))
