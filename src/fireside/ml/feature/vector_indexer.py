"""Finding out which features of a vector are categories, and indexing those.

Shapes: N rows, D features, C categories of a feature.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.compute import Dataset, gang
from fireside.core.errors import InputError
from fireside.ml.attributes import entries_of, vector_field_of_entries
from fireside.ml.base import Estimator, Model
from fireside.ml.columns import column_label, read_vectors
from fireside.ml.feature.distinct_values import distinct_values
from fireside.ml.feature.string_indexer import UNKNOWN
from fireside.ml.feature.text.java_numbers import java_double
from fireside.ml.feature.unary import VectorColumn
from fireside.ml.linalg import VectorBlock
from fireside.ml.param import Getter, Param, Setter, TypeConverters, accessors, param
from fireside.ml.param.validators import gt, in_array
from fireside.ml.persistence import CATEGORY_MAPS, INT, SavedColumns
from fireside.ml.row_function import RowFunction, UnusualValue, vector_function
from fireside.ml.row_transform import RowTransform
from fireside.ml.schema import vector_field

if TYPE_CHECKING:
    from fireside.ml.feature.category_table import CategoryTable

__all__ = ["VectorIndexer", "VectorIndexerModel"]

FloatArray = npt.NDArray[np.float64]


class VectorIndexerParams(VectorColumn):
    """Params of `VectorIndexer` and its model."""

    maxCategories: Param[int] = param(
        TypeConverters.toInt,
        "features with more distinct values than this are numbers, not categories",
        default=20,
        check=gt(1),
    )
    getMaxCategories = Getter(maxCategories)
    handleInvalid: Param[str] = param(
        TypeConverters.toString,
        "what to do with values that were not seen: 'error', 'skip' the row, or 'keep' them as one more "
        "category",
        default="error",
        check=in_array(["skip", "error", "keep"]),
    )
    getHandleInvalid, setHandleInvalid = accessors(handleInvalid)


class VectorIndexer(VectorIndexerParams, Estimator["VectorIndexerModel"]):
    """Takes features with few distinct values for categories.

    The value 0 gets index 0 where it occurs, so that sparse vectors stay sparse; the others follow in order.

    >>> from fireside.ml.linalg import Vectors
    >>> rows = {"v": [Vectors.dense(-1, 0.1), Vectors.dense(0, 0.2), Vectors.dense(-1, 0.3)]}
    >>> VectorIndexer(inputCol="v", outputCol="o", maxCategories=2).fit(rows).categoryMaps
    {0: {0.0: 0, -1.0: 1}}
    """

    setMaxCategories = Setter(VectorIndexerParams.maxCategories)

    def _fit(self, dataset: Dataset) -> "VectorIndexerModel":
        columns = dataset.select([self.getInputCol()])
        found = gang(columns, distinct_values, self, self.getMaxCategories())
        if not found["rows"]:
            raise InputError(f"{self.uid}: there are no rows to fit to")
        counts, maps = found["counts"], {}
        ends = np.cumsum(counts)
        for feature in np.flatnonzero(counts).tolist():
            seen = found["values"][ends[feature] - counts[feature] : ends[feature]]
            ordered = [*seen[seen == 0].tolist(), *seen[seen != 0].tolist()]
            maps[feature] = {value: index for index, value in enumerate(ordered)}
        return VectorIndexerModel(len(counts), maps)._fitted_by(self)


class VectorIndexerModel(RowTransform, VectorIndexerParams, Model):
    """Replaces the values of categorical features by their indices.

    Attributes:
        numFeatures: the size of the vectors.
        categoryMaps: for each categorical feature, value -> index.
    """

    _saved: ClassVar = SavedColumns(numFeatures=INT, categoryMaps=CATEGORY_MAPS)

    def __init__(self, numFeatures: int, categoryMaps: Mapping[int, Mapping[float, int]]) -> None:
        super().__init__()
        self.numFeatures = int(numFeatures)
        self.categoryMaps = {feature: dict(values) for feature, values in sorted(categoryMaps.items())}

    def __repr__(self) -> str:
        return (
            f"VectorIndexerModel: uid={self.uid}, numFeatures={self.numFeatures}, "
            f"handleInvalid={self.getHandleInvalid()}"
        )

    @property
    def categoryMapsDF(self) -> pa.Table:
        """The maps as a table of featureIndex, originalValue and categoryIndex."""
        rows = [(f, v, i) for f, values in self.categoryMaps.items() for v, i in values.items()]
        kinds = {"featureIndex": pa.int32(), "originalValue": pa.float64(), "categoryIndex": pa.int32()}
        columns: list[Any] = list(zip(*rows, strict=True)) or [[]] * 3
        return pa.table({n: pa.array(c, k) for (n, k), c in zip(kinds.items(), columns, strict=True)})

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        known = entries_of(vector_field(self, schema, self.getInputCol()))
        entries: list[dict[str, Any]] = []
        for feature in range(self.numFeatures):
            entry: dict[str, Any] = {"type": "numeric"}
            if feature in self.categoryMaps:
                labels = [java_double(value) for value in sorted(self.categoryMaps[feature])]
                if self.getHandleInvalid() == "keep":
                    labels.append(UNKNOWN)
                binary = len(labels) == 2 and self.getHandleInvalid() == "error"
                entry = {"type": "binary"} if binary else {"type": "nominal", "ord": False}
                entry["vals"] = labels
            if known is not None and feature < len(known) and "name" in known[feature]:
                entry["name"] = known[feature]["name"]
            entries.append(entry)
        return [vector_field_of_entries(self.getOutputCol(), entries)]

    def _kept_rows(self, batch: pa.RecordBatch) -> npt.NDArray[np.bool_] | None:
        if self.getHandleInvalid() != "skip" or not batch.num_rows:
            return None
        block, _, unseen = self._indexed(batch)
        return np.bincount(block.rows()[unseen], minlength=len(block)) == 0

    def _output_columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        block, indices, unseen = self._indexed(batch)
        if self.getHandleInvalid() == "error" and unseen.any():
            entry = int(np.argmax(unseen))
            raise InputError(
                f"{column_label(self, self.getInputCol())} has the value {block.values[entry]} of feature "
                f"{block.indices[entry]} (row {block.rows()[entry]} of its batch), which was not seen: set "
                "handleInvalid to 'skip' or 'keep'"
            )
        return [block.with_values(indices).to_arrow()]

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        index_of = {
            feature: {value: float(index) for value, index in values.items()}
            for feature, values in self.categoryMaps.items()
        }
        keeps = self.getHandleInvalid() == "keep"

        def kernel(block: VectorBlock) -> VectorBlock:
            values = block.values.copy()
            places = {feature: feature for feature in index_of}
            if not block.is_dense[0]:
                places = {feature: place for place, feature in enumerate(block.indices.tolist())}
            for feature in index_of.keys() & places.keys():
                known, value = index_of[feature], values[places[feature]].item()
                # NaN equals nothing, so that a dict does not find it.
                if value != value or (value not in known and not keeps):
                    raise UnusualValue
                values[places[feature]] = known.get(value, float(len(known)))
            return block.with_values(values)

        return vector_function(schema, self.getInputCol(), self.getOutputCol(), self.numFeatures, kernel)

    def _indexed(self, batch: pa.RecordBatch) -> tuple[VectorBlock, FloatArray, npt.NDArray[np.bool_]]:
        """The vectors, their stored entries as indices, and which of these were not seen."""
        block = read_vectors(self, batch, self.getInputCol(), size=self.numFeatures)
        return block, *self._table.index(block)

    @cached_property
    def _table(self) -> "CategoryTable":
        from fireside.ml.feature.category_table import CategoryTable

        counts = np.zeros(self.numFeatures, np.int64)
        counts[list(self.categoryMaps)] = [len(categories) for categories in self.categoryMaps.values()]
        pairs = [pair for categories in self.categoryMaps.values() for pair in categories.items()]
        values, indices = np.array(pairs, np.float64).reshape(-1, 2).T
        return CategoryTable.of(counts, values, indices)

    def __getstate__(self) -> dict[str, Any]:
        # What is made of the maps need not travel with them.
        return {name: value for name, value in self.__dict__.items() if name != "_table"}
