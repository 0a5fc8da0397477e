"""Numbers to zeros and ones, by a threshold."""

import numpy as np
import pyarrow as pa

from fireside.core.errors import InputError
from fireside.ml.attributes import binary_field, vector_field_of
from fireside.ml.base import Transformer
from fireside.ml.columns import as_floats, read_vectors
from fireside.ml.linalg import VectorBlock
from fireside.ml.linalg.vector_type import is_vector_like
from fireside.ml.multi_column import column_pairs
from fireside.ml.param import Param, TypeConverters, accessors, param
from fireside.ml.param.shared import HasInputCol, HasInputCols, HasOutputCol, HasOutputCols
from fireside.ml.row_function import Row, RowFunction, usual_number, vector_reader
from fireside.ml.row_transform import RowTransform
from fireside.ml.schema import input_field, is_numeric

__all__ = ["Binarizer"]


class Binarizer(RowTransform, HasInputCol, HasOutputCol, HasInputCols, HasOutputCols, Transformer):
    """Replaces numbers above a threshold by 1, and all others by 0; vectors entry by entry.

    As in Spark, a null or NaN in a column of numbers is not above anything, and becomes 0. Columns of
    integers are taken too, which Spark refuses.

    >>> Binarizer(threshold=0.5, inputCol="x", outputCol="b").transform({"x": [0.1, 0.8, 0.5]})["b"]
    [0.0, 1.0, 0.0]
    """

    threshold: Param[float] = param(
        TypeConverters.toFloat, "numbers above it become 1.0, all others 0.0", default=0.0
    )
    getThreshold, setThreshold = accessors(threshold)
    thresholds: Param[list[float]] = param(
        TypeConverters.toListFloat, "one threshold for each of inputCols; unset: threshold holds for all"
    )
    getThresholds, setThresholds = accessors(thresholds)

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        fields = []
        for source, target, _ in self._columns():
            field = input_field(
                self,
                schema,
                source,
                wanted="a number or a vector",
                fits=lambda kind: is_numeric(kind) or is_vector_like(kind),
            )
            is_vector = is_vector_like(field.type)
            fields.append(vector_field_of(target) if is_vector else binary_field(target, pa.float64()))
        return fields

    def _output_columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        columns = []
        for source, _, threshold in self._columns():
            if is_vector_like(batch.schema.field(source).type):
                columns.append(binarized(read_vectors(self, batch, source), threshold).to_arrow())
            else:
                above = as_floats(batch.column(source)) > threshold
                columns.append(pa.array(above.astype(np.float64)))
        return columns

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        columns = [(*column, vector_reader(schema, column[0], None)) for column in self._columns()]
        usual = all(read or usual_number(schema.field(source).type) for source, _, _, read in columns)

        def function(row: Row) -> Row:
            for source, target, threshold, read in columns:
                if read:
                    row[target] = binarized(read(row), threshold)
                else:
                    number = row[source]
                    row[target] = float(number is not None and number > threshold)
            return row

        return function if usual else None

    def _columns(self) -> list[tuple[str, str, float]]:
        """Input, output and threshold of each column."""
        pairs = column_pairs(self)
        if not self.isSet("inputCols") or not self.isSet("thresholds"):
            return [(source, target, self.getThreshold()) for source, target in pairs]
        if self.isSet("threshold"):
            raise InputError(f"{self.uid}: set threshold or thresholds, not both")
        thresholds = self.getThresholds()
        if len(thresholds) != len(pairs):
            raise InputError(
                f"{self.uid}: {len(pairs)} inputCols need as many thresholds, got {len(thresholds)}"
            )
        return [(*pair, threshold) for pair, threshold in zip(pairs, thresholds, strict=True)]


def binarized(block: VectorBlock, threshold: float) -> VectorBlock:
    """1 where an entry is above the threshold, else 0; each row dense or sparse, whichever is smaller.

    Below 0 the entries that are not stored are above the threshold too. There, as in Spark, NaN counts as
    above it.

    >>> from fireside.ml.linalg import SparseVector
    >>> binarized(VectorBlock.from_vectors([SparseVector(4, {1: 0.2, 3: 5.0})]), 1.0).to_vectors()
    [SparseVector(4, {3: 1.0})]
    """
    if threshold >= 0:
        return block.with_values((block.values > threshold).astype(np.float64)).compressed()
    ones = np.ones((len(block), block.size))
    low = block.values <= threshold
    ones[block.rows()[low], block.indices[low]] = 0.0
    return VectorBlock.from_dense(ones).compressed()
