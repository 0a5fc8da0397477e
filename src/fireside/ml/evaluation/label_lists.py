"""Pairs of lists of numbers, predicted and true, as arrays that kernels can match.

Shapes: N rows, E elements of all lists together.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.compute import Dataset
from fireside.core.errors import InputError
from fireside.ml.columns import column_label, column_without_nulls
from fireside.ml.evaluation.evaluator import Evaluator
from fireside.ml.feature.text.lists import split_lists
from fireside.ml.linalg.vector_type import is_number_list
from fireside.ml.param.shared import HasLabelCol, HasPredictionCol
from fireside.ml.schema import input_field

__all__ = ["LabelLists", "LabelListsEvaluator", "Lists"]

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.intp]


class Lists(NamedTuple):
    """N lists of numbers.

    Attributes:
        rows: intp[E], the list of each element.
        places: intp[E], its place in that list.
        values: float64[E].
        lengths: intp[N].
    """

    rows: IndexArray
    places: IndexArray
    values: FloatArray
    lengths: IndexArray


class LabelLists(NamedTuple):
    """The predicted and the true lists of the same rows."""

    predictions: Lists
    labels: Lists

    def keys(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """int64[E] for the predictions and for the labels: equal for equal numbers of one row."""
        distinct, codes = np.unique(
            np.concatenate([self.predictions.values, self.labels.values]), return_inverse=True
        )
        rows = np.concatenate([self.predictions.rows, self.labels.rows])
        keys = rows.astype(np.int64) * len(distinct) + codes
        return keys[: len(self.predictions.rows)], keys[len(self.predictions.rows) :]


class LabelListsEvaluator(HasLabelCol, HasPredictionCol, Evaluator):
    """An evaluator that compares lists of numbers."""

    def _lists(self, rows: Dataset) -> Iterator[LabelLists]:
        """The lists of each batch.

        Raises:
            InputError: a list, or a number in it, is null.
        """
        for batch in rows.batches():
            yield LabelLists(*(self._read(batch, column) for column in self._columns()))

    def _columns(self) -> list[str]:
        return [self.getPredictionCol(), self.getLabelCol()]

    def _checked(self, dataset: Dataset) -> Dataset:
        """The two columns alone; raises `SchemaError` where they do not hold lists of numbers."""
        for column in self._columns():
            input_field(
                self,
                dataset.schema,
                column,
                wanted="a list of numbers",
                fits=_is_number_list,
            )
        return dataset.select(list(dict.fromkeys(self._columns())))

    def _read(self, batch: pa.RecordBatch, column: str) -> Lists:
        lists = column_without_nulls(self, batch, column)
        bounds, flat = split_lists(lists)
        values: FloatArray = flat.cast(pa.float64()).to_numpy(zero_copy_only=False)
        if np.isnan(values).any():
            raise InputError(
                f"{column_label(self, column)} has a list with a null or NaN: leave such values out first"
            )
        lengths = np.diff(bounds)
        rows = np.repeat(np.arange(batch.num_rows), lengths)
        return Lists(rows, np.arange(len(values)) - bounds[rows], values, lengths)


def _is_number_list(kind: pa.DataType) -> bool:
    # A column of empty lists alone says nothing about what they hold.
    return is_number_list(kind) or (pa.types.is_list(kind) and pa.types.is_null(kind.value_type))
