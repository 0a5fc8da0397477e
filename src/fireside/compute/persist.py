"""`persisted`: the rows of a data set, computed once for the length of a block.

A lazy data set runs its maps again on each pass. Where many passes are to come, one is made now, and its rows
are kept: on disk here, cached on the cluster there. Memory holds one batch, as always.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import final

import pyarrow as pa

from fireside.compute.dataset import Dataset, DistributedDataset, TableDataset

__all__ = ["persisted"]


@contextmanager
def persisted(dataset: Dataset) -> Iterator[Dataset]:
    """Keep the rows of a data set while a block runs.

    Streamed rows go to a compressed Arrow file in the folder for temporary files (`TMPDIR`), which is deleted
    at the end; rows of a Spark frame are cached and freed there; rows in memory stay as they are. What still
    holds the data set after the block computes the rows again.

    >>> import pyarrow as pa
    >>> from fireside.compute import as_dataset, map_batches
    >>> calls = []
    >>> def counted(batch):
    ...     calls.append(batch.num_rows)
    ...     return batch
    >>> rows = as_dataset({"a": [1, 2, 3]})
    >>> with persisted(map_batches(rows, counted, rows.schema)) as kept:
    ...     sizes = [kept.to_table().num_rows for _ in range(4)]
    >>> sizes, calls
    ([3, 3, 3, 3], [3])
    """
    if isinstance(dataset, TableDataset):
        yield dataset
    elif isinstance(dataset, DistributedDataset):
        with dataset.persisted() as kept:
            yield kept
    else:
        with tempfile.TemporaryDirectory(prefix="fireside-") as folder:
            path = Path(folder) / "rows.arrow"
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            with pa.ipc.new_file(str(path), dataset.schema, options=options) as writer:
                num_rows = 0
                for batch in dataset.batches():
                    writer.write_batch(batch)
                    num_rows += batch.num_rows
            yield _RowsOnDisk(dataset, path, num_rows, dataset.schema)


@final
class _RowsOnDisk(Dataset):
    """Rows of a data set in an Arrow file; the data set itself once the file is gone."""

    def __init__(self, source: Dataset, path: Path, num_rows: int, schema: pa.Schema) -> None:
        self._source = source
        self._path = path
        self._num_rows = num_rows
        self._schema = schema

    @property
    def schema(self) -> pa.Schema:
        return self._schema

    @property
    def num_rows(self) -> int:
        return self._num_rows

    def batches(self) -> Iterator[pa.RecordBatch]:
        try:
            file = pa.OSFile(str(self._path))
        except FileNotFoundError:
            yield from self._source.select(self._schema.names).batches()
            return
        places = self._source.schema.names
        options = pa.ipc.IpcReadOptions(included_fields=[places.index(name) for name in self._schema.names])
        with file, pa.ipc.open_file(file, options=options) as reader:
            for place in range(reader.num_record_batches):
                # The file has its columns in the order of the source.
                columns = reader.get_batch(place).select(self._schema.names).columns
                yield pa.RecordBatch.from_arrays(columns, schema=self._schema)

    def to_table(self) -> pa.Table:
        return pa.Table.from_batches(list(self.batches()), schema=self._schema)

    def _select(self, columns: list[str]) -> "_RowsOnDisk":
        schema = pa.schema([self._schema.field(name) for name in columns])
        return _RowsOnDisk(self._source, self._path, self._num_rows, schema)
