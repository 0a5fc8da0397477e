"""Keys and values of sequences that have been, for requests that begin like them.

Groups of samples share their prompt, and every turn of a conversation extends the one before: what they
have in common is computed once. An entry is found by comparing tokens, so there are no hashes to collide. The
least recently used entries make room first.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fireside.lm.engine.kv_cache import KVCache
from fireside.lm.engine.kv_pool import KVPool, Lease

__all__ = ["PrefixCache", "common_prefix"]

Int64Array = npt.NDArray[np.int64]


@dataclass(slots=True, eq=False)
class _Entry:
    tokens: Int64Array
    cache: KVCache
    lease: Lease


class PrefixCache:
    """Remembered sequences, least recently used first.

    Args:
        pool: what entries are leased from.
    """

    def __init__(self, pool: KVPool) -> None:
        self._pool = pool
        self._entries: list[_Entry] = []

    def __len__(self) -> int:
        return len(self._entries)

    def longest(self, tokens: Int64Array, limit: int) -> tuple[KVCache | None, int]:
        """The entry with the most tokens of a prompt, at most `limit`, and how many."""
        best: _Entry | None = None
        best_length = 0
        for entry in self._entries:
            length = min(common_prefix(entry.tokens, tokens), limit)
            if length > best_length and entry.cache.can_resume_at(length):
                best, best_length = entry, length
        if best is None:
            return None, 0
        self._entries.remove(best)
        self._entries.append(best)
        return best.cache, best_length

    def remember(self, tokens: Int64Array, cache: KVCache) -> None:
        """Keep a cache, if there is room; shorter entries that it contains go.

        Args:
            tokens: those that the cache holds.
            cache: nobody may extend it any more.
        """
        assert len(tokens) == cache.length
        for entry in list(self._entries):
            length = common_prefix(entry.tokens, tokens)
            if length == len(tokens) and entry.cache.can_resume_at(length):
                return
            if length == len(entry.tokens) and cache.can_resume_at(length):
                self._drop(entry)
        if len(tokens) and self.make_room(cache.num_bytes):
            self._entries.append(_Entry(tokens.copy(), cache, self._pool.lease(cache.num_bytes)))

    def make_room(self, num_bytes: int) -> bool:
        """Forget entries until so many bytes are free; `False`, forgetting nothing, where that is in vain."""
        held = sum(entry.lease.num_bytes for entry in self._entries)
        if self._pool.free_bytes + held < num_bytes:
            return False
        while self._pool.free_bytes < num_bytes:
            self._drop(self._entries[0])
        return True

    def clear(self) -> None:
        """Forget everything."""
        while self._entries:
            self._drop(self._entries[0])

    def _drop(self, entry: _Entry) -> None:
        self._entries.remove(entry)
        entry.lease.release()


def common_prefix(a: Int64Array, b: Int64Array) -> int:
    """How many leading tokens two sequences have in common.

    >>> common_prefix(np.array([1, 2, 3]), np.array([1, 2, 4, 5]))
    2
    """
    length = min(len(a), len(b))
    differing = np.flatnonzero(a[:length] != b[:length])
    return int(differing[0]) if len(differing) else length
