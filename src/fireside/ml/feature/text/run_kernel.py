"""Joining all runs of neighbouring words, in one pass over the memory of their column."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fireside.core.errors import InputError
from fireside.core.extras import require

__all__ = ["join_runs"]

numba = require("numba", extra="ml")


def join_runs(
    bounds: npt.NDArray[np.int64], words: pa.StringArray, length: int
) -> tuple[npt.NDArray[np.int64], pa.StringArray]:
    """The runs of `length` words of each list, joined by spaces.

    Args:
        bounds: int64[N+1], where the lists start.
        words: [E], the words of all lists, none of them null.
        length: how many words a run has.

    Returns:
        int64[N+1] bounds of the lists of runs, and the runs of all rows in one column.

    Raises:
        InputError: the runs take more than the 2 GiB that Arrow's offsets can count.

    >>> runs_of, runs = join_runs(np.array([0, 3, 4]), pa.array(["a", "b", "c", "d"]), 2)
    >>> runs_of.tolist(), runs.to_pylist()
    ([0, 2, 2], ['a b', 'b c'])
    """
    runs_of = np.concatenate([[0], np.cumsum(np.maximum(np.diff(bounds) - length + 1, 0))])
    _, offsets, data = words.buffers()
    starts: Any = np.frombuffer(offsets, np.int32)[words.offset : words.offset + len(words) + 1]
    text = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    size = _size(bounds, starts, length)
    if size > np.iinfo(np.int32).max:
        raise InputError(f"the runs of words of one batch take {size} bytes: use smaller batches")
    ends, out = np.zeros(runs_of[-1] + 1, np.int32), np.empty(size, np.uint8)
    _join(bounds, starts, text, length, ends, out)
    return runs_of, pa.StringArray.from_buffers(len(ends) - 1, pa.py_buffer(ends), pa.py_buffer(out))


@numba.njit(cache=True, nogil=True)
def _size(bounds, starts, length):  # type: ignore[no-untyped-def]  # pragma: no cover (compiled)
    size = 0
    for row in range(len(bounds) - 1):
        for word in range(bounds[row], bounds[row + 1] - length + 1):
            size += starts[word + length] - starts[word] + length - 1
    return size


@numba.njit(cache=True, nogil=True)
def _join(bounds, starts, text, length, ends, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    run, written = 0, 0
    for row in range(len(bounds) - 1):
        for first in range(bounds[row], bounds[row + 1] - length + 1):
            for word in range(first, first + length):
                if word > first:
                    out[written] = 32
                    written += 1
                for place in range(starts[word], starts[word + 1]):
                    out[written] = text[place]
                    written += 1
            run += 1
            ends[run] = written
