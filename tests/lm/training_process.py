"""One of the processes that `test_parallel` starts with torchrun: runs, one after the other.

    python -m torch.distributed.run --nproc-per-node 2 -m tests.lm.training_process DIRECTORY STRATEGY

`straight` is trained without a break, `broken` with one; `begun_alone` goes on from what one process left.
The model of `experts` has some; in `attention` attention alone trains, and activations are computed again.
"""

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fireside.core.protocols import TokenBatch
from fireside.lm.config import ModelConfig
from fireside.lm.lr_schedule import LearningRateSchedule
from fireside.lm.optimizer import AdamWConfig
from fireside.lm.parallel import Strategy
from fireside.lm.trainer import Trainer
from fireside.lm.training_config import TrainingConfig
from fireside.lm.transformer import Transformer
from fireside.lm.workers import Workers, join_workers

NUM_STEPS, BREAK = 6, 3
SHAPE = ModelConfig(
    vocab_size=30,
    hidden_size=16,
    intermediate_size=24,
    num_heads=2,
    num_kv_heads=1,
    head_dim=8,
    layer_map="0_1s_1s_0",
    window=4,
    context_length=64,
)
# Some experts get no token in some micro-batches. The load-balance loss of one process would not be that of
# several, each of which balances its own tokens.
EXPERTS = dataclasses.replace(SHAPE, num_experts=4, num_experts_per_token=2, balance_weight=0.0)

ATTENTION: dict[str, Any] = {"trainable": ("*.self_attn.*",), "activation_checkpointing": True}


class Noise:
    """Random batches of twelve sequences, some tokens of which do not count."""

    fingerprint = "noise"
    num_batches = None

    def batch(self, step: int) -> TokenBatch:
        generator = np.random.default_rng(step)
        tokens = generator.integers(0, SHAPE.vocab_size, (12, 13), dtype=np.int32)
        weights = generator.integers(0, 3, (12, 12)).astype(np.float32)
        segments = np.repeat(generator.integers(0, 2, (12, 6), dtype=np.int32).cumsum(1), 2, axis=1)
        return TokenBatch(tokens[:, :-1], tokens[:, 1:], weights, segments.astype(np.int32))


def trainer(
    directory: Path,
    strategy: Strategy = "ddp",
    workers: Workers | None = None,
    *,
    seed: int = 0,
    shape: ModelConfig = SHAPE,
    **changes: Any,
) -> Trainer:
    config = TrainingConfig(
        num_steps=NUM_STEPS,
        schedule=LearningRateSchedule(peak=3e-3, kind="cosine", warmup_steps=2),
        optimizer=AdamWConfig(max_grad_norm=0.3),
        micro_batch_size=2,
        strategy=strategy,
        **changes,
    )
    return Trainer(Transformer(shape, seed=seed), Noise(), config, directory, workers=workers)


def main(directory: Path, strategy: Strategy) -> None:
    torch.set_num_threads(1)
    with join_workers() as workers:
        trainer(directory / "straight", strategy, workers).run()
        trainer(directory / "broken", strategy, workers).run(until_step=BREAK)
        # Other initial weights: everything must come from the checkpoint.
        trainer(directory / "broken", strategy, workers, seed=9).run()
        trainer(directory / "begun_alone", strategy, workers, seed=9).run()
        trainer(directory / "experts", strategy, workers, shape=EXPERTS).run()
        trainer(directory / "attention", strategy, workers, **ATTENTION).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])  # type: ignore[arg-type]
