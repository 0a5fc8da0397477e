"""Tables of every process of a gang, brought together: for statistics whose keys are not known beforehand."""

import numpy as np
import pyarrow as pa

from fireside.compute import Collective

__all__ = ["gather_table"]


def gather_table(collective: Collective, table: pa.Table) -> pa.Table:
    """The rows of all processes, in the order of their ranks, on every process.

    >>> from fireside.compute import Solo
    >>> gather_table(Solo(), pa.table({"a": [1]})).to_pydict()
    {'a': [1]}
    """
    if collective.world_size == 1:
        return table
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    mine = np.frombuffer(sink.getvalue(), np.uint8)
    return pa.concat_tables([pa.ipc.open_stream(part).read_all() for part in collective.allgather(mine)])
