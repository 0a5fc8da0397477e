"""What a layer map costs in memory for keys and values, before anything is allocated.

The numbers are those of the engine's K/V pool, byte for byte: both come from `KVFormat`. Pages are not
counted on top, because a sequence holds one buffer for each owner and a window is a ring in place; nor does
the length of a prefill chunk matter. Knows nothing about torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from fireside.core.config import config
from fireside.core.errors import ConfigError
from fireside.lm.engine.kv_format import ELEMENT_BYTES, KVFormat
from fireside.lm.layer_map import LayerMap

__all__ = ["KVPlan", "PlannedLength", "against_standard", "halvings"]

_GIB = 1 << 30


@config
class KVPlan:
    """The memory for keys and values of a model.

    Attributes:
        layers: windows and K/V owners.
        num_kv_heads: key/value heads of a layer.
        head_dim: width of a head.
        kv_format: how keys and values are stored.

    >>> plan = KVPlan(layers=LayerMap.preset("ma-offset", 24, window=1024), num_kv_heads=3, head_dim=128,
    ...               kv_format=KVFormat(dtype="bf16"))
    >>> plan.token_bytes, plan.window_bytes == 8 * 1024 * 1536
    (1536, True)
    >>> plan.sequence_bytes(32_768) == 32_768 * plan.token_bytes + plan.window_bytes
    True
    >>> plan.sequences_in(1 << 30, 32_768)
    17
    """

    layers: LayerMap
    num_kv_heads: int
    head_dim: int
    kv_format: KVFormat = field(default_factory=KVFormat)

    def __post_init__(self) -> None:
        for name in ("num_kv_heads", "head_dim"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")

    @property
    def token_bytes(self) -> int:
        """Bytes that each token takes for as long as its sequence lives: those of the full owners."""
        return len(self.layers.full_owners) * self._owner_token_bytes

    @property
    def window_bytes(self) -> int:
        """Bytes that the windows of a sequence take once they are full, however long it grows."""
        windows = (self.layers.windows[layer] for layer in self.layers.sliding_owners)
        return sum(window for window in windows if window is not None) * self._owner_token_bytes

    def sequence_bytes(self, tokens: int) -> int:
        """Bytes that the engine allocates for a sequence of at most `tokens`.

        Raises:
            ConfigError: fewer than one token.
        """
        if tokens < 1:
            raise ConfigError(f"a sequence has at least 1 token, got {tokens}")
        return self.kv_format.sequence_bytes(
            self.layers, tokens, num_kv_heads=self.num_kv_heads, head_dim=self.head_dim
        )

    def sequences_in(self, memory_bytes: int, tokens: int) -> int:
        """How many sequences of `tokens` a pool of `memory_bytes` holds at once."""
        return memory_bytes // self.sequence_bytes(tokens)

    def standard(self) -> "KVPlan":
        """The same model with the standard map: every layer full, and the owner of its K/V."""
        return KVPlan(
            layers=LayerMap.preset("standard", self.layers.num_layers),
            num_kv_heads=self.num_kv_heads,
            head_dim=self.head_dim,
            kv_format=self.kv_format,
        )

    @property
    def _owner_token_bytes(self) -> int:
        return 2 * self.num_kv_heads * self.head_dim * ELEMENT_BYTES[self.kv_format.dtype]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLength:
    """Sequences of one length, beside the same ones with the standard map.

    Attributes:
        tokens: the length.
        sequence_bytes: of one sequence.
        standard_bytes: of one sequence with the standard map.
    """

    tokens: int
    sequence_bytes: int
    standard_bytes: int

    @property
    def share(self) -> float:
        """Bytes as a share of those of the standard map."""
        return self.sequence_bytes / self.standard_bytes

    @property
    def per_gib(self) -> float:
        """Sequences for each GiB of a pool; a pool holds whole ones."""
        return _GIB / self.sequence_bytes

    @property
    def standard_per_gib(self) -> float:
        """The same with the standard map."""
        return _GIB / self.standard_bytes


def against_standard(plan: KVPlan, lengths: Sequence[int]) -> list[PlannedLength]:
    """A plan beside the standard map's, at some lengths.

    >>> plan = KVPlan(layers=LayerMap.preset("ma-pairs", 24), num_kv_heads=3, head_dim=64)
    >>> [(one.tokens, round(one.share, 3)) for one in against_standard(plan, [2048, 32_768])]
    [(2048, 0.25), (32768, 0.094)]
    """
    standard = plan.standard()
    return [
        PlannedLength(
            tokens=tokens,
            sequence_bytes=plan.sequence_bytes(tokens),
            standard_bytes=standard.sequence_bytes(tokens),
        )
        for tokens in lengths
    ]


def halvings(longest: int, count: int = 6) -> list[int]:
    """Up to `count` lengths that end with `longest`, each half of the next, rounded down.

    Raises:
        ConfigError: `longest` is below 1.

    >>> halvings(32_768), halvings(3)
    ([1024, 2048, 4096, 8192, 16384, 32768], [1, 3])
    """
    if longest < 1:
        raise ConfigError(f"the longest sequence has at least 1 token, got {longest}")
    return [longest >> halved for halved in reversed(range(count)) if longest >> halved]
