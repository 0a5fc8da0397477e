from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fireside.core.errors import ConfigError
from fireside.core.protocols import SampleRequest, SamplingParams
from fireside.lm.config import ModelConfig
from fireside.lm.engine.engine_config import EngineConfig
from fireside.lm.engine.kv_format import KVFormat
from fireside.lm.engine.model_runner import ModelRunner
from fireside.lm.engine.planner import KVPlan, against_standard, halvings
from fireside.lm.engine.scheduler import Scheduler
from fireside.lm.engine.sequence import Sequence
from fireside.lm.layer_map import LayerMap
from fireside.lm.layer_presets import PRESETS
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer

TinyConfig = Callable[..., ModelConfig]
TOKENIZER = Tokenizer.train_bpe(["x"], vocab_size=257)
FORMATS = [KVFormat(dtype=dtype, block_tokens=block) for dtype in ("fp32", "bf16") for block in (1, 16, 24)]
MAX_TOKENS = 3


def plan_of(config: ModelConfig, kv_format: KVFormat) -> KVPlan:
    return KVPlan(
        layers=config.layers,
        num_kv_heads=config.num_kv_heads,
        head_dim=config.head_dim,
        kv_format=kv_format,
    )


def sequence_of(config: ModelConfig, num_tokens: int) -> Sequence:
    return Sequence(
        SampleRequest((5,) * (num_tokens - MAX_TOKENS), SamplingParams(max_tokens=MAX_TOKENS)),
        tokenizer=TOKENIZER,
        context_length=config.context_length,
        vocab_size=config.vocab_size,
        version=0,
    )


def set_aside_bytes(scheduler: Scheduler) -> int:
    """All buffers of the running sequences: whole storages, not views."""
    stores = [
        store
        for sequence in scheduler.running
        if sequence.cache is not None
        for store in sequence.cache._stores.values()
    ]
    return sum(store.buffer.untyped_storage().nbytes() for store in stores)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_the_plan_is_what_the_engine_allocates_byte_for_byte(tiny: TinyConfig, name: str) -> None:
    config = tiny(str(LayerMap.preset(name, 12, 20)), window=20, vocab_size=257)
    runner = ModelRunner(Transformer(config, seed=0))
    for kv_format in FORMATS:
        plan = plan_of(config, kv_format)
        for lengths, prefill_chunk in (((4, 21, 100), 3), ((19, 20, 129), 16), ((64,), 7), ((200, 33), 512)):
            limits = EngineConfig(
                max_sequences=2,
                max_batch_tokens=2 + prefill_chunk,
                kv_cache_bytes=sum(plan.sequence_bytes(length) for length in lengths),
                kv_format=kv_format,
                remember_prefixes=False,
            )
            scheduler = Scheduler(config, limits)
            for length in lengths:
                scheduler.add(sequence_of(config, length))
            while not scheduler.is_idle:
                chunks = scheduler.schedule()
                running = scheduler.running
                leased = scheduler.pool.capacity_bytes - scheduler.pool.free_bytes
                assert leased == sum(plan.sequence_bytes(len(sequence.tokens)) for sequence in running)
                longest = sum(plan.sequence_bytes(sequence.max_length) for sequence in running)
                assert set_aside_bytes(scheduler) == longest
                runner.run(chunks)
                for chunk in chunks:
                    sequence = chunk.sequence
                    if sequence.num_computed == len(sequence.tokens):
                        sequence.append(7, 0.0)
                        if sequence.stop_reason is not None:
                            scheduler.finish(sequence)
            assert scheduler.pool.free_bytes == limits.kv_cache_bytes


@given(
    st.sampled_from(sorted(PRESETS)),
    st.integers(1, 30),
    st.integers(1, 300),
    st.sampled_from(FORMATS),
    st.integers(1, 4000),
)
def test_tokens_and_windows_add_up_to_a_sequence(
    name: str, num_layers: int, window: int, kv_format: KVFormat, tokens: int
) -> None:
    layers = LayerMap.preset(name, num_layers, window)
    plan = KVPlan(layers=layers, num_kv_heads=3, head_dim=8, kv_format=kv_format)
    capacity = kv_format.capacity(tokens)
    most = capacity * plan.token_bytes + plan.window_bytes
    assert plan.sequence_bytes(tokens) <= most
    if capacity >= window:
        assert plan.sequence_bytes(tokens) == most
    # A pool of n sequences and a byte less holds n - 1.
    assert plan.sequences_in(5 * plan.sequence_bytes(tokens), tokens) == 5
    assert plan.sequences_in(5 * plan.sequence_bytes(tokens) - 1, tokens) == 4


@pytest.mark.parametrize(("name", "share"), [("standard", 1.0), ("ma-offset", 0.0521), ("ma-pairs", 0.0938)])
def test_the_share_of_standard_is_the_papers_formula(name: str, share: float) -> None:
    plan = KVPlan(layers=LayerMap.preset(name, 24), num_kv_heads=3, head_dim=128)
    assert against_standard(plan, [32_768])[0].share == pytest.approx(share, abs=5e-5)


def test_bf16_keys_and_values_are_those_of_fp32_rounded_however_they_came(tiny: TinyConfig) -> None:
    from fireside.lm.engine.kv_cache import KVCache

    config = tiny("0_1s", window=9)
    new_N2Gd = torch.randn(40, 2 * config.num_kv_heads, config.head_dim)
    whole = KVCache(config, 40, KVFormat(dtype="bf16"))
    pieces = KVCache(config, 40, KVFormat(dtype="bf16"))
    for owner in (0, 1):
        whole.extend(owner, new_N2Gd[:39])
    whole.advance(39)
    for start, end in ((0, 7), (7, 30), (30, 39)):
        for owner in (0, 1):
            keys, _ = pieces.extend(owner, new_N2Gd[start:end])
        pieces.advance(end - start)
    for owner in (0, 1):
        a, b = whole.append(owner, new_N2Gd[39:]), pieces.append(owner, new_N2Gd[39:])
        assert torch.equal(a[0], b[0])
        assert torch.equal(a[1], b[1])
    keys, values = whole.extend(0, new_N2Gd[:0])
    rounded = new_N2Gd.bfloat16().float().transpose(0, 1)[None]
    assert torch.equal(torch.cat((keys, values), 1), rounded[:, :, :39])


def test_plans_of_nothing_are_refused() -> None:
    layers = LayerMap.preset("ma-pairs", 12)
    with pytest.raises(ConfigError, match="head_dim must be at least 1, got 0"):
        KVPlan(layers=layers, num_kv_heads=1, head_dim=0)
    with pytest.raises(ConfigError, match="at least 1 token, got 0"):
        KVPlan(layers=layers, num_kv_heads=1, head_dim=8).sequence_bytes(0)
    with pytest.raises(ConfigError, match="at least 1 token, got -3"):
        halvings(-3)
    with pytest.raises(ConfigError, match="must be one of fp32, bf16, got 'int8'"):
        KVFormat(dtype="int8")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="block_tokens must be at least 1"):
        KVFormat(block_tokens=0)
    with pytest.raises(ConfigError, match="has 3 layers, asked for are 4"):
        LayerMap.read("0_1s_1s", 4)
