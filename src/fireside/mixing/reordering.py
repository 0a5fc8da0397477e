"""`Reordering`: from one sample on, what is left of every domain comes in another order.

Branches of one run differ in their seed by this: each reads the rest of an epoch, and all later epochs, in an
order of its own, and still every sequence once per epoch. A reordering permutes the places that are left, and
what a place holds stays the business of the order before; so one may follow another.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fireside.core.seeding import RandomStreams
from fireside.mixing.permutation import Permutations

__all__ = ["Reordering"]

Int64Array = npt.NDArray[np.int64]


class Reordering:
    """New places for what each domain has left.

    Args:
        read: for each domain the sequences read before.
        sizes: for each domain the sequences it holds, at least 1.
        names: of the domains.
        streams: of the reordering; others give unrelated orders.

    >>> reordering = Reordering([3], [5], ["web"], RandomStreams(1))
    >>> ranks, zeros = np.arange(10), np.zeros(10, np.int64)
    >>> places = reordering(zeros, ranks, ranks // 5, ranks % 5)
    >>> places[:3].tolist(), sorted(places[3:5].tolist()), sorted(places[5:].tolist())
    ([0, 1, 2], [3, 4], [0, 1, 2, 3, 4])
    """

    def __init__(
        self, read: Sequence[int], sizes: Sequence[int], names: Sequence[str], streams: RandomStreams
    ) -> None:
        self._read = np.array(read, np.int64)
        self._epochs, self._offsets = np.divmod(self._read, np.array(sizes, np.int64))
        rest = [size - int(offset) for size, offset in zip(sizes, self._offsets, strict=True)]
        keys = [streams.integer(f"reordering of {name}") for name in names]
        # First the whole epochs of all domains, then what is left of the epoch that is cut.
        self._permutations = Permutations([*sizes, *rest], [*keys, *keys])

    def __call__(
        self, domains: npt.NDArray[np.integer], ranks: Int64Array, epochs: Int64Array, places: Int64Array
    ) -> Int64Array:
        """The places that samples take in the order before; those read before the cut keep theirs.

        Args:
            domains: integers[n].
            ranks: int64[n], the how-manieth sample of its domain each is in the run.
            epochs: int64[n], the epoch of each.
            places: int64[n], the place of each in its epoch.
        """
        places = places.copy()
        later = np.flatnonzero(ranks >= self._read[domains])
        domains, epochs = domains[later].astype(np.int64), epochs[later]
        is_cut = epochs == self._epochs[domains]
        offsets = np.where(is_cut, self._offsets[domains], 0)
        ranges = domains + np.where(is_cut, len(self._read), 0)
        places[later] = offsets + self._permutations(ranges, epochs, places[later] - offsets)
        return places
