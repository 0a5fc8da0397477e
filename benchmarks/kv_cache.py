"""K/V cache: bytes that the engine's pool really holds at 32k tokens, and decoding speed from there.

One model of 24 layers with the heads of the paper (12 query, 3 key/value) and a window of 1,024, under three
layer maps. Bytes are those leased from the pool, which must be those of the blocks in use and the plan's;
resident memory is what the process gained by filling them. Decoding runs one sequence from 32k tokens on,
maps in turn in one process; the bar takes the fastest step of each, which other programs disturbed least. The
cache holds random keys and values, as speed does not depend on them, and reading 32k tokens with full
attention would take most of an hour here.
"""

import statistics
import time
from pathlib import Path
from typing import Any

import torch

from fireside.core.protocols import SampleRequest, SamplingParams
from fireside.lm.config import ModelConfig
from fireside.lm.engine.engine_config import EngineConfig
from fireside.lm.engine.model_runner import ModelRunner
from fireside.lm.engine.planner import KVPlan
from fireside.lm.engine.scheduler import Scheduler
from fireside.lm.engine.sequence import Sequence
from fireside.lm.layer_map import LayerMap
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer
from harness import bar, run_benchmark

SEED = 5
MAPS = ("standard", "ma-offset", "ma-pairs")
LAYERS, WINDOW, TOKENS = 24, 1024, 32_768
WARM_UP, ROUNDS, STEPS = 2, 5, 6


class Decoding:
    """One sequence of a model, `TOKENS` long, ready to be continued."""

    def __init__(self, name: str) -> None:
        self.name = name
        config = model_config(name)
        self.plan = KVPlan(layers=config.layers, num_kv_heads=config.num_kv_heads, head_dim=config.head_dim)
        self.runner = ModelRunner(Transformer(config, seed=SEED))
        self.scheduler = Scheduler(config, EngineConfig(kv_cache_bytes=self.plan.sequence_bytes(TOKENS)))
        # The last tokens are drawn: warm-up and measured steps.
        drawn = WARM_UP + ROUNDS * STEPS + 1
        self.sequence = Sequence(
            SampleRequest((5,) * (TOKENS - drawn), SamplingParams(max_tokens=drawn)),
            tokenizer=Tokenizer.train_bpe(["x"], vocab_size=257),
            context_length=TOKENS,
            vocab_size=config.vocab_size,
            version=0,
        )
        before = resident_mib()
        self.scheduler.add(self.sequence)
        self.scheduler.schedule()
        self.fill(config, len(self.sequence.prompt))
        self.resident_mib = resident_mib() - before
        self.sequence.append(6, 0.0)

    def fill(self, config: ModelConfig, num_tokens: int) -> None:
        """Random keys and values, as if a prompt had been read."""
        cache = self.sequence.cache
        assert cache is not None
        generator = torch.Generator().manual_seed(SEED)
        for start in range(0, num_tokens, 512):
            count = min(512, num_tokens - start)
            new = torch.randn(count, 2 * config.num_kv_heads, config.head_dim, generator=generator)
            for owner in (*config.layers.full_owners, *config.layers.sliding_owners):
                cache.extend(owner, new)
            cache.advance(count)

    @property
    def pool_bytes(self) -> int:
        """Bytes leased from the pool, which must be those of the blocks that hold tokens."""
        leased = self.scheduler.pool.capacity_bytes - self.scheduler.pool.free_bytes
        cache = self.sequence.cache
        assert cache is not None
        assert cache.num_bytes == leased
        return leased

    def step(self) -> float:
        """Decode one token; returns the seconds."""
        chunks = self.scheduler.schedule()
        start = time.perf_counter()
        self.runner.run(chunks)
        seconds = time.perf_counter() - start
        self.sequence.append(6, 0.0)
        return seconds


def measure(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All rows and bars."""
    decodings = [Decoding(name) for name in MAPS]
    for decoding in decodings:
        for _ in range(WARM_UP):
            decoding.step()
    seconds: dict[str, list[float]] = {name: [] for name in MAPS}
    for _ in range(2 if quick else ROUNDS):
        for decoding in decodings:
            seconds[decoding.name] += [decoding.step() for _ in range(3 if quick else STEPS)]
    standard = decodings[0]
    rows = [
        {
            "map": decoding.name,
            "tokens": TOKENS,
            "window": WINDOW,
            "pool_bytes": decoding.pool_bytes,
            "planned_bytes": decoding.plan.sequence_bytes(decoding.sequence.num_computed),
            "of_standard": decoding.pool_bytes / standard.pool_bytes,
            "resident_mib": round(decoding.resident_mib, 1),
            "ms_a_token": min(seconds[decoding.name]) * 1e3,
            "median_ms_a_token": statistics.median(seconds[decoding.name]) * 1e3,
        }
        for decoding in decodings
    ]
    by_map = {row["map"]: row for row in rows}
    offset, pairs = by_map["ma-offset"], by_map["ma-pairs"]
    return rows, [
        bar("ma-offset: pool bytes at 32k as a share of standard", "<= 0.053", offset["of_standard"]),
        bar("ma-pairs: pool bytes at 32k as a share of standard", "<= 0.095", pairs["of_standard"]),
        bar(
            "bytes by which pool and plan differ, all maps",
            "<= 0",
            sum(abs(row["pool_bytes"] - row["planned_bytes"]) for row in rows),
        ),
        bar(
            "ma-offset: decoding at 32k, times standard's speed",
            ">= 3",
            by_map["standard"]["ms_a_token"] / offset["ms_a_token"],
        ),
    ]


def model_config(name: str) -> ModelConfig:
    """Widths that fit a small machine."""
    return ModelConfig(
        vocab_size=512,
        hidden_size=256,
        intermediate_size=512,
        num_heads=12,
        num_kv_heads=3,
        head_dim=64,
        layer_map=str(LayerMap.preset(name, LAYERS, WINDOW)),
        window=WINDOW,
        context_length=TOKENS,
    )


def resident_mib() -> float:
    """Anonymous memory of this process that is in use."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this system does not tell anonymous memory")


if __name__ == "__main__":
    run_benchmark("kv_cache", measure, packages=("torch",), seeds=(SEED,))
