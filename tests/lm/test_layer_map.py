import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.core.errors import ConfigError
from fireside.lm.layer_map import LayerMap
from fireside.lm.layer_presets import PRESETS

# The paper's table for 24 layers.
PAPER = {
    "standard": "_".join(str(i) for i in range(24)),
    "sliding": "_".join(f"{i}s" for i in range(24)),
    "ma": "0_1s_1s_3s_3s_3s_0_7s_7s_9s_9s_9s_0_13s_13s_15s_15s_15s_0_19s_19s_21s_21s_0",
    "ma-end-slide": "0_1s_1s_3s_3s_3s_0_7s_7s_9s_9s_9s_0_13s_13s_15s_15s_15s_0_19s_19s_21s_21s_21s",
    "ma-offset": "0s_0s_2s_2s_2s_5_6s_6s_8s_8s_8s_5_12s_12s_14s_14s_14s_5_18s_18s_20s_20s_20s_5",
    "ma-pairs": "0_1s_1s_3s_3s_3s_0_7s_7s_9s_9s_9s_12_13s_13s_15s_15s_15s_12_19s_19s_21s_21s_21s",
    "ma-offset-slide-share": "0s_0s_0s_0s_0s_5_6s_6s_6s_6s_6s_5_12s_12s_12s_12s_12s_5_18s_18s_18s_18s_18s_5",
    "ma-pairs-slide-share": (
        "0_1s_1s_1s_1s_1s_0_7s_7s_7s_7s_7s_12_13s_13s_13s_13s_13s_12_19s_19s_19s_19s_19s"
    ),
    "ma-successive-1": "0_0_2s_2s_4s_4s_4s_7s_7s_9s_9s_9s_12_12_14s_14s_16s_16s_16s_19s_19s_21s_21s_21s",
    "ma-successive-2": "0s_0s_2s_2s_2s_5_5_7s_7s_9s_9s_9s_12_12_14s_14s_16s_16s_16s_19s_19s_21s_21s_21s",
    "ma-successive-3": "0s_0s_2s_2s_2s_5s_5s_7s_7s_7s_10_10_12s_12s_14s_14s_14s_17_17_19s_19s_21s_21s_21s",
    "ma-successive-4": "0s_0s_2s_2s_2s_5s_5s_7s_7s_7s_10_10_12s_12s_14s_14s_14s_17s_17s_19s_19s_19s_22_22",
    "ma-no-share-1": "0s_0s_2s_3_4s_4s_4s_7s_7s_9s_9s_9s_12s_12s_14s_14s_14s_17s_17s_19s_19s_19s_22s_22s",
    "ma-no-share-2": "0s_0s_2s_2s_2s_5s_5s_7s_7s_7s_10_11s_11s_13s_13s_13s_16s_16s_18s_18s_18s_21s_21s_23s",
    "ma-no-share-3": "0s_0s_2s_2s_2s_5s_5s_7s_7s_7s_10s_10s_12s_12s_12s_15s_15s_17s_17s_17s_20_21s_22s_22s",
}
# Owners with full attention and with a window, from the same table.
CACHES = {
    "standard": (24, 0),
    "sliding": (0, 24),
    "ma": (1, 8),
    "ma-end-slide": (1, 8),
    "ma-offset": (1, 8),
    "ma-pairs": (2, 8),
    "ma-offset-slide-share": (1, 4),
    "ma-pairs-slide-share": (2, 4),
    "ma-successive-1": (2, 8),
    "ma-successive-2": (2, 8),
    "ma-successive-3": (2, 8),
    "ma-successive-4": (2, 8),
    "ma-no-share-1": (1, 10),
    "ma-no-share-2": (1, 10),
    "ma-no-share-3": (1, 10),
}
SHAPE = {"num_kv_heads": 3, "head_dim": 64, "element_bytes": 2}


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_the_papers_maps_at_24_layers(name: str) -> None:
    layers = LayerMap.preset(name, 24)
    assert str(layers) == PAPER[name]
    assert (len(layers.full_owners), len(layers.sliding_owners)) == CACHES[name]


def test_there_are_the_papers_fifteen_presets() -> None:
    assert set(PRESETS) == set(PAPER)


@given(st.sampled_from(sorted(PRESETS)), st.integers(1, 80), st.integers(1, 4096))
def test_presets_keep_the_papers_invariants_at_any_depth(name: str, num: int, window: int) -> None:
    layers = LayerMap.preset(name, num, window)
    assert layers.num_layers == num
    assert LayerMap.parse(str(layers), window) == layers
    for layer, owner in enumerate(layers.owners):
        assert owner <= layer
        assert layers.is_owner(owner)
        assert layers.windows[owner] == layers.windows[layer]
        if layers.windows[layer] is not None:
            assert all(between is not None for between in layers.windows[owner:layer])


@given(st.data(), st.integers(1, 40))
def test_any_valid_map_survives_printing_and_parsing(data: st.DataObject, num: int) -> None:
    windows = data.draw(st.lists(st.sampled_from([None, 16]), min_size=num, max_size=num))
    owners = [
        data.draw(st.sampled_from([j for j in range(i + 1) if windows[j] == windows[i]])) for i in range(num)
    ]
    layers = LayerMap(tuple(owners), tuple(windows))
    assert LayerMap.parse(str(layers), window=16) == layers


def test_sharing_resolves_transitively_to_one_owner() -> None:
    assert LayerMap.parse("0s_0s_1s_2s").owners == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("0_2_2", "layer 1 reads the K/V of layer 2, which comes after"),
        ("0_1s_0s", "layer 2 has a window of 1024 and reads the K/V of layer 0, which has full"),
        ("0_1s_1", "layer 2 has full attention"),
        ("0_x", "layer 1 of the layer map is 'x'"),
        ("", "layer 0 of the layer map is ''"),
        ("0_-1", "layer 1"),
    ],
)
def test_an_invalid_map_is_refused_by_the_name_of_its_layer(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        LayerMap.parse(text)


def test_windows_and_presets_are_validated() -> None:
    with pytest.raises(ConfigError, match="layer 0 has a window of 0"):
        LayerMap.parse("0s", window=0)
    with pytest.raises(ConfigError, match="ma-pairs"):
        LayerMap.preset("ma-pair", 24)
    with pytest.raises(ConfigError, match="at least 1 layer"):
        LayerMap.preset("ma", 0)


@pytest.mark.parametrize(
    ("name", "freed", "kept"),
    [("ma-offset", 0.052, 0.375), ("ma-pairs", 0.094, 0.417), ("ma-no-share-1", 0.055, 0.458)],
)
def test_kv_bytes_at_32k_are_the_papers_fractions_of_standard(name: str, freed: float, kept: float) -> None:
    layers = LayerMap.preset(name, 24)
    standard = LayerMap.preset("standard", 24).kv_bytes(32768, **SHAPE)
    assert standard == 2 * 3 * 64 * 2 * 24 * 32768
    assert layers.kv_bytes(32768, **SHAPE) / standard == pytest.approx(freed, abs=6e-4)
    assert layers.kv_bytes_unfreed(32768, **SHAPE) / standard == pytest.approx(kept, abs=6e-4)


@given(st.sampled_from(sorted(PRESETS)), st.integers(1, 5000), st.integers(1, 64), st.integers(1, 64))
def test_paged_bytes_bound_the_exact_ones_and_nearly_meet_them(
    name: str, tokens: int, page: int, chunk: int
) -> None:
    layers = LayerMap.preset(name, 12, 256)
    exact = layers.kv_bytes(tokens, **SHAPE)
    paged = layers.kv_bytes_paged(tokens, **SHAPE, page=page, chunk=chunk)
    owners = len(layers.full_owners) + len(layers.sliding_owners)
    assert exact <= paged <= exact + 2 * 3 * 64 * 2 * owners * (chunk + 2 * page)
