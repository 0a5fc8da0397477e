"""Indices back to labels."""

import numpy as np
import pyarrow as pa

from fireside.core.errors import InputError, SchemaError
from fireside.ml.attributes import labels_of
from fireside.ml.base import Transformer
from fireside.ml.columns import as_floats, column_label, column_without_nulls
from fireside.ml.param import Param, TypeConverters, accessors, param
from fireside.ml.param.shared import HasInputCol, HasOutputCol
from fireside.ml.row_function import Row, RowFunction, UnusualValue, present, usual_number
from fireside.ml.row_transform import RowTransform
from fireside.ml.schema import input_field, is_numeric

__all__ = ["IndexToString"]


class IndexToString(RowTransform, HasInputCol, HasOutputCol, Transformer):
    """Replaces indices by labels: those given, or those that `StringIndexer` left in the column's metadata.

    Frames of Arrow and Spark carry metadata from stage to stage, and so does a pipeline; pandas does not.

    >>> IndexToString(inputCol="i", outputCol="c", labels=["b", "a"]).transform({"i": [1.0, 0.0]})
    {'i': [1.0, 0.0], 'c': ['a', 'b']}
    """

    labels: Param[list[str]] = param(
        TypeConverters.toListString, "the labels, in the order of their indices; unset: those of the metadata"
    )
    getLabels, setLabels = accessors(labels)

    def _output_fields(self, schema: pa.Schema) -> list[pa.Field]:
        self._labels_for(schema)
        return [pa.field(self.getOutputCol(), pa.string())]

    def _output_columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        labels = self._labels_for(batch.schema)
        column = self.getInputCol()
        numbers = as_floats(column_without_nulls(self, batch, column))
        outside = ~((numbers >= 0) & (numbers < len(labels)))
        if outside.any():
            raise InputError(
                f"{column_label(self, column)} has the index {numbers[np.argmax(outside)]}, but the labels "
                f"are for 0 to {len(labels) - 1}: give more labels, or leave such rows out"
            )
        return [pa.array(labels, pa.string()).take(pa.array(numbers.astype(np.int64)))]

    def _row_function(self, schema: pa.Schema) -> RowFunction | None:
        source, target, labels = self.getInputCol(), self.getOutputCol(), self._labels_for(schema)

        def function(row: Row) -> Row:
            index = present(row[source])
            if not 0 <= index < len(labels):
                raise UnusualValue
            row[target] = labels[int(index)]
            return row

        return function if usual_number(schema.field(source).type) else None

    def _labels_for(self, schema: pa.Schema) -> list[str]:
        field = input_field(self, schema, self.getInputCol(), wanted="a number", fits=is_numeric)
        given = self.getLabels() if self.isDefined("labels") else []
        labels = given or labels_of(field)
        if labels is None:
            raise SchemaError(
                f"{column_label(self, field.name)} has no labels in its metadata: pass labels=[...]"
            )
        return labels
