"""Choosing some of the features of a vector: what all selectors share.

Shapes: N rows, D features, S of them selected.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.core.errors import InputError
from fireside.ml.attributes import entries_of, vector_field_of, vector_field_of_entries
from fireside.ml.base import Model
from fireside.ml.columns import column_label, read_vectors
from fireside.ml.linalg import VectorBlock
from fireside.ml.param.shared import HasFeaturesCol, HasOutputCol
from fireside.ml.persistence import INTS, SavedColumns
from fireside.ml.row_function import RowFunction, vector_function
from fireside.ml.row_transform import AppendsColumns, RowTransform
from fireside.ml.schema import vector_field

__all__ = ["SelectorModel", "SelectorParams", "by_p_values", "select_entries"]


class SelectorParams(AppendsColumns, HasFeaturesCol, HasOutputCol):
    """Params of every selector and its model."""

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        vector_field(self, schema, self.getFeaturesCol())
        return [vector_field_of(self.getOutputCol())]


class SelectorModel(RowTransform, SelectorParams, Model):
    """Keeps the selected features of each vector; sparse vectors stay sparse.

    Attributes:
        selectedFeatures: their indices, ascending.
    """

    _saved: ClassVar = SavedColumns(selectedFeatures=INTS)

    def __init__(self, selectedFeatures: Sequence[int]) -> None:
        super().__init__()
        self.selectedFeatures = [int(index) for index in selectedFeatures]

    def __repr__(self) -> str:
        return f"{type(self).__name__}: uid={self.uid}, numSelectedFeatures={len(self.selectedFeatures)}"

    def _entry_without_metadata(self) -> dict[str, Any]:
        """What is known of a feature of which the metadata say nothing."""
        return {"type": "numeric"}

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        field = vector_field(self, schema, self.getFeaturesCol())
        entries = entries_of(field)
        if entries is None or len(entries) <= max(self.selectedFeatures, default=-1):
            chosen = [self._entry_without_metadata() for _ in self.selectedFeatures]
        else:
            chosen = [entries[index] for index in self.selectedFeatures]
        return [vector_field_of_entries(self.getOutputCol(), chosen)]

    def _output_columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        return [self._selected(read_vectors(self, batch, self.getFeaturesCol())).to_arrow()]

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        return vector_function(schema, self.getFeaturesCol(), self.getOutputCol(), None, self._selected)

    def _selected(self, block: VectorBlock) -> VectorBlock:
        selected = np.array(self.selectedFeatures, np.intp)
        if len(selected) and selected[-1] >= block.size:
            raise InputError(
                f"{column_label(self, self.getFeaturesCol())} holds vectors of size {block.size}, but "
                f"feature {selected[-1]} was selected: use the features that the model was fitted with"
            )
        return select_entries(block, selected)


def select_entries(block: VectorBlock, selected: npt.NDArray[np.intp]) -> VectorBlock:
    """[N, S], some entries of each vector.

    Args:
        block: [N, D].
        selected: intp[S], ascending.

    >>> select_entries(VectorBlock.from_dense(np.array([[1.0, 2.0, 3.0]])), np.array([0, 2])).to_dense()
    array([[1., 3.]])
    """
    if block.is_dense.all():
        return VectorBlock.from_dense(block.to_dense()[:, selected])
    places = np.full(block.size, -1, np.int32)
    places[selected] = np.arange(len(selected))
    moved = places[block.indices]
    kept = moved >= 0
    indptr = np.concatenate([[0], np.cumsum(np.bincount(block.rows()[kept], minlength=len(block)))])
    return VectorBlock(len(selected), indptr, block.values[kept], moved[kept], block.is_dense)


def by_p_values(p_values: npt.NDArray[np.float64], mode: str, threshold: float) -> list[int]:
    """The features that a mode of selection keeps, ascending.

    Source of the modes: R. A. Fisher's level for each test ("fpr"), Benjamini and Hochberg, 1995 ("fdr"), and
    Bonferroni ("fwe").

    Args:
        p_values: float64[D]; NaN is never significant.
        mode: "numTopFeatures", "percentile", "fpr", "fdr" or "fwe".
        threshold: how many, what share, or below which p-value.

    >>> by_p_values(np.array([0.5, 0.01, 0.02]), "fdr", 0.05)
    [1, 2]
    """
    many = len(p_values)
    # NaN comes last, and of equal p-values the first feature first.
    order = np.argsort(p_values, kind="stable")
    if mode == "numTopFeatures":
        kept = order[: int(threshold)]
    elif mode == "percentile":
        kept = order[: int(many * threshold)]
    elif mode == "fdr":
        below = np.flatnonzero(p_values[order] <= threshold / max(many, 1) * np.arange(1, many + 1))
        kept = order[: below[-1] + 1] if len(below) else order[:0]
    else:
        kept = np.flatnonzero(p_values < (threshold if mode == "fpr" else threshold / max(many, 1)))
    return sorted(kept.tolist())
