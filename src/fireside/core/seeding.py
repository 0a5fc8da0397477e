"""Named random streams from one seed.

A stream is a pure function of (seed, name, indices). Adding a stream, or drawing more from one, moves no
other. Nothing here touches a global generator.
"""

import hashlib

import numpy as np

__all__ = ["RandomStreams"]


class RandomStreams:
    """All the randomness of a run, by name.

    Args:
        seed: any integer from 0 to 2^64 - 1.

    >>> streams = RandomStreams(17)
    >>> a = streams.generator("rollout", 3).integers(1000)
    >>> b = RandomStreams(17).generator("rollout", 3).integers(1000)
    >>> bool(a == b), streams.integer("rollout", 3) == streams.integer("rollout", 4)
    (True, False)
    """

    __slots__ = ("seed",)

    def __init__(self, seed: int) -> None:
        if not 0 <= seed < 2**64:
            raise ValueError(f"seed must be from 0 to 2^64 - 1, got {seed}")
        self.seed = seed

    def generator(self, name: str, *indices: int) -> np.random.Generator:
        """A fresh generator at the start of the stream `name[indices]`."""
        return np.random.Generator(np.random.PCG64(self._entropy(name, indices)))

    def integer(self, name: str, *indices: int) -> int:
        """A 63-bit seed for a library that wants an integer (torch, a sampler, an endpoint)."""
        return self._entropy(name, indices) & (2**63 - 1)

    def child(self, name: str, *indices: int) -> "RandomStreams":
        """Streams for a part of the run that should not know the names of the others."""
        return RandomStreams(self._entropy(name, indices) & (2**64 - 1))

    def _entropy(self, name: str, indices: tuple[int, ...]) -> int:
        key = "\x1f".join([str(self.seed), name, *map(str, indices)])
        return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=16).digest(), "big")
