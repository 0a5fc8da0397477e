"""A column of vectors of one size, block by block, as a fit reads it."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from fireside.compute import Collective, Dataset
from fireside.core.errors import InputError
from fireside.ml.columns import column_label, read_vectors
from fireside.ml.linalg import VectorBlock
from fireside.ml.param.params import Params

__all__ = ["TrainingVectors", "agreed_size"]


class TrainingVectors:
    """The vectors of the rows of one process; each iteration is a pass over the rows.

    Attributes:
        size: that of the vectors; 0 before any was read.
        count: how many vectors the last pass has read.

    Raises:
        InputError: while vectors are read: one is null, or is of another size than those before it.
    """

    def __init__(self, stage: Params, rows: Dataset, column: str) -> None:
        self.size = self.count = 0
        self._stage, self._rows, self._column = stage, rows, column
        self._any = False

    def __iter__(self) -> Iterator[VectorBlock]:
        self.count = 0
        for batch in self._rows.batches():
            yield self.read(batch)

    def read(self, batch: pa.RecordBatch) -> VectorBlock:
        """The vectors of a batch, for whoever reads other columns beside them."""
        block = read_vectors(self._stage, batch, self._column)
        if len(block):
            if self._any and block.size != self.size:
                raise two_sizes(column_label(self._stage, self._column), self.size, block.size)
            self._any, self.size = True, block.size
        self.count += len(block)
        return block

    def agreed_size(self, collective: Collective) -> int:
        """The size of the vectors of all processes, of which some may have none.

        Raises:
            InputError: those of one process are of another size than those of another.
        """
        label = column_label(self._stage, self._column)
        return agreed_size(collective, label, self.size if self._any else None)


def agreed_size(collective: Collective, label: str, size: int | None) -> int:
    """The size of the vectors of all processes.

    Args:
        collective: the other processes.
        label: what an error calls the column.
        size: that of the vectors of this process; `None` where it has no rows, and so does not know it.

    Raises:
        InputError: the sizes differ.
    """
    sizes = np.unique(np.concatenate(collective.allgather(np.array([-1 if size is None else size]))))
    known = sizes[sizes >= 0].tolist()
    if len(known) > 1:
        raise two_sizes(label, *known[:2])
    return int(known[0]) if known else 0


def two_sizes(label: str, one: int, other: int) -> InputError:
    """What to say of vectors of two sizes."""
    return InputError(f"{label} holds vectors of size {one} and of size {other}: all must have one size")
