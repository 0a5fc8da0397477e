"""The processes of a training run: one alone, or those that torchrun has started.

They share a file system and each batch: every process reads the whole batch, which is a pure function of the
step, and trains on its own rows of it. Knows nothing about models.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import distributed

from fireside.core.errors import ConfigError

__all__ = ["Workers", "join_workers"]


@dataclass(frozen=True, slots=True)
class Workers:
    """One process among several.

    Attributes:
        rank: of this process, from 0.
        size: how many there are.
        device: what this process trains on.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def leads(self) -> bool:
        """Whether this process writes files and metrics."""
        return self.rank == 0

    def rows(self, num_sequences: int) -> slice:
        """Which sequences of a batch are this process's.

        Raises:
            ConfigError: they cannot be shared equally.

        >>> Workers(rank=1, size=2).rows(8)
        slice(4, 8, None)
        """
        if num_sequences % self.size:
            raise ConfigError(
                f"a batch of {num_sequences} sequences cannot be shared by {self.size} processes: "
                "make the batch size a multiple of their number"
            )
        count = num_sequences // self.size
        return slice(self.rank * count, (self.rank + 1) * count)

    def sum(self, value: float) -> float:
        """The sum of a number over all processes, the same in each."""
        if self.size == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64, device=self.device)
        distributed.all_reduce(total)
        return total.item()

    def wait(self) -> None:
        """Go on when all processes have come here."""
        if self.size > 1:
            self.sum(0.0)


@contextmanager
def join_workers() -> Iterator[Workers]:
    """The processes that torchrun has started, connected; without torchrun, this one alone.

    Processes talk through NCCL where each has a GPU of its own, and through gloo otherwise.

    >>> with join_workers() as workers:
    ...     workers.rank, workers.size
    (0, 1)
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield Workers()
        return
    local_rank, local_size = int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"])
    has_gpus = torch.cuda.is_available() and torch.cuda.device_count() >= local_size
    device = torch.device("cuda", local_rank) if has_gpus else torch.device("cpu")
    if has_gpus:
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if has_gpus else "gloo")
    try:
        yield Workers(distributed.get_rank(), distributed.get_world_size(), device)
    finally:
        distributed.destroy_process_group()
