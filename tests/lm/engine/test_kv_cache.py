import ctypes
import dataclasses
import mmap
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.lm.config import ModelConfig
from fireside.lm.engine.kv_cache import KVCache, cache_bytes
from fireside.lm.layer_map import LayerMap
from fireside.lm.layer_presets import PRESETS

WINDOW = 6


def model_of(layer_map: str, window: int = WINDOW, context: int = 200) -> ModelConfig:
    return ModelConfig(
        vocab_size=8,
        hidden_size=8,
        intermediate_size=8,
        num_heads=2,
        num_kv_heads=1,
        head_dim=2,
        layer_map=layer_map,
        window=window,
        context_length=context,
    )


def rows(start: int, count: int) -> torch.Tensor:
    """K/V that say their position: keys +position, values -position; [N, 2, 2]."""
    positions = torch.arange(start, start + count, dtype=torch.float32)
    return torch.stack((positions, -positions), 1)[:, :, None].expand(-1, -1, 2).contiguous()


def extend(cache: KVCache, owners: tuple[int, ...], count: int) -> dict[int, list[int]]:
    """Add tokens and give, for each owner, the positions of the keys that come back."""
    seen = {}
    for owner in owners:
        new = rows(cache.length, count)
        keys, values = cache.append(owner, new) if count == 1 else cache.extend(owner, new)
        assert torch.equal(keys, -values)
        seen[owner] = keys[0, 0, :, 0].int().tolist()
    cache.advance(count)
    return seen


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=12), st.integers(0, 40), st.integers(0, 3))
def test_every_step_sees_all_tokens_or_just_those_of_the_window(
    counts: list[int], cut: int, after: int
) -> None:
    config = model_of("0_1s_1s_0")
    cache = KVCache(config, sum(counts))
    for count in counts:
        start = cache.length
        seen = extend(cache, (0, 1), count)
        end = start + count
        assert seen[0] == list(range(end))
        reach = list(range(max(0, start - WINDOW + 1), end))
        assert sorted(seen[1]) == reach
        if count > 1:
            assert seen[1] == reach  # several queries are masked by position, so the order matters

    # Another cache goes on from a beginning, wherever the window still allows it.
    length = min(cut, cache.length)
    allowed = length >= cache.length - 1 or cache.length <= WINDOW
    assert cache.can_resume_at(length) == allowed
    if allowed and length > 0:
        other = KVCache(config, length + 1 + after)
        other.copy_prefix(cache, length)
        seen = extend(other, (0, 1), 1 + after)
        assert seen[0] == list(range(length + 1 + after))
        assert sorted(seen[1]) == list(range(max(0, length - WINDOW + 1), length + 1 + after))


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 30),
    st.lists(st.tuples(st.integers(0, WINDOW - 1), st.integers(0, WINDOW - 1)), min_size=1, max_size=8),
    st.integers(1, 9),
)
def test_after_drafts_were_rejected_all_is_as_if_they_had_never_come(
    first: int, rounds: list[tuple[int, int]], last: int
) -> None:
    config = model_of("0_1s_1s_0")
    cache = KVCache(config, 200)
    extend(cache, (0, 1), first)
    for drafted, accepted in rounds:
        drafted = min(drafted, cache.most_drafted)
        cache.expect_drafts(drafted)
        start = cache.length
        extend(cache, (0, 1), 1 + drafted)
        cache.rewind(start + 1 + min(drafted, accepted))
    start = cache.length
    seen = extend(cache, (0, 1), last)
    assert seen[0] == list(range(start + last))
    assert sorted(seen[1]) == list(range(max(0, start - WINDOW + 1), start + last))


@given(st.sampled_from(sorted(PRESETS)), st.integers(1, 3000), st.integers(1, 2000))
def test_bytes_are_planned_before_they_are_taken(name: str, tokens: int, window: int) -> None:
    config = model_of(str(LayerMap.preset(name, 12, window)), window, context=3000)
    cache = KVCache(config, tokens)
    assert cache.num_bytes == 0
    assert cache.most_bytes == cache_bytes(config, tokens)
    cache.advance(tokens)
    assert cache.num_bytes == cache.most_bytes
    shape = {"num_kv_heads": 1, "head_dim": 2, "element_bytes": 4}
    assert (
        config.layers.kv_bytes(tokens, **shape)
        <= cache.num_bytes
        <= config.layers.kv_bytes(tokens + 15, **shape)
    )


def resident_bytes(cache: KVCache) -> int:
    """Bytes of the pages of a cache's buffers that are in memory."""
    libc = ctypes.CDLL(None, use_errno=True)
    resident = 0
    for store in cache._stores.values():
        flags = (ctypes.c_ubyte * -(-store.buffer.nbytes // mmap.PAGESIZE))()
        address, size = ctypes.c_void_p(store.buffer.data_ptr()), ctypes.c_size_t(store.buffer.nbytes)
        assert libc.mincore(address, size, flags) == 0, ctypes.get_errno()
        resident += sum(flag & 1 for flag in flags) * mmap.PAGESIZE
    return resident


@pytest.mark.skipif(sys.platform != "linux" or mmap.PAGESIZE != 4096, reason="asks Linux, of pages of 4 KiB")
def test_memory_comes_with_tokens_byte_for_byte() -> None:
    config = dataclasses.replace(model_of("0_1s_1s_0", window=32, context=5000), head_dim=64)
    cache = KVCache(config, 5000)
    assert resident_bytes(cache) == cache.num_bytes == 0
    for count in (1, 15, 1, 40, 300):
        for owner in (0, 1):
            cache.extend(owner, torch.ones(count, 2, 64))
        cache.advance(count)
        assert resident_bytes(cache) == cache.num_bytes  # here a block of a head is a page
    assert cache.num_bytes == 2 * 64 * 4 * (368 + 32) < cache.most_bytes // 10


def test_a_copy_shares_no_memory_and_has_no_room_to_spare() -> None:
    config = model_of("0_1s")
    cache = KVCache(config, 100)
    extend(cache, (0, 1), 20)
    small = cache.copy()
    assert (small.length, small.capacity, small.num_bytes) == (20, 32, small.most_bytes)
    extend(cache, (0, 1), 20)
    big = KVCache(config, 40)
    big.copy_prefix(small, 20)
    assert extend(big, (0, 1), 1) == {0: list(range(21)), 1: [18, 19, 20, 15, 16, 17]}
