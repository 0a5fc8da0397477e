"""The smaller standard model that is as dear in keys and values as a model with another layer map.

A map that saves K/V must be held against a model that saves them the plain way: with fewer layers and fewer
K/V heads.
"""

from dataclasses import replace

from fireside.core.errors import ConfigError
from fireside.lm.config import ModelConfig
from fireside.lm.layer_map import LayerMap

__all__ = ["standard_of_equal_kv"]


def standard_of_equal_kv(model: ModelConfig, tokens: int) -> ModelConfig:
    """The smallest standard model whose K/V of a sequence are at least those of `model`.

    Width and heads stay; layers and K/V heads become fewer. Of two with equal K/V it is the deeper one.

    Args:
        model: with any layer map.
        tokens: of the sequence.

    Raises:
        ConfigError: no tokens.

    >>> layer_map = str(LayerMap.preset("ma-offset", 12))
    >>> offset = ModelConfig(vocab_size=256, hidden_size=64, intermediate_size=128, num_heads=4,
    ...                      num_kv_heads=2, head_dim=16, layer_map=layer_map, window=16, context_length=256)
    >>> small = standard_of_equal_kv(offset, 256)  # 256 + 4 x 16 slots of 2 heads: 2.5 layers of 1 head
    >>> small.layer_map, small.num_kv_heads
    ('0_1_2', 1)
    """
    if tokens < 1:
        raise ConfigError(f"K/V is compared for sequences of at least 1 token, got {tokens}")
    wanted = _kv_slots(model.layers, tokens) * model.num_kv_heads
    fitting = [
        (num_layers * kv_heads * tokens, -num_layers, kv_heads)
        for num_layers in range(1, model.num_layers + 1)
        for kv_heads in range(1, model.num_kv_heads + 1)
        if model.num_heads % kv_heads == 0 and num_layers * kv_heads * tokens >= wanted
    ]
    _, minus_layers, kv_heads = min(fitting)
    return replace(model, layer_map=str(LayerMap.preset("standard", -minus_layers)), num_kv_heads=kv_heads)


def _kv_slots(layers: LayerMap, tokens: int) -> int:
    """Keys that one K/V head keeps, in all layers together."""
    return layers.kv_bytes(tokens, num_kv_heads=1, head_dim=1, element_bytes=1) // 2
