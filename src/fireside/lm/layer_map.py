"""The layer map: which layers see only a window, and whose keys and values each layer reads.

This is the one place where MixAttention (arXiv 2409.15012) is decided. Training, cache allocation, planning,
serving and export read a `LayerMap`; nothing else encodes windows or sharing. Knows nothing about torch.

Notation of the paper: entry i is the layer whose K/V layer i reads, the suffix `s` marks a sliding window,
no suffix full causal attention; entries are joined by `_` and the first layer is 0. A layer that reads its
own K/V is an owner, every other a child. The window counts the keys a query sees, its own position included.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fireside.core.errors import ConfigError
from fireside.lm.layer_presets import PRESETS

__all__ = ["LayerMap"]

_ENTRY = re.compile(r"(\d+)(s?)")


@dataclass(frozen=True, slots=True)
class LayerMap:
    """Windows and K/V owners of all layers of a model.

    Attributes:
        owners: for each layer the layer that computes the keys and values it reads.
        windows: for each layer the number of keys a query sees, itself included; `None` is full causal.

    Raises:
        ConfigError: a child that precedes its owner, differs from it in kind, or a window below 1; the
            message names the layer.

    >>> layers = LayerMap.parse("0_1s_1s_0", window=64)
    >>> layers.owners, layers.windows
    ((0, 1, 1, 0), (None, 64, 64, None))
    >>> str(layers), layers.full_owners, layers.sliding_owners
    ('0_1s_1s_0', (0,), (1,))
    >>> str(LayerMap.preset("ma-pairs", 8, 64))
    '0_1s_1s_3s_3s_3s_0_7s'
    """

    owners: tuple[int, ...]
    windows: tuple[int | None, ...]

    def __post_init__(self) -> None:
        if not self.owners or len(self.owners) != len(self.windows):
            raise ConfigError(
                f"a layer map needs an owner and a window for each of at least one layer, "
                f"got {len(self.owners)} owners and {len(self.windows)} windows"
            )
        for layer, window in enumerate(self.windows):
            if window is not None and window < 1:
                raise ConfigError(
                    f"layer {layer} has a window of {window} tokens: it must see at least itself"
                )
        object.__setattr__(self, "owners", _resolve(self.owners, self.windows))

    @classmethod
    def parse(cls, text: str, window: int = 1024) -> "LayerMap":
        """Read the paper's notation; `window` is the size of every layer marked `s`.

        Raises:
            ConfigError: an entry that is not a number with an optional `s`, or an invalid map.

        >>> LayerMap.parse("0s_2s_2s")
        Traceback (most recent call last):
        fireside.core.errors.ConfigError: layer 1 reads the K/V of layer 2, which comes after it: ...
        """
        owners: list[int] = []
        windows: list[int | None] = []
        for layer, entry in enumerate(text.strip().split("_")):
            match = _ENTRY.fullmatch(entry)
            if match is None:
                raise ConfigError(
                    f"layer {layer} of the layer map is {entry!r}: write the number of the layer whose K/V "
                    "it reads, and an s if it has a sliding window, such as 0_1s_1s_0"
                )
            owners.append(int(match[1]))
            windows.append(window if match[2] else None)
        return cls(tuple(owners), tuple(windows))

    @classmethod
    def preset(cls, name: str, num_layers: int, window: int = 1024) -> "LayerMap":
        """One of the paper's fifteen maps, for any number of layers.

        The rules reproduce the paper at 24 layers. Where the repeated part does not divide `num_layers` it is
        cut off; layers that the paper places by depth move in proportion.

        Raises:
            ConfigError: an unknown name, or fewer than one layer.
        """
        if name not in PRESETS:
            raise ConfigError(f"no layer map is called {name!r}; known: {', '.join(PRESETS)}")
        if num_layers < 1:
            raise ConfigError(f"a model needs at least 1 layer, got {num_layers}")
        owners, full = PRESETS[name](num_layers)
        return cls(tuple(owners), tuple(None if layer in full else window for layer in range(num_layers)))

    @classmethod
    def read(cls, text: str, num_layers: int, window: int = 1024) -> "LayerMap":
        """A map of `num_layers` layers from the name of a preset, or from the paper's notation.

        Raises:
            ConfigError: neither, or a written map of another number of layers.

        >>> str(LayerMap.read("ma-pairs", 3)), str(LayerMap.read("0_1s_1s", 3))
        ('0_1s_1s', '0_1s_1s')
        """
        if not text[:1].isdigit():
            return cls.preset(text, num_layers, window)
        layers = cls.parse(text, window)
        if layers.num_layers != num_layers:
            raise ConfigError(
                f"the layer map {text} has {layers.num_layers} layers, asked for are {num_layers}: "
                "write one entry for each layer, or the name of a preset"
            )
        return layers

    def __str__(self) -> str:
        return "_".join(
            f"{owner}{'' if window is None else 's'}"
            for owner, window in zip(self.owners, self.windows, strict=True)
        )

    @property
    def num_layers(self) -> int:
        """How many layers the model has."""
        return len(self.owners)

    def is_owner(self, layer: int) -> bool:
        """Whether a layer computes keys and values of its own."""
        return self.owners[layer] == layer

    @property
    def full_owners(self) -> tuple[int, ...]:
        """Layers whose K/V must be kept for every token."""
        return tuple(i for i, window in enumerate(self.windows) if self.is_owner(i) and window is None)

    @property
    def sliding_owners(self) -> tuple[int, ...]:
        """Layers whose K/V must be kept for the last `window` tokens."""
        return tuple(i for i, window in enumerate(self.windows) if self.is_owner(i) and window is not None)

    def kv_bytes(self, tokens: int, *, num_kv_heads: int, head_dim: int, element_bytes: int) -> int:
        """Bytes of K and V that a sequence of `tokens` needs: 2 h d b (F T + S min(T, W)).

        >>> standard = LayerMap.preset("standard", 24)
        >>> offset = LayerMap.preset("ma-offset", 24)
        >>> shape = dict(num_kv_heads=3, head_dim=64, element_bytes=2)
        >>> round(offset.kv_bytes(32768, **shape) / standard.kv_bytes(32768, **shape), 3)
        0.052
        """
        slots = len(self.full_owners) * tokens
        slots += sum(min(tokens, window) for window in self._owned_windows())
        return 2 * num_kv_heads * head_dim * element_bytes * slots

    def kv_bytes_unfreed(self, tokens: int, *, num_kv_heads: int, head_dim: int, element_bytes: int) -> int:
        """The same when tokens that have left a window are kept: 2 h d b (F + S) T."""
        owners = len(self.full_owners) + len(self.sliding_owners)
        return 2 * num_kv_heads * head_dim * element_bytes * owners * tokens

    def kv_bytes_paged(
        self, tokens: int, *, num_kv_heads: int, head_dim: int, element_bytes: int, page: int, chunk: int = 1
    ) -> int:
        """The most a paged cache with freed windows holds: pages of `page` tokens, `chunk` new tokens a step.

        2 h d b (F ceil(T/p) p + S (ceil(min(W - 1 + c, T) / p) + 1) p): a window may begin inside a page, so
        one more page than its length needs.
        """
        slots = len(self.full_owners) * math.ceil(tokens / page) * page
        slots += sum(
            (math.ceil(min(window - 1 + chunk, tokens) / page) + 1) * page for window in self._owned_windows()
        )
        return 2 * num_kv_heads * head_dim * element_bytes * slots

    def _owned_windows(self) -> Iterator[int]:
        for layer, window in enumerate(self.windows):
            if window is not None and self.is_owner(layer):
                yield window


def _resolve(owners: Sequence[int], windows: Sequence[int | None]) -> tuple[int, ...]:
    """Follow every layer to the one that computes its K/V, checking each step."""
    resolved: list[int] = []
    for layer, owner in enumerate(owners):
        if owner > layer:
            raise ConfigError(
                f"layer {layer} reads the K/V of layer {owner}, which comes after it: "
                "a layer can read only its own or an earlier layer's"
            )
        if owner < 0:
            raise ConfigError(f"layer {layer} reads the K/V of layer {owner}: layers are counted from 0")
        if windows[owner] != windows[layer]:
            raise ConfigError(
                f"layer {layer} has {_kind(windows[layer])} and reads the K/V of layer {owner}, which has "
                f"{_kind(windows[owner])}: both must be the same"
            )
        resolved.append(layer if owner == layer else resolved[owner])
    return tuple(resolved)


def _kind(window: int | None) -> str:
    return "full attention" if window is None else f"a window of {window}"
