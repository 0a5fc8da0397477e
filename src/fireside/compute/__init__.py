"""Where work runs: rows as Arrow batches, and processes that add up their statistics.

- `as_dataset(source)` makes a `Dataset` of any frame or file; `like(dataset, source)` goes back.
- `map_batches(dataset, function, schema)` is work without communication.
- `persisted(dataset)` computes the rows once for many passes.
- `gang(dataset, worker, *arguments)` is work with it, through a `Collective`.

One algorithm, written once, runs on this machine and on a Spark cluster. Only `fireside.compute.spark`
names pyspark, and nothing here imports it before a Spark DataFrame arrives.
"""

from fireside.compute.collective import Collective, Solo
from fireside.compute.dataset import Dataset, TableDataset
from fireside.compute.frames import as_dataset, like
from fireside.compute.gang import gang
from fireside.compute.map_batches import map_batches
from fireside.compute.persist import persisted

__all__ = [
    "Collective",
    "Dataset",
    "Solo",
    "TableDataset",
    "as_dataset",
    "gang",
    "like",
    "map_batches",
    "persisted",
]
