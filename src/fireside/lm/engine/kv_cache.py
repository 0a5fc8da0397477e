"""Keys and values of one sequence.

There is one buffer for each owner of the layer map and none for children. An owner with full attention keeps
every token; an owner with a window keeps the last W in a ring, so that what leaves the window is overwritten.
Keys are stored rotated, so that the order of a ring does not matter to attention.

Addresses are set aside for the longest that a sequence may become, memory only for the tokens that it has:
the system gives a page when it is first written to. So a cache grows without being copied.

Shape legend: O owners, N new tokens, G key/value heads, S slots of a buffer or keys seen, d head dimension; a
buffer is [1, 2G, S, d], keys before values.
"""

import math
import mmap
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fireside.lm.config import ModelConfig
from fireside.lm.engine.kv_format import KVFormat

__all__ = ["KVCache", "cache_bytes"]

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def cache_bytes(config: ModelConfig, max_tokens: int, kv_format: KVFormat | None = None) -> int:
    """Bytes that a cache for `max_tokens` takes.

    >>> config = ModelConfig(vocab_size=8, hidden_size=8, intermediate_size=8, num_heads=2, num_kv_heads=1,
    ...                      head_dim=4, layer_map="0_1s_1s_0", window=32, context_length=128)
    >>> cache_bytes(config, 100) == 2 * 4 * 4 * (112 + 32)
    True
    """
    return (kv_format or KVFormat()).sequence_bytes(
        config.layers, max_tokens, num_kv_heads=config.num_kv_heads, head_dim=config.head_dim
    )


class _Store(NamedTuple):
    """The buffer [1, 2G, S, d] of one owner, and its halves."""

    buffer: Tensor
    keys: Tensor
    values: Tensor
    slots: int


class KVCache:
    """The cache of one sequence of at most `max_tokens` tokens.

    What comes back is float32 and has been rounded to the format's type, new tokens included: what attention
    sees does not depend on how many tokens came at once.

    Attributes:
        length: tokens whose keys and values are known.
        capacity: the most tokens there is room for.
        places_O2: int64, address of each owner's buffer [2G, S, d] and S, in the order of layers.

    >>> config = ModelConfig(vocab_size=8, hidden_size=8, intermediate_size=8, num_heads=2, num_kv_heads=1,
    ...                      head_dim=4, layer_map="0_1s_1s_0", window=32, context_length=128)
    >>> cache = KVCache(config, 100)
    >>> keys, values = cache.extend(1, torch.ones(40, 2, 4))
    >>> cache.advance(40)
    >>> keys, values = cache.append(1, torch.ones(1, 2, 4))
    >>> keys.shape  # the new token sees 32
    torch.Size([1, 1, 32, 4])
    """

    def __init__(self, config: ModelConfig, max_tokens: int, kv_format: KVFormat | None = None) -> None:
        self._config = config
        self._format = kv_format or KVFormat()
        self._layers = config.layers
        self.length = 0
        self.capacity = self._format.capacity(max_tokens)
        self._stores: dict[int, _Store] = {}
        self._num_drafted = 0
        self._overwritten: dict[int, Tensor] = {}
        for layer, window in enumerate(self._layers.windows):
            if self._layers.is_owner(layer):
                slots = self._format.num_slots(max_tokens, window)
                self._stores[layer] = _store(config, slots, _DTYPES[self._format.dtype])
        self.places_O2 = np.array([(one.buffer.data_ptr(), one.slots) for one in self._stores.values()])

    @property
    def num_bytes(self) -> int:
        """Bytes of the blocks that hold the tokens so far."""
        return cache_bytes(self._config, self.length, self._format)

    @property
    def most_bytes(self) -> int:
        """Bytes of all buffers, which is what a cache takes when it is full."""
        return sum(store.buffer.nbytes for store in self._stores.values())

    @property
    def is_float32(self) -> bool:
        """Whether keys and values are stored as they are computed with."""
        return self._format.dtype == "fp32"

    def append(self, owner: int, new_12Gd: Tensor) -> tuple[Tensor, Tensor]:
        """Store the K/V of the next token and give what it attends to.

        Every owner is appended to once, then `advance` counts the token.

        Returns:
            Keys and values [1, G, S, d] of the tokens that the new one sees, itself included, in any order.
        """
        buffer, keys, values, slots = self._stores[owner]
        buffer.select(2, self.length % slots).copy_(new_12Gd)
        seen = min(self.length + 1, slots)
        return keys.narrow(2, 0, seen).float(), values.narrow(2, 0, seen).float()

    def extend(self, owner: int, new_N2Gd: Tensor) -> tuple[Tensor, Tensor]:
        """Store the K/V of the next tokens and give what they attend to.

        Every owner is extended once, then `advance` counts the tokens.

        Returns:
            Keys and values [1, G, S, d] of earlier tokens and the new ones, in the order of positions. With a
            window the first key is that of position max(0, `length` - W + 1).
        """
        store, window = self._stores[owner], self._layers.windows[owner]
        new = new_N2Gd.transpose(0, 1).unsqueeze(0).to(store.buffer.dtype)
        end = self.length + new.shape[2]
        if window is None:
            store.buffer[:, :, self.length : end] = new
            return store.keys[:, :, :end].float(), store.values[:, :, :end].float()
        if self._num_drafted:
            drafted = range(end - self._num_drafted, end)
            self._overwritten[owner] = _pick(store.buffer, drafted).clone()
        earlier = range(max(0, self.length - window + 1), self.length)
        seen = torch.cat((_pick(store.buffer, earlier), new), dim=2) if earlier else new
        _put(store.buffer, range(max(self.length, end - store.slots), end), new)
        seen = seen.float()
        return seen[:, : self._config.num_kv_heads], seen[:, self._config.num_kv_heads :]

    def advance(self, count: int) -> None:
        """Count tokens by which every owner has been extended."""
        self.length += count
        assert self.length <= self.capacity

    @property
    def most_drafted(self) -> int:
        """How many drafted tokens a ring can take without losing what it must give back."""
        slots = (self._stores[layer].slots for layer in self._layers.sliding_owners)
        return min(slots, default=self.capacity) - 1

    def expect_drafts(self, count: int) -> None:
        """Keep what the last `count` tokens of the next extension overwrite, so that `rewind` can undo them.

        Args:
            count: at most `most_drafted`, and fewer than the extension has tokens.
        """
        assert count <= self.most_drafted
        self._num_drafted = count

    def rewind(self, length: int) -> None:
        """Forget the tokens from `length` on: drafted ones that did not hold.

        Afterwards the cache is what it would be if they had never come.
        """
        rejected = range(length, self.length)
        assert len(rejected) <= self._num_drafted
        for layer, saved in self._overwritten.items():
            _put(self._stores[layer].buffer, rejected, saved)
        self.length = length
        self._num_drafted, self._overwritten = 0, {}

    def can_resume_at(self, length: int, *, filled: int | None = None) -> bool:
        """Whether a sequence that shares the first `length` tokens can go on from there.

        Full owners always can. With windows the W - 1 tokens before must still be there: nothing may have
        been overwritten, or at most one token may have been added since.

        Args:
            length: of the shared beginning.
            filled: answer for the time when the cache holds so many tokens; `None` is now.
        """
        filled = self.length if filled is None else filled
        return length <= filled and (
            length >= filled - 1
            or all(filled <= self._stores[layer].slots for layer in self._layers.sliding_owners)
        )

    def copy_prefix(self, source: "KVCache", length: int) -> None:
        """Take over the first `length` tokens of another cache, where `can_resume_at` allows it."""
        assert self.length == 0
        assert source.can_resume_at(length)
        for layer, store in self._stores.items():
            buffer, other = store.buffer, source._stores[layer].buffer
            if self._layers.windows[layer] is None:
                buffer[:, :, :length] = other[:, :, :length]
            else:
                oldest = max(0, source.length - other.shape[2], length - buffer.shape[2])
                positions = range(oldest, length)
                _put(buffer, positions, _pick(other, positions))
        self.length = length

    def copy(self) -> "KVCache":
        """An independent cache with the same tokens and no room to spare."""
        copy = KVCache(self._config, self.length, self._format)
        copy.copy_prefix(self, self.length)
        return copy


def _store(config: ModelConfig, slots: int, dtype: torch.dtype) -> _Store:
    kv_heads = config.num_kv_heads
    shape = (1, 2 * kv_heads, slots, config.head_dim)
    # Memory of its own: what an allocator gives may be pages that an earlier buffer has already filled.
    addresses = mmap.mmap(-1, math.prod(shape) * dtype.itemsize, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    buffer = torch.frombuffer(addresses, dtype=dtype).view(shape)
    return _Store(buffer, buffer[:, :kv_heads], buffer[:, kv_heads:], slots)


def _pick(ring: Tensor, positions: range) -> Tensor:
    """The slots of some positions, in their order."""
    start, slots = positions.start % ring.shape[2], ring.shape[2]
    if start + len(positions) <= slots:
        return ring[:, :, start : start + len(positions)]
    return torch.cat((ring[:, :, start:], ring[:, :, : start + len(positions) - slots]), dim=2)


def _put(ring: Tensor, positions: range, values: Tensor) -> None:
    """Write the last `len(positions)` of `values` to the slots of their positions."""
    values = values[:, :, values.shape[2] - len(positions) :]
    start, slots = positions.start % ring.shape[2], ring.shape[2]
    before_end = min(len(positions), slots - start)
    ring[:, :, start : start + before_end] = values[:, :, :before_end]
    ring[:, :, : len(positions) - before_end] = values[:, :, before_end:]
