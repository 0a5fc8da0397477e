"""Renaming the entries of vectors, in their metadata."""

import functools
from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa

from fireside.compute import Dataset, map_batches
from fireside.ml.attributes import entries_of, vector_field_of_entries
from fireside.ml.base import Transformer
from fireside.ml.persistence import STRING, STRING_MAP, SavedColumns
from fireside.ml.row_function import Row, RowFunction
from fireside.ml.schema import vector_field

__all__ = ["VectorAttributeRewriter"]


class VectorAttributeRewriter(Transformer):
    """Replaces parts of the names of entries, and puts the column last.

    Spark saves it inside the models of `RFormula`.

    Args:
        vectorCol: the column.
        prefixesToRewrite: what to replace by what.
    """

    _saved: ClassVar = SavedColumns(vectorCol=STRING, prefixesToRewrite=STRING_MAP)

    def __init__(self, vectorCol: str, prefixesToRewrite: Mapping[str, str]) -> None:
        super().__init__()
        self.vectorCol = vectorCol
        self.prefixesToRewrite = dict(prefixesToRewrite)

    def transformSchema(self, schema: pa.Schema) -> pa.Schema:
        field = vector_field(self, schema, self.vectorCol)
        entries = entries_of(field)
        if entries is not None:
            renamed = [
                {**entry, "name": self._renamed(entry["name"])} if "name" in entry else entry
                for entry in entries
            ]
            field = vector_field_of_entries(self.vectorCol, renamed)
        return pa.schema([*(other for other in schema if other.name != self.vectorCol), field])

    def _renamed(self, name: str) -> str:
        for old, new in self.prefixesToRewrite.items():
            name = name.replace(old, new)
        return name

    def _row_function(self, schema: pa.Schema) -> RowFunction:
        name = self.vectorCol

        def function(row: Row) -> Row:
            row[name] = row.pop(name)
            return row

        return function

    def _transform(self, dataset: Dataset) -> Dataset:
        schema = self.transformSchema(dataset.schema)
        return map_batches(dataset, functools.partial(_under, schema), schema)


def _under(schema: pa.Schema, batch: pa.RecordBatch) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([batch.column(name) for name in schema.names], schema=schema)
