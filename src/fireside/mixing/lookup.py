"""`Lookup`: the samples of consecutive batches, worked out a block at a time.

NumPy costs the same for one sample as for a thousand. Batches are asked for in order, so the block in hand,
and the one before it for readers that lag behind, are kept. What comes out is what the mixture gives.
"""

import numpy as np

from fireside.mixing.mixture import Mixture, Samples

__all__ = ["BLOCK", "Lookup"]

BLOCK = 4096
"""Samples worked out together: about a millisecond."""


class Lookup:
    """Samples of a mixture by ranges of indices, from any number of threads.

    >>> from fireside.mixing.plan import DomainSize, make_plan
    >>> from fireside.mixing.schedule import Schedule
    >>> from fireside.mixing.stage import Stage
    >>> schedule = Schedule(tokens=40, sequence_length=5, stages=(Stage(name="all", shares={"web": 1.0}),))
    >>> lookup = Lookup(Mixture(make_plan(schedule, [DomainSize(name="web", num_tokens=100)])))
    >>> lookup(2, 5).epochs.tolist()
    [0, 0, 0]
    """

    def __init__(self, mixture: Mixture) -> None:
        self._mixture = mixture
        # Replaced as a whole, never changed: threads may work out a block twice, but never see half of one.
        self._blocks: dict[int, Samples] = {}

    def __call__(self, start: int, stop: int) -> Samples:
        """The samples from `start` to before `stop`."""
        parts = []
        while start < stop:
            number = start // BLOCK
            block = self._block(number)
            end = min(stop, (number + 1) * BLOCK)
            part = slice(start - number * BLOCK, end - number * BLOCK)
            parts.append(Samples(block.domains[part], block.epochs[part], block.positions[part]))
            start = end
        if len(parts) == 1:
            return parts[0]
        return Samples(
            domains=np.concatenate([part.domains for part in parts]),
            epochs=np.concatenate([part.epochs for part in parts]),
            positions=np.concatenate([part.positions for part in parts]),
        )

    def _block(self, number: int) -> Samples:
        blocks = self._blocks
        if number not in blocks:
            stop = min((number + 1) * BLOCK, len(self._mixture))
            samples = self._mixture.samples(np.arange(number * BLOCK, stop))
            kept = {other: blocks[other] for other in blocks if abs(other - number) <= 1}
            self._blocks = blocks = {**kept, number: samples}
        return blocks[number]
