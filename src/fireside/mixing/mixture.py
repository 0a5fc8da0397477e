"""`Mixture`: sample i -> (domain, epoch, position), a pure function of (plan, seed, i).

    interleaving: i -> domain, rank         rank-th sample of its domain in this run
    rank -> epoch, index = divmod(rank, size of the domain)
    reordering: index -> index              where a branch asked for an order of its own
    permutation: index -> position          one seeded permutation per domain and epoch

Ranks run on through all stages, so that in each epoch of a domain every sample appears once, wherever the
stages are cut. The state of a mixture is the next i. Knows nothing about tokens.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fireside.core.seeding import RandomStreams
from fireside.mixing.domain_size import num_sequences
from fireside.mixing.permutation import Permutations
from fireside.mixing.plan import Plan
from fireside.mixing.reordering import Reordering

__all__ = ["Mixture", "Samples"]

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

_CHUNK = 1 << 14
"""Samples that are worked out together, so that the work stays in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Where some samples lie.

    Attributes:
        domains: int32[n], number of the domain in the plan.
        epochs: int64[n], how many times the domain had been read through before.
        positions: int64[n], number of the sequence in its domain.
    """

    domains: Int32Array
    epochs: Int64Array
    positions: Int64Array


class Mixture:
    """All samples of a run.

    >>> from fireside.mixing.plan import DomainSize, make_plan
    >>> from fireside.mixing.schedule import Schedule
    >>> from fireside.mixing.stage import Stage
    >>> stages = (Stage(name="all", shares={"web": 0.5, "books": 0.5}),)
    >>> schedule = Schedule(tokens=40, sequence_length=5, stages=stages, seed=1)
    >>> sizes = [DomainSize(name="web", num_tokens=100), DomainSize(name="books", num_tokens=11)]
    >>> samples = Mixture(make_plan(schedule, sizes)).samples(np.arange(8))
    >>> samples.domains.tolist(), samples.epochs.tolist()
    ([1, 0, 1, 0, 1, 0, 1, 0], [0, 0, 0, 0, 1, 0, 1, 0])
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        sizes = [num_sequences(domain.num_tokens, plan.sequence_length) for domain in plan.domains]
        streams = RandomStreams(plan.schedule.seed)
        # Keyed by name: adding a domain, or listing them in another order, reshuffles no other.
        keys = [streams.integer(f"permutation of {domain.name}") for domain in plan.domains]
        self._interleaving = plan.interleaving
        # A domain that no stage uses may be too small to hold a sequence; nothing is ever asked of it.
        sizes = [max(1, size) for size in sizes]
        self._sizes = np.array(sizes, np.int64)
        self._permutations = Permutations(sizes, keys)
        names = [domain.name for domain in plan.domains]
        self._reorderings = [
            Reordering(
                plan.interleaving.counts(order.start), sizes, names, streams.child(f"order {order.number}")
            )
            # What is asked for last is looked up first.
            for order in reversed(plan.orders)
        ]

    def __len__(self) -> int:
        return self.plan.num_sequences

    def samples(self, indices: Int64Array) -> Samples:
        """Where the samples with these indices lie, in any order and as often as asked.

        Args:
            indices: int64[n], each from 0 to `len(self)` - 1.

        Raises:
            IndexError: an index lies outside.
        """
        indices = np.asarray(indices, np.int64)
        domains, ranks = self._interleaving.locate(indices)
        epochs, positions = np.empty_like(ranks), np.empty_like(ranks)
        for start in range(0, ranks.size, _CHUNK):
            part = slice(start, start + _CHUNK)
            epochs[part], index = np.divmod(ranks[part], self._sizes[domains[part]])
            for reordering in self._reorderings:
                index = reordering(domains[part], ranks[part], epochs[part], index)
            positions[part] = self._permutations(domains[part], epochs[part], index)
        return Samples(domains=domains, epochs=epochs, positions=positions)

    def sample(self, index: int) -> tuple[str, int, int]:
        """One sample's domain (by name), epoch and position."""
        samples = self.samples(np.array([index], np.int64))
        domain = self.plan.domains[int(samples.domains[0])].name
        return domain, int(samples.epochs[0]), int(samples.positions[0])
