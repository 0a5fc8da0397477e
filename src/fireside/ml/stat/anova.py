"""The analysis of variance: whether the mean of a feature differs between labels.

Source: Fisher, "Statistical Methods for Research Workers", 1925. Shapes: N rows, D features, L labels.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fireside.compute import Collective, Dataset, gang
from fireside.core.errors import InputError
from fireside.ml.columns import read_numbers, read_vectors
from fireside.ml.param import Params
from fireside.ml.stat.feature_test import FeatureTest

__all__ = ["anova_of_columns", "f_test_between"]

FloatArray = npt.NDArray[np.float64]


def anova_of_columns(stage: Params, rows: Dataset, features: str, labels: str) -> FeatureTest:
    """The one-way test of every feature of a column, against labels that are categories."""
    return FeatureTest.of(gang(rows.select([features, labels]), _test_features, stage, features, labels))


def _test_features(
    collective: Collective, rows: Dataset, stage: Params, features: str, labels: str
) -> Mapping[str, Any]:
    mine = [np.unique(read_numbers(stage, batch, labels)) for batch in rows.batches()]
    known = np.unique(np.concatenate(collective.allgather(np.concatenate([np.zeros(0), *mine]))))
    if not len(known):
        raise InputError(f"{stage.uid}: there are no rows to fit to")
    counts, sums = np.zeros(len(known)), np.zeros((len(known), 0))
    for batch in rows.batches():
        block, groups = _grouped(stage, batch, features, labels, known, sums.shape[1])
        counts += np.bincount(groups, minlength=len(known))
        sums = _sums(block.to_matrix(), groups, len(known)) + (sums if sums.size else 0.0)
    size = int(collective.allreduce(np.array([sums.shape[1]]), "max")[0])
    sums = collective.allreduce(sums if sums.shape[1] == size else np.zeros((len(known), size)))
    counts = collective.allreduce(counts)
    means, within = sums / counts[:, None], np.zeros(size)
    for batch in rows.batches():
        block, groups = _grouped(stage, batch, features, labels, known, size)
        within += np.square(block.to_dense() - means[groups]).sum(axis=0)
    mean = sums.sum(axis=0) / counts.sum()
    between = counts @ np.square(means - mean)
    return f_test_between(between, collective.allreduce(within), len(known), int(counts.sum()))._asdict()


def f_test_between(between: FloatArray, within: FloatArray, num_labels: int, num_rows: int) -> FeatureTest:
    """The F test of sums of squares between and within labels, float64[D] each.

    >>> found = f_test_between(np.array([8.0]), np.array([4.0]), 2, 6)
    >>> found.statistics, found.p_values.round(4), found.degrees
    (array([8.]), array([0.0474]), array([5]))
    """
    from scipy.special import fdtrc

    between_degrees, within_degrees = num_labels - 1, num_rows - num_labels
    with np.errstate(divide="ignore", invalid="ignore"):
        statistics = (between / between_degrees) / (within / within_degrees)
    p_values = np.asarray(fdtrc(between_degrees, within_degrees, statistics))
    degrees = np.full(len(between), between_degrees + within_degrees)
    return FeatureTest(p_values, degrees, statistics)


def _grouped(
    stage: Params, batch: Any, features: str, labels: str, known: FloatArray, size: int
) -> tuple[Any, npt.NDArray[np.intp]]:
    block = read_vectors(stage, batch, features, size=size or None)
    return block, np.searchsorted(known, read_numbers(stage, batch, labels))


def _sums(matrix: Any, groups: npt.NDArray[np.intp], many: int) -> FloatArray:
    from scipy.sparse import csr_array

    rows = len(groups)
    indicator = csr_array((np.ones(rows), groups, np.arange(rows + 1)), shape=(rows, many)).T
    summed: Any = indicator @ matrix
    return summed if isinstance(summed, np.ndarray) else summed.toarray()
