"""The F test of a linear regression on one feature: whether a feature and a number go together.

Source: the t test of Pearson's correlation r, squared: F = r^2 / (1 - r^2) (n - 2).

Shapes: N rows, D features.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fireside.compute import Collective, Dataset, gang
from fireside.compute.threads import map_in_order
from fireside.core.errors import InputError
from fireside.ml.columns import read_numbers
from fireside.ml.linalg import VectorBlock
from fireside.ml.param import Params
from fireside.ml.stat.feature_test import FeatureTest
from fireside.ml.training_vectors import TrainingVectors

__all__ = ["f_test_of_correlations", "f_value_of_columns"]

FloatArray = npt.NDArray[np.float64]


def f_value_of_columns(stage: Params, rows: Dataset, features: str, labels: str) -> FeatureTest:
    """The test of every feature of a column, against labels that are numbers."""
    return FeatureTest.of(gang(rows.select([features, labels]), _test_features, stage, features, labels))


def _test_features(
    collective: Collective, rows: Dataset, stage: Params, features: str, labels: str
) -> Mapping[str, Any]:
    vectors = TrainingVectors(stage, rows, features)
    sums, totals = np.zeros(0), np.zeros(2)
    for batch in rows.batches():
        block = vectors.read(batch)
        sums = block.column_sums() + (sums if len(sums) else 0.0)
        totals += [len(block), read_numbers(stage, batch, labels).sum()]
    size = vectors.agreed_size(collective)
    sums = collective.allreduce(sums if len(sums) else np.zeros(size))
    count, label_sum = collective.allreduce(totals).tolist()
    if not count:
        raise InputError(f"{stage.uid}: there are no rows to fit to")
    products = np.zeros((3, size))

    def centred_products(read: tuple[VectorBlock, FloatArray]) -> list[FloatArray]:
        x_ND, y_N = read[0].to_dense() - sums / count, read[1] - label_sum / count
        # Not as products of matrices, whose threads cost more than they save where D is small.
        xy, xx = np.einsum("n,nd->d", y_N, x_ND), np.einsum("nd,nd->d", x_ND, x_ND)
        return [xy, xx, np.full(size, np.square(y_N).sum())]

    pairs = ((vectors.read(batch), read_numbers(stage, batch, labels)) for batch in rows.batches())
    for part in map_in_order(centred_products, pairs):
        products += part
    xy, xx, yy = collective.allreduce(products)
    return f_test_of_correlations(xy, xx, yy, int(count))._asdict()


def f_test_of_correlations(xy: FloatArray, xx: FloatArray, yy: FloatArray, num_rows: int) -> FeatureTest:
    """The F test of sums of products of centred features x and labels y, float64[D] each.

    >>> found = f_test_of_correlations(np.array([3.0]), np.array([5.0]), np.array([5.0]), 4)
    >>> found.statistics.round(4), found.degrees
    (array([1.125]), array([2]))
    """
    from scipy.special import fdtrc

    degrees = num_rows - 2
    with np.errstate(divide="ignore", invalid="ignore"):
        squared = np.square(xy) / (xx * yy)
        statistics = squared / (1.0 - squared) * degrees
    p_values = np.asarray(fdtrc(1, degrees, statistics))
    return FeatureTest(p_values, np.full(len(xy), degrees), statistics)
