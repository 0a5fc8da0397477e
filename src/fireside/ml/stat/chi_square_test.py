"""Pearson's test of independence between features and a label, all of them categories."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fireside.compute import Collective, Dataset, TableDataset, gang
from fireside.compute.threads import map_in_order
from fireside.core.errors import InputError
from fireside.ml.columns import column_label, read_numbers
from fireside.ml.frame import open_frame, return_frame
from fireside.ml.linalg import VectorBlock
from fireside.ml.param import Params
from fireside.ml.schema import input_field, is_numeric, vector_field
from fireside.ml.stat.feature_test import FeatureTest, reader_named
from fireside.ml.stat.grouped_sums import gather_groups, grouped_counts, merge_groups, numbered
from fireside.ml.training_vectors import TrainingVectors

__all__ = ["ChiSquareTest", "chi_square", "chi_square_of_columns"]

FloatArray = npt.NDArray[np.float64]

MAX_CATEGORIES = 10_000
"""More distinct values than this are taken for a number that was meant to be binned, as in Spark."""


class ChiSquareTest:
    """Whether features and label are independent, feature by feature."""

    @staticmethod
    def test(dataset: Any, featuresCol: str, labelCol: str, flatten: bool = False) -> Any:
        """Test every feature; each distinct number is a category.

        Args:
            dataset: any frame or path that `fireside.compute.as_dataset` takes.
            featuresCol: name of the column of vectors.
            labelCol: name of the column of labels, numbers.
            flatten: whether the result has a row for each feature (featureIndex, pValue, degreesOfFreedom,
                statistic), rather than one row of vectors (pValues, degreesOfFreedom, statistics).

        Returns:
            The kind of frame that came in.

        >>> from fireside.ml.linalg import Vectors
        >>> features = [Vectors.dense(0, 0), Vectors.dense(0, 1), Vectors.dense(1, 1), Vectors.dense(1, 0)]
        >>> ChiSquareTest.test({"f": features, "y": [0, 0, 1, 1]}, "f", "y")["statistics"]
        [DenseVector([4.0, 0.0])]
        """
        stage = reader_named("ChiSquareTest")
        found = chi_square_of_columns(stage, open_frame(dataset), featuresCol, labelCol)
        return return_frame(TableDataset(found.to_table(flatten=flatten)), dataset)


def chi_square_of_columns(stage: Params, rows: Dataset, features: str, labels: str) -> FeatureTest:
    """The test of every feature of a column.

    Raises:
        SchemaError: a column is missing or of the wrong type.
        InputError: there are no rows, NaN, or too many categories.
    """
    vector_field(stage, rows.schema, features)
    input_field(stage, rows.schema, labels, wanted="a number", fits=is_numeric)
    return FeatureTest.of(gang(rows.select([features, labels]), _test_features, stage, features, labels))


def _test_features(
    collective: Collective, rows: Dataset, stage: Params, features: str, labels: str
) -> Mapping[str, Any]:
    """Count the cells of all contingency tables, and test each."""
    vectors = TrainingVectors(stage, rows, features)
    cells, label_counts = np.zeros((4, 0)), np.zeros((2, 0))

    def read() -> Iterator[tuple[VectorBlock, FloatArray]]:
        for batch in rows.batches():
            block = vectors.read(batch)
            if np.isnan(block.values).any():
                raise InputError(f"{column_label(stage, features)} has NaN: fill it, or leave such rows out")
            yield block, read_numbers(stage, batch, labels)

    for part, y_counts in map_in_order(_counted, read()):
        cells, label_counts = merge_groups([cells, part], 3), merge_groups([label_counts, y_counts], 1)
    size = vectors.agreed_size(collective)
    columns = gather_groups(collective, cells, 3)
    y_values, y_counts = gather_groups(collective, label_counts, 1)
    if not len(y_values):
        raise InputError(f"{stage.uid}: there are no rows to test")
    found = []
    _check_categories(stage, labels, len(y_values))
    bounds = np.searchsorted(columns[0], np.arange(size + 1))
    for feature in range(size):
        _, values, y, counts = (column[bounds[feature] : bounds[feature + 1]] for column in columns)
        table = contingency_table(values, np.searchsorted(y_values, y), counts, y_counts)
        _check_categories(stage, f"{features}[{feature}]", len(table))
        found.append(chi_square(table))
    p_values, degrees, statistics = (np.array(part) for part in zip(*found, strict=True)) if found else (
        np.zeros(0), np.zeros(0), np.zeros(0)
    )  # fmt: skip
    return FeatureTest(p_values, degrees.astype(np.int64), statistics)._asdict()


def contingency_table(
    values: FloatArray, labels: npt.NDArray[np.intp], counts: FloatArray, totals: FloatArray
) -> FloatArray:
    """float64[V, L], how often each value meets each label; zeros are what is left of the totals.

    Args:
        values: float64[C], ascending, none of them 0.
        labels: intp[C], places of labels.
        counts: float64[C].
        totals: float64[L], how often each label occurs.
    """
    distinct, places = np.unique(values, return_inverse=True)
    table = np.zeros((len(distinct), len(totals)))
    table[places, labels] = counts
    zeros = totals - table.sum(axis=0)
    return np.vstack([table, zeros]) if zeros.any() else table


def chi_square(table: FloatArray) -> tuple[float, int, float]:
    """The p-value, the degrees of freedom, and the statistic of one contingency table.

    Source: Pearson, 1900: the sum of (observed - expected)^2 / expected, with (V - 1) (L - 1) degrees.

    Args:
        table: float64[V, L], without empty rows and columns.

    >>> chi_square(np.array([[5.0, 5.0], [10.0, 10.0]]))
    (1.0, 1, 0.0)
    """
    from scipy.special import chdtrc

    degrees = (table.shape[0] - 1) * (table.shape[1] - 1)
    if not degrees:
        return 1.0, 0, 0.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    # Exactly, so that features that differ in the order of their values alone have the same statistic.
    statistic = math.fsum((np.square(table - expected) / expected).ravel().tolist())
    return float(chdtrc(degrees, statistic)), degrees, statistic


def nonzero_cells(block: VectorBlock, labels: FloatArray) -> FloatArray:
    """float64[4, C], features, their values that are not 0, labels, and how often these three meet."""
    known, places = numbered(labels)
    cells = grouped_counts([block.indices, block.values, np.repeat(places, np.diff(block.indptr))])
    cells[2] = known[cells[2].astype(np.intp)]
    return cells[:, cells[1] != 0]


def _counted(read: tuple[VectorBlock, FloatArray]) -> tuple[FloatArray, FloatArray]:
    """The cells of some rows, and how often each label occurs."""
    block, labels = read
    return nonzero_cells(block, labels), grouped_counts([labels])


def _check_categories(stage: Params, column: str, many: int) -> None:
    if many > MAX_CATEGORIES:
        raise InputError(
            f"{stage.uid}: {column} has {many} distinct values, but a test of categories takes at most "
            f"{MAX_CATEGORIES}: bin the numbers first, with QuantileDiscretizer"
        )
