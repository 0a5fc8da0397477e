"""Leaving out columns that stages before needed among themselves."""

from collections.abc import Sequence
from typing import ClassVar

import pyarrow as pa

from fireside.compute import Dataset
from fireside.ml.base import Transformer
from fireside.ml.persistence import STRINGS, SavedColumns
from fireside.ml.row_function import Row, RowFunction

__all__ = ["ColumnPruner"]


class ColumnPruner(Transformer):
    """Drops columns. Spark saves it inside the models of `RFormula`.

    >>> ColumnPruner(["b"]).transform({"a": [1], "b": [2]})
    {'a': [1]}
    """

    _saved: ClassVar = SavedColumns(columnsToPrune=STRINGS)

    def __init__(self, columnsToPrune: Sequence[str]) -> None:
        super().__init__()
        self.columnsToPrune = list(columnsToPrune)

    def transformSchema(self, schema: pa.Schema) -> pa.Schema:
        return pa.schema([field for field in schema if field.name not in self.columnsToPrune])

    def _row_function(self, schema: pa.Schema) -> RowFunction:
        names = [name for name in self.columnsToPrune if name in schema.names]

        def function(row: Row) -> Row:
            for name in names:
                del row[name]
            return row

        return function

    def _transform(self, dataset: Dataset) -> Dataset:
        return dataset.select(self.transformSchema(dataset.schema).names)
