"""How keys and values lie in memory: the type of their numbers, and the steps in which room is taken.

The cache allocates by this file and the planner adds up by it, so neither can differ from the other. Knows
nothing about torch.
"""

from typing import Literal

from fireside.core.config import config
from fireside.core.errors import ConfigError
from fireside.lm.layer_map import LayerMap

__all__ = ["ELEMENT_BYTES", "KVFormat"]

ELEMENT_BYTES = {"fp32": 4, "bf16": 2}
"""Bytes of a number, by the name of its type."""


@config
class KVFormat:
    """The format of a K/V cache.

    Attributes:
        dtype: `"fp32"`, or `"bf16"` for half the memory; attention computes in float32 either way.
        block_tokens: room is taken in multiples of so many tokens.

    Raises:
        ConfigError: an unknown type, or blocks of less than one token.

    >>> KVFormat(block_tokens=16).capacity(100)
    112
    """

    dtype: Literal["fp32", "bf16"] = "fp32"
    block_tokens: int = 16

    def __post_init__(self) -> None:
        if self.dtype not in ELEMENT_BYTES:
            raise ConfigError(f"the K/V dtype must be one of {', '.join(ELEMENT_BYTES)}, got {self.dtype!r}")
        if self.block_tokens < 1:
            raise ConfigError(f"block_tokens must be at least 1, got {self.block_tokens}")

    def capacity(self, max_tokens: int) -> int:
        """Tokens that there is room for where `max_tokens` are asked for."""
        return -(-max_tokens // self.block_tokens) * self.block_tokens

    def num_slots(self, max_tokens: int, window: int | None) -> int:
        """Tokens whose K/V an owner holds: all, or those that its window can still see."""
        capacity = self.capacity(max_tokens)
        return capacity if window is None else min(window, capacity)

    def sequence_bytes(self, layers: LayerMap, max_tokens: int, *, num_kv_heads: int, head_dim: int) -> int:
        """Bytes of a sequence of at most `max_tokens`: the layer map's exact formula at the capacity.

        >>> layers = LayerMap.parse("0_1s_1s_0", window=32)
        >>> KVFormat().sequence_bytes(layers, 100, num_kv_heads=1, head_dim=4) == 2 * 4 * 4 * (112 + 32)
        True
        """
        return layers.kv_bytes(
            self.capacity(max_tokens),
            num_kv_heads=num_kv_heads,
            head_dim=head_dim,
            element_bytes=ELEMENT_BYTES[self.dtype],
        )
