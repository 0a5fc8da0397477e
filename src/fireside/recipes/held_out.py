"""Which batches of a held-out domain are measured."""

from collections.abc import Iterator

import numpy as np

from fireside.core.errors import InputError
from fireside.core.protocols import BatchSource, TokenBatch

__all__ = ["spread_batches"]


def spread_batches(source: BatchSource, most: int) -> Iterator[TokenBatch]:
    """At most so many batches of a source that has an end, evenly spread over it."""
    if source.num_batches is None:
        raise InputError("a source without an end cannot be spread over: give an evaluation loader")
    steps = np.linspace(0, source.num_batches, min(most, source.num_batches), endpoint=False)
    return (source.batch(int(step)) for step in steps)
