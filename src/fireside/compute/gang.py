"""`gang`: one function, run by equal processes side by side, each over its own rows.

On this machine the gang is one process (threads map batches ahead of it). On Spark it is one barrier stage,
whose tasks meet in a collective. The worker cannot tell the difference, and neither can the caller: results,
and errors, are the same.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fireside.compute.collective import Solo
from fireside.compute.dataset import Dataset, DistributedDataset
from fireside.compute.map_batches import MappedDataset, function_name
from fireside.compute.message import decode
from fireside.compute.outcome import encode_result, failure_of
from fireside.core.errors import FiresideError

__all__ = ["Worker", "gang"]

Worker = Callable[..., Mapping[str, Any]]
"""`worker(collective, dataset, *arguments)` returns names to NumPy arrays or JSON values."""


def gang(dataset: Dataset, worker: Worker, *arguments: Any) -> dict[str, Any]:
    """Run `worker(collective, rows, *arguments)` on every process that holds rows of a data set.

    Args:
        dataset: the rows. Each process sees its own as a `Dataset`; some may have none.
        worker: SPMD: every process runs the same statements and allreduces in the same order.
        arguments: passed on; on Spark they are shipped to the executors, as the worker itself is.

    NaN and infinity go through a worker's arithmetic without warnings, which on a cluster nobody would see.

    Returns:
        What rank 0 returned: names to NumPy arrays or JSON values (tuples come back as lists).

    Raises:
        FiresideError: as a worker raised it, on whatever rank; the others are released.
        CollectiveError: a worker raised something else (the message names the rank), or a process was lost.
        InputError: the worker returned something that cannot travel.

    >>> import numpy as np, pyarrow as pa
    >>> from fireside.compute.dataset import TableDataset
    >>> def mean(collective, rows):
    ...     values = rows.to_table()["x"].to_numpy()
    ...     total, count = collective.allreduce(np.array([values.sum(), values.size]))
    ...     return {"mean": total / count}
    >>> gang(TableDataset(pa.table({"x": [1.0, 2.0, 6.0]})), mean)
    {'mean': 3.0}
    """
    if isinstance(dataset, DistributedDataset):
        return dataset.gang(worker, arguments)
    name = function_name(worker)
    rows = dataset.read_ahead() if isinstance(dataset, MappedDataset) else dataset
    try:
        with np.errstate(all="ignore"):
            result = worker(Solo(), rows, *arguments)
    except FiresideError:
        raise
    except Exception as error:
        raise failure_of(name, error, rank=0) from error
    # The detour through bytes makes sure that what works here works on a cluster.
    return decode(encode_result(name, result))
