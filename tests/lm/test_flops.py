"""Operation counts against what torch itself counts, and against the layer map."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from fireside.lm.config import ModelConfig
from fireside.lm.flops import forward_flops, training_flops, visible_pairs
from fireside.lm.layer_map import LayerMap
from fireside.lm.layer_presets import PRESETS
from fireside.lm.losses import linear_cross_entropy
from fireside.lm.transformer import Transformer


def config(layer_map="0_1s_1s_3s_3s_3s_0", window=8):
    return ModelConfig(
        vocab_size=40,
        hidden_size=24,
        intermediate_size=32,
        num_heads=4,
        num_kv_heads=2,
        head_dim=8,
        layer_map=layer_map,
        window=window,
        context_length=64,
    )


@given(num_tokens=st.integers(1, 60), window=st.one_of(st.none(), st.integers(1, 80)))
def test_visible_pairs_are_those_of_the_mask(num_tokens, window):
    distance = torch.arange(num_tokens)[:, None] - torch.arange(num_tokens)[None]
    seen = (distance >= 0) & (distance < (window or num_tokens))
    assert visible_pairs(num_tokens, window) == int(seen.sum())


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_projections_and_feed_forward_equal_torchs_own_count(name):
    shape = config(str(LayerMap.preset(name, 7, 8)))
    model = Transformer(shape, seed=0)
    with FlopCounterMode(display=False) as counter:
        model.logits(model(torch.zeros(1, 20, dtype=torch.int64)))
    flops = forward_flops(shape, 20)
    counted = counter.get_flop_counts()["Global"][torch.ops.aten.mm]
    assert flops.projections + flops.feed_forward + flops.head == counted


def test_attention_is_two_products_of_every_visible_pair():
    shape = config("0_1s", window=4)
    pairs = 20 * 21 // 2 + (4 * 5 // 2 + 16 * 4)
    assert forward_flops(shape, 20).attention == 2 * 2 * shape.num_heads * shape.head_dim * pairs


def test_attention_of_windows_grows_linearly_and_of_full_layers_quadratically():
    sliding, full = config("0s_0s"), config("0_0")
    growth = [
        forward_flops(shape, 3200).attention / forward_flops(shape, 1600).attention
        for shape in (sliding, full)
    ]
    assert growth == pytest.approx([2, 4], rel=5e-3)


def test_frozen_weights_save_their_gradients_and_nothing_else():
    """torch counts the same saving when the feed-forward layers stop training."""
    shape = config("0_0_2")
    counts = []
    for frozen in (False, True):
        model = Transformer(shape, seed=0)
        for layer in model.layers:
            layer.mlp.requires_grad_(not frozen)
        with FlopCounterMode(display=False) as counter:
            hidden_ND = model(torch.zeros(2, 20, dtype=torch.int64)).flatten(0, 1)
            targets_N = torch.zeros(40, dtype=torch.int64)
            linear_cross_entropy(hidden_ND, model.output_weight, targets_N, torch.ones(40)).backward()
        counts.append(counter.get_flop_counts()["Global"][torch.ops.aten.mm])
    num_frozen = sum(p.numel() for layer in model.layers for p in layer.mlp.parameters())
    saved = training_flops(shape, 20) - training_flops(shape, 20, num_frozen=num_frozen)
    assert counts[0] - counts[1] == 2 * saved
