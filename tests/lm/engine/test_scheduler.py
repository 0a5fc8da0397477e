from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.core.errors import CapacityError
from fireside.core.protocols import SampleRequest, SamplingParams
from fireside.lm.config import ModelConfig
from fireside.lm.engine.engine_config import EngineConfig
from fireside.lm.engine.kv_cache import cache_bytes
from fireside.lm.engine.kv_pool import KVPool
from fireside.lm.engine.scheduler import Scheduler
from fireside.lm.engine.sequence import Sequence
from fireside.lm.tokenizer import Tokenizer

TinyConfig = Callable[..., ModelConfig]
TOKENIZER = Tokenizer.train_bpe(["x"], vocab_size=257)
MODEL = ModelConfig(
    vocab_size=257,
    hidden_size=8,
    intermediate_size=8,
    num_heads=2,
    num_kv_heads=1,
    head_dim=4,
    layer_map="0_1s_1s_0_4s",
    window=12,
    context_length=128,
)


def sequence_of(prompt: list[int], max_tokens: int) -> Sequence:
    return Sequence(
        SampleRequest(tuple(prompt), SamplingParams(max_tokens=max_tokens)),
        tokenizer=TOKENIZER,
        context_length=MODEL.context_length,
        vocab_size=MODEL.vocab_size,
        version=0,
    )


requests = st.lists(
    st.tuples(st.lists(st.integers(1, 2), min_size=1, max_size=60), st.integers(1, 20)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(
    requests,
    st.integers(1, 4),
    st.integers(1, 30),
    st.booleans(),
    st.integers(1, 4),
    st.lists(st.integers(0, 11), max_size=3),
    st.integers(0, 6),
    st.randoms(use_true_random=False),
)
def test_every_sequence_ends_and_no_memory_leaks_or_has_two_holders(
    asked: list[tuple[list[int], int]],
    max_sequences: int,
    extra_tokens: int,
    remember: bool,
    room: int,
    unwanted: list[int],
    num_draft_tokens: int,
    random: Random,
) -> None:
    limits = EngineConfig(
        max_sequences=max_sequences,
        max_batch_tokens=max_sequences + extra_tokens,
        kv_cache_bytes=room * cache_bytes(MODEL, 80),
        remember_prefixes=remember,
        num_draft_tokens=num_draft_tokens,
    )
    scheduler = Scheduler(MODEL, limits)
    sequences = [sequence_of(prompt, max_tokens) for prompt, max_tokens in asked]
    for sequence in sequences:
        scheduler.add(sequence)
    dropped = {sequences[i] for i in unwanted if i < len(sequences)}
    steps = 0
    while not scheduler.is_idle:
        chunks = scheduler.schedule()
        assert chunks
        assert len(scheduler.running) <= max_sequences
        assert sum(chunk.num_tokens for chunk in chunks) <= limits.max_batch_tokens
        assert len({id(chunk.sequence) for chunk in chunks}) == len(chunks)
        check_memory(scheduler)
        assert all(len(chunk.draft) <= num_draft_tokens for chunk in chunks)
        for chunk in chunks:
            needed = chunk.sequence.num_computed + chunk.num_tokens
            assert cache_bytes(MODEL, needed) <= chunk.sequence.lease.num_bytes
        ending = [chunk for chunk in chunks if chunk.reaches_end]
        for chunk in chunks:
            assert chunk.sequence.cache is not None
            chunk.sequence.cache.expect_drafts(len(chunk.draft))
            chunk.sequence.cache.advance(chunk.num_tokens)
        for chunk in ending:
            sequence = chunk.sequence
            if len(sequence.tokens) == len(sequence.prompt):
                scheduler.read(sequence)
            for guess in (*chunk.draft[: random.randint(0, len(chunk.draft))], random.randint(1, 2)):
                assert sequence.stop_reason is None
                sequence.append(guess, -1.0)
            sequence.cache.rewind(len(sequence.tokens) - 1)
            if sequence.stop_reason is not None:
                scheduler.finish(sequence)
        steps += 1
        if steps == 4:
            for sequence in dropped:
                scheduler.drop(sequence)
                scheduler.drop(sequence)
    check_memory(scheduler)
    assert scheduler.num_preemptions == sum(sequence.was_preempted for sequence in sequences)
    for sequence in sequences:
        assert sequence.cache is None
        assert sequence.stop_reason is not None or sequence in dropped
    if not remember:
        assert scheduler.pool.num_leases == 0
    scheduler.prefixes.clear()
    assert (scheduler.pool.num_leases, scheduler.pool.free_bytes) == (0, limits.kv_cache_bytes)


def check_memory(scheduler: Scheduler) -> None:
    """What is leased is enough for what exists: each cache once, and never more than the pool has."""
    entries = scheduler.prefixes._entries
    caches = [s.cache for s in scheduler.running] + [entry.cache for entry in entries]
    leases = [s.lease for s in scheduler.running] + [entry.lease for entry in entries]
    stores = [store for cache in caches if cache is not None for store in cache._stores.values()]
    assert len({store.buffer.data_ptr() for store in stores}) == len(stores)
    assert len(set(leases)) == len(leases) == scheduler.pool.num_leases
    for cache, lease in zip(caches, leases, strict=True):
        assert cache is not None
        assert lease is not None
        assert cache.num_bytes <= lease.num_bytes <= cache.most_bytes
    assert all(entry.cache.num_bytes == entry.lease.num_bytes for entry in entries)
    used = sum(lease.num_bytes for lease in leases if lease is not None)
    assert used + scheduler.pool.free_bytes == scheduler.pool.capacity_bytes
    assert scheduler.pool.free_bytes >= 0


def take_step(scheduler: Scheduler, token: int) -> list[tuple[Sequence, int]]:
    """A step in which every sequence that may draw draws this token; who took how many tokens."""
    chunks = scheduler.schedule()
    for chunk in chunks:
        assert chunk.sequence.cache is not None
        reaches_end = chunk.reaches_end
        chunk.sequence.cache.advance(chunk.num_tokens)
        if reaches_end:
            chunk.sequence.append(token, 0.0)
        if chunk.sequence.stop_reason is not None:
            scheduler.finish(chunk.sequence)
    return [(chunk.sequence, chunk.num_tokens) for chunk in chunks]


def test_running_sequences_go_on_while_a_long_prompt_is_read_in_pieces() -> None:
    scheduler = Scheduler(MODEL, EngineConfig(max_sequences=4, max_batch_tokens=10))
    short, long = sequence_of([1, 2], 5), sequence_of([3] * 25, 1)
    scheduler.add(short)
    scheduler.add(long)
    sizes = [take_step(scheduler, 7) for _ in range(3)]
    assert sizes == [[(short, 2), (long, 8)], [(short, 1), (long, 9)], [(short, 1), (long, 8)]]


def test_what_began_last_gives_way_and_begins_again_with_room_to_its_end() -> None:
    room = cache_bytes(MODEL, 32) + cache_bytes(MODEL, 16)
    scheduler = Scheduler(MODEL, EngineConfig(kv_cache_bytes=room, remember_prefixes=False))
    first, second = sequence_of([1] * 10, 22), sequence_of([2] * 10, 20)
    for sequence in (first, second):
        scheduler.add(sequence)
    running = []
    while not scheduler.is_idle:
        take_step(scheduler, 7)
        running.append((first in scheduler.running, second in scheduler.running))
    # Both have 17 tokens when a second block is wanted, of which there is one; the first ends after 22 steps,
    # and the second then reads its 17 tokens and draws the last 13.
    assert running == [(True, True)] * 7 + [(True, False)] * 14 + [(False, False)] + [(False, True)] * 12 + [
        (False, False)
    ]
    assert (first.was_preempted, second.was_preempted, scheduler.num_preemptions) == (False, True, 1)


def test_the_least_recently_used_prefix_makes_room_first() -> None:
    scheduler = Scheduler(MODEL, EngineConfig(kv_cache_bytes=3 * cache_bytes(MODEL, 16)))

    def run(first_token: int) -> None:
        sequence = sequence_of([first_token] * 10, 2)
        scheduler.add(sequence)
        while sequence.stop_reason is None:
            take_step(scheduler, 9)

    for first_token in (1, 2, 1, 3, 4):
        run(first_token)
    hits = {t: scheduler.prefixes.longest(np.array([t] * 10), 10)[1] for t in (1, 2, 3, 4)}
    assert hits == {1: 10, 2: 0, 3: 10, 4: 10}


def test_a_pool_never_leases_more_than_it_has_and_takes_each_lease_back_once() -> None:
    pool = KVPool(10)
    lease = pool.lease(7)
    with pytest.raises(CapacityError, match="4 bytes of K/V cache are wanted, 3 of 10 are free"):
        pool.lease(4)
    lease.grow(9)
    lease.grow(8)
    assert (lease.num_bytes, pool.free_bytes) == (9, 1)
    with pytest.raises(CapacityError, match="2 bytes of K/V cache are wanted, 1 of 10 are free"):
        lease.grow(11)
    lease.release()
    with pytest.raises(AssertionError, match="twice"):
        lease.release()
    with pytest.raises(AssertionError, match="cannot grow"):
        lease.grow(10)
    assert pool.free_bytes == 10
