"""The standard model of equal K/V: sizes worked out by hand, and never below what it is held against."""

from dataclasses import replace

import pytest

from fireside.core.errors import ConfigError
from fireside.lm.config import ModelConfig
from fireside.lm.equal_kv import standard_of_equal_kv
from fireside.lm.layer_map import LayerMap
from fireside.lm.layer_presets import PRESETS
from fireside.recipes.map_sweep import kv_bytes

SHAPE = ModelConfig(
    vocab_size=64,
    hidden_size=64,
    intermediate_size=128,
    num_heads=4,
    num_kv_heads=2,
    head_dim=16,
    layer_map=str(LayerMap.preset("standard", 18)),
    window=16,
    context_length=256,
)


def with_map(name: str, **changes: int) -> ModelConfig:
    return replace(SHAPE, layer_map=str(LayerMap.preset(name, 18)), **changes)


@pytest.mark.parametrize(
    ("name", "num_layers", "num_kv_heads"),
    [
        # One full owner and six sliding: 256 + 6 x 16 = 352 keys of 2 heads = 2.75 layers of 1 head.
        ("ma-offset", 3, 1),
        # Two full owners and six sliding: 2 x 256 + 6 x 16 = 608 keys of 2 heads = 4.75 layers of 1 head.
        ("ma-pairs", 5, 1),
        # Eighteen windows: 288 keys of 2 heads = 2.25 layers of 1 head.
        ("sliding", 3, 1),
        ("standard", 18, 2),
    ],
)
def test_sizes_worked_out_by_hand(name: str, num_layers: int, num_kv_heads: int) -> None:
    small = standard_of_equal_kv(with_map(name), 256)
    assert (small.num_layers, small.num_kv_heads) == (num_layers, num_kv_heads)
    assert small.layers == LayerMap.preset("standard", num_layers)
    assert (small.hidden_size, small.num_heads, small.head_dim) == (64, 4, 16)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("num_kv_heads", [1, 2, 4])
def test_the_baseline_has_at_least_as_much_kv_and_no_smaller_one_has(name: str, num_kv_heads: int) -> None:
    model = with_map(name, num_kv_heads=num_kv_heads)
    small = standard_of_equal_kv(model, 256)
    assert kv_bytes(small) >= kv_bytes(model)
    one_layer_of_one_head = kv_bytes(with_map("standard", num_kv_heads=1)) // 18
    assert kv_bytes(small) - kv_bytes(model) < one_layer_of_one_head * small.num_kv_heads
    assert small.num_layers <= 18


def test_a_window_as_long_as_the_sequence_saves_nothing() -> None:
    assert standard_of_equal_kv(with_map("sliding"), 16).num_layers == 18


def test_no_tokens_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least 1 token, got 0"):
        standard_of_equal_kv(SHAPE, 0)
