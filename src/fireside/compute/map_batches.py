"""`map_batches`: a function over every batch, lazily.

A chain of maps makes one pass over its source: each batch goes through all functions before the next is
read. On Spark the whole chain is one `mapInArrow`. Nothing runs until batches are asked for, and it runs
again each time they are. `batches` is lazy, and holds one batch; `to_table`, which wants them all, and
`read_ahead` have a batch in the hands of each thread.
"""

from collections.abc import Iterator
from typing import final

import numpy as np
import pyarrow as pa

from fireside.compute.dataset import BatchFunction, Dataset, DistributedDataset, TableDataset
from fireside.compute.schema import first_difference, plain_schema
from fireside.compute.threads import map_in_order
from fireside.core.errors import SchemaError

__all__ = ["MappedDataset", "apply_to_batch", "function_name", "map_batches"]


def map_batches(dataset: Dataset, function: BatchFunction, schema: pa.Schema) -> Dataset:
    """Apply a function to every batch of a data set.

    Args:
        dataset: where the batches come from.
        function: maps a batch to one batch or to an iterator of batches, with any number of rows. It must be
            pure, since it runs once per pass and on any process.
        schema: what the function returns; it is checked for every batch.

    Returns:
        A lazy data set of the same kind: local stays local, Spark stays on Spark.

    Raises:
        SchemaError: while batches are read: the function returned something else than `schema` says; the
            message names the function.

    >>> import pyarrow.compute as pc
    >>> from fireside.compute.dataset import TableDataset
    >>> def keep_odd(batch):
    ...     return batch.filter(pc.equal(pc.bit_wise_and(batch["a"], 1), 1))
    >>> data = TableDataset(pa.table({"a": [1, 2, 3]}))
    >>> map_batches(data, keep_odd, data.schema).to_table().to_pydict()
    {'a': [1, 3]}
    """
    schema = plain_schema(schema)
    if isinstance(dataset, DistributedDataset):
        return dataset.map_batches(function, schema)
    return MappedDataset(dataset, function, schema)


@final
class MappedDataset(Dataset):
    """What `map_batches` returns for data on this machine.

    Args:
        source: what is mapped.
        function: see `map_batches`.
        schema: of what it returns.
        ahead: whether threads map batches before they are asked for, one each.
    """

    def __init__(
        self, source: Dataset, function: BatchFunction, schema: pa.Schema, *, ahead: bool = False
    ) -> None:
        self._source = source
        self._function = function
        self._schema = schema
        self._ahead = ahead

    @property
    def schema(self) -> pa.Schema:
        return self._schema

    @property
    def num_rows(self) -> None:
        return None

    def batches(self) -> Iterator[pa.RecordBatch]:
        if self._ahead:
            yield from self._batches_of_threads()
            return
        for batch in self._source.batches():
            yield from apply_to_batch(self._function, batch, self._schema)

    def to_table(self) -> pa.Table:
        return pa.Table.from_batches(list(self._batches_of_threads()), schema=self.schema)

    def read_ahead(self) -> "MappedDataset":
        """The same rows, for somebody who will read them all: threads map batches ahead of the reader.

        Rows that are streamed are not: they are streamed for want of memory, and go batch by batch.
        """
        source = self._source
        while isinstance(source, MappedDataset):
            source = source._source
        in_memory = isinstance(source, TableDataset)
        return MappedDataset(self._source, self._function, self._schema, ahead=in_memory)

    def _batches_of_threads(self) -> Iterator[pa.RecordBatch]:
        links, source = [self], self._source
        while isinstance(source, MappedDataset):
            links, source = [source, *links], source._source

        def through(batch: pa.RecordBatch) -> list[pa.RecordBatch]:
            pieces = [batch]
            for link in links:
                pieces = [
                    made for piece in pieces for made in apply_to_batch(link._function, piece, link._schema)
                ]
            return pieces

        for pieces in map_in_order(through, source.batches()):
            yield from pieces

    def _select(self, columns: list[str]) -> "MappedDataset":
        schema = pa.schema([self._schema.field(name) for name in columns])
        return MappedDataset(self, lambda batch: batch.select(columns), schema, ahead=self._ahead)


def apply_to_batch(
    function: BatchFunction, batch: pa.RecordBatch, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """The batches that a function makes of one, checked against `schema`, empty ones left out.

    NaN and infinity go through the function's arithmetic without warnings, which on a cluster nobody would
    see.

    Raises:
        SchemaError: the function returned another schema, or no record batch at all.
    """
    with np.errstate(all="ignore"):
        result = function(batch)
    for piece in (result,) if isinstance(result, pa.RecordBatch) else _iterate(function, result):
        if not isinstance(piece, pa.RecordBatch):
            raise _wrong_result(function, piece)
        if piece.schema is not schema:
            difference = first_difference(piece.schema, schema)
            if difference is not None:
                raise SchemaError(
                    f"{function_name(function)} returned a batch that does not fit its schema: {difference}"
                )
        if piece.num_rows:
            # The declared schema may say more than the function did: the metadata of the columns.
            yield pa.RecordBatch.from_arrays(piece.columns, schema=schema)


def function_name(function: object) -> str:
    """What to call a function in a message, where it may be a partial or a callable object.

    >>> function_name(function_name), function_name(len)
    ('function_name', 'len')
    """
    name = getattr(function, "__qualname__", None) or getattr(
        getattr(function, "func", None), "__qualname__", None
    )
    return str(name or type(function).__qualname__)


def _iterate(function: BatchFunction, result: object) -> Iterator[object]:
    if not isinstance(result, Iterator):
        raise _wrong_result(function, result)
    return result


def _wrong_result(function: BatchFunction, result: object) -> SchemaError:
    return SchemaError(
        f"{function_name(function)} returned {type(result).__name__}: "
        "it must return a pyarrow.RecordBatch or an iterator of them"
    )
