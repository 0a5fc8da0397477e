"""`Dataset`: a re-iterable sequence of Arrow record batches with a schema.

Invariants, of every implementation:
- `batches()` starts anew on each call, in the same order, and several may be under way at once;
- every batch has exactly `schema`, whose types are plain (see `fireside.compute.schema`), and at least one
  row, so that nobody needs to handle empty batches; a data set without rows has no batches;
- nothing is held but what the source itself holds, and the batch in hand.

Knows nothing about the formats and frames that data come from (`files`, `frames`), nor about Spark.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, final

import pyarrow as pa

from fireside.compute.schema import check_columns, conform, plain_schema
from fireside.core.errors import InputError

__all__ = ["BATCH_ROWS", "BatchFunction", "Dataset", "DistributedDataset", "TableDataset"]

BATCH_ROWS = 65_536
"""The most rows in a batch, unless the reader is told otherwise."""

BatchFunction = Callable[[pa.RecordBatch], pa.RecordBatch | Iterator[pa.RecordBatch]]
"""Maps a batch to one batch or to several; the number of rows is free."""


class Dataset(ABC):
    """A re-iterable sequence of Arrow record batches with a schema; see the module for its invariants."""

    @property
    @abstractmethod
    def schema(self) -> pa.Schema:
        """Names and plain types of the columns."""

    @property
    @abstractmethod
    def num_rows(self) -> int | None:
        """How many rows there are; `None` where only a pass over the data could tell."""

    @abstractmethod
    def batches(self) -> Iterator[pa.RecordBatch]:
        """All batches, from the first on."""

    @abstractmethod
    def to_table(self) -> pa.Table:
        """All rows in memory."""

    @abstractmethod
    def _select(self, columns: list[str]) -> "Dataset":
        """`select`, after the names were checked."""

    @property
    def column_names(self) -> list[str]:
        """The columns, in order."""
        return list(self.schema.names)

    def select(self, columns: Sequence[str]) -> "Dataset":
        """Some columns, in the order given; the others are not even read where the source allows it.

        Raises:
            SchemaError: there is no such column; the nearest is suggested.

        >>> TableDataset(pa.table({"a": [1], "b": [2]})).select(["b"]).column_names
        ['b']
        """
        check_columns(self.schema, columns)
        return self._select(list(columns))

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The Arrow PyCapsule interface: polars, duckdb and others read a data set directly."""
        reader = pa.RecordBatchReader.from_batches(self.schema, self.batches())
        return reader.__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        rows = "rows unknown" if self.num_rows is None else f"{self.num_rows} rows"
        return f"{type(self).__name__}({', '.join(self.column_names)}; {rows})"


class DistributedDataset(Dataset):
    """A data set whose rows lie on several processes, which can be sent work.

    `batches()` brings the rows to this process; the methods below leave them where they are.
    """

    @abstractmethod
    def map_batches(self, function: BatchFunction, schema: pa.Schema) -> "DistributedDataset":
        """See `fireside.compute.map_batches.map_batches`."""

    @abstractmethod
    def gang(self, worker: Callable[..., Mapping[str, Any]], arguments: tuple[Any, ...]) -> dict[str, Any]:
        """See `fireside.compute.gang.gang`."""

    @abstractmethod
    def persisted(self) -> AbstractContextManager["DistributedDataset"]:
        """See `fireside.compute.persist.persisted`."""

    @abstractmethod
    def sql(self, statement: str) -> "DistributedDataset":
        """What a statement in the cluster's own SQL selects from the rows, which it calls `__THIS__`."""


@final
class TableDataset(Dataset):
    """A table in memory.

    Args:
        table: any Arrow table; its columns are cast to plain types once.
        batch_rows: the most rows in a batch.

    >>> data = TableDataset(pa.table({"a": [1, 2, 3]}), batch_rows=2)
    >>> [batch.num_rows for batch in data.batches()], [batch.num_rows for batch in data.batches()]
    ([2, 1], [2, 1])
    """

    def __init__(self, table: pa.Table, *, batch_rows: int = BATCH_ROWS) -> None:
        if batch_rows < 1:
            raise InputError(f"batch_rows must be at least 1, got {batch_rows}")
        schema = plain_schema(table.schema)
        # pyarrow (26.0.1) slices beyond a buffer where columns have other chunks, some of them empty.
        if any(len(chunk) == 0 for column in table.columns for chunk in column.chunks):
            table = table.combine_chunks()
        # Many tiny chunks (appended frames) would make many tiny batches; one copy is cheaper.
        if any(column.num_chunks > 2 + 16 * table.num_rows // batch_rows for column in table.columns):
            table = table.combine_chunks()
        pieces = [
            conform(batch, schema)
            for batch in table.to_batches(max_chunksize=batch_rows)
            if batch.num_rows > 0
        ]
        self._schema = schema
        self._batches = pieces
        self._num_rows = table.num_rows

    @property
    def schema(self) -> pa.Schema:
        return self._schema

    @property
    def num_rows(self) -> int:
        return self._num_rows

    def batches(self) -> Iterator[pa.RecordBatch]:
        return iter(self._batches)

    def to_table(self) -> pa.Table:
        return pa.Table.from_batches(self._batches, schema=self._schema)

    def _select(self, columns: list[str]) -> "TableDataset":
        return TableDataset(self.to_table().select(columns))
