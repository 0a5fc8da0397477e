"""A gang of threads: fits of several processes without processes."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np
import numpy.typing as npt

from fireside.compute import Collective, Dataset
from fireside.compute.collective import ReduceOp


class Member(Collective):
    """One of the threads."""

    def __init__(self, rank: int, slots: list[Any], barrier: Barrier) -> None:
        self._rank, self._slots, self._barrier = rank, slots, barrier

    @property
    def rank(self) -> int:
        return self._rank

    @property
    def world_size(self) -> int:
        return len(self._slots)

    def _reduce(self, values: npt.NDArray[Any], op: ReduceOp) -> npt.NDArray[Any]:
        self._slots[self._rank] = values
        self._barrier.wait(timeout=30)
        reduced = {"sum": np.add, "max": np.maximum, "min": np.minimum}[op].reduce(self._slots)
        self._barrier.wait(timeout=30)
        return reduced.astype(values.dtype)


def results_of_threads(worker: Callable[..., Any], parts: Sequence[Dataset], *arguments: Any) -> list[Any]:
    """What a worker returns on each of as many threads as there are parts, each with its own rows."""
    slots, barrier = [None] * len(parts), Barrier(len(parts))
    with ThreadPoolExecutor(len(parts)) as threads:
        waiting = [
            threads.submit(worker, Member(rank, slots, barrier), part, *arguments)
            for rank, part in enumerate(parts)
        ]
        return [future.result() for future in waiting]
