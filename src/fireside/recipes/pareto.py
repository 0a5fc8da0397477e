"""Which layer map for your text? K/V bytes against held-out loss, over maps and seeds.

texts -> tokenizer -> rows -> every map and its baseline x every seed -> table, plot

directory/
  tokenizer/                  unless one is given
  rows/training.npy, held-out.npy
  sweep/                      see `map_sweep`
  pareto.json, pareto.md, pareto.svg
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from fireside.core.atomic import write_bytes, write_text, writing_file
from fireside.core.config import config, to_dict
from fireside.core.errors import ConfigError
from fireside.lm.config import ModelConfig
from fireside.lm.equal_kv import standard_of_equal_kv
from fireside.lm.evaluate.perplexity import held_out_loss
from fireside.lm.layer_map import LayerMap
from fireside.lm.lr_schedule import LearningRateSchedule
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.training_config import TrainingConfig
from fireside.lm.transformer import Transformer
from fireside.recipes.convert_model import TokenRows, rows_batch, token_rows
from fireside.recipes.map_sweep import run_map_sweep
from fireside.recipes.pareto_plot import plot_pareto
from fireside.recipes.pareto_table import ParetoRow, pareto_markdown, pareto_rows

__all__ = ["ParetoConfig", "TextTask", "pareto", "pareto_models"]

Int32Array = npt.NDArray[np.int32]

# A killed run loses less than this; small models make so many steps in a minute or so.
_CHECKPOINT_EVERY = 200
_BATCH_ROWS = 16


@config
class ParetoConfig:
    """Which models, and how they are trained.

    Attributes:
        maps: names of presets, or maps in the paper's notation.
        seeds: of weights and of the order of the text; at least two for intervals.
        baselines: also train the smaller standard models of equal K/V bytes.
        num_layers: of every model but the baselines.
        hidden_size: width of the residual stream; the feed-forward layers are twice as wide.
        head_dim: width of one head; there are `hidden_size / head_dim` query heads.
        num_kv_heads: of every model but the baselines.
        window: of sliding layers.
        context_length: tokens of a row, and of the sequence whose K/V is counted.
        num_steps: of every run.
        batch_size: rows of a step.
        learning_rate: at its peak, after a twentieth of all steps; then it falls to zero in a line.
        vocab_size: of the byte-pair encoding, where no tokenizer is given.
        held_out_every: one row of text in so many is only measured on.
        held_out_rows: the most rows to measure on.
        jobs: runs at the same time.
    """

    maps: tuple[str, ...] = ("standard", "sliding", "ma-offset", "ma-pairs")
    seeds: tuple[int, ...] = (0, 1, 2)
    baselines: bool = True
    num_layers: int = 12
    hidden_size: int = 96
    head_dim: int = 16
    num_kv_heads: int = 2
    window: int = 32
    context_length: int = 512
    num_steps: int = 400
    batch_size: int = 8
    learning_rate: float = 3e-3
    vocab_size: int = 2048
    held_out_every: int = 20
    held_out_rows: int = 64
    jobs: int = 1

    def __post_init__(self) -> None:
        for name in ("num_layers", "head_dim", "num_steps", "batch_size", "held_out_rows", "jobs"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.held_out_every < 2:
            raise ConfigError(f"held_out_every must be at least 2, got {self.held_out_every}")
        if not self.maps or not self.seeds:
            raise ConfigError("give at least one layer map and one seed")
        if self.hidden_size % self.head_dim:
            raise ConfigError(
                f"hidden_size ({self.hidden_size}) must be a multiple of head_dim ({self.head_dim})"
            )


@dataclass(frozen=True, kw_only=True)
class TextTask:
    """Rows of text: a model is trained on some, in random order, and measured by its loss on others.

    Attributes:
        training: a `.npy` file, int32[N, T + 1].
        held_out: another.
        batch_size: rows of a batch.
    """

    training: Path
    held_out: Path
    batch_size: int

    @property
    def fingerprint(self) -> str:
        """Of all rows."""
        digest = hashlib.blake2b(digest_size=16)
        for file in (self.training, self.held_out):
            digest.update(file.read_bytes())
        return f"{digest.hexdigest()}-{self.batch_size}"

    def source(self, seed: int) -> TokenRows:
        """Batches of the training rows."""
        return TokenRows(np.load(self.training), batch_size=self.batch_size, seed=seed)

    def measure(self, model: Transformer) -> dict[str, float]:
        """`loss` on the held-out rows, in nats per token."""
        rows = np.load(self.held_out)
        batches = (
            rows_batch(rows[start : start + _BATCH_ROWS]) for start in range(0, len(rows), _BATCH_ROWS)
        )
        return {"loss": held_out_loss(model, batches).loss}


def pareto(
    directory: Path, texts: Sequence[str], settings: ParetoConfig, tokenizer: Tokenizer | None = None
) -> list[ParetoRow]:
    """Train what is missing, measure, and write table and plot; one row a model, cheapest K/V first.

    Args:
        directory: takes everything; an interrupted call goes on there.
        texts: to train on and to measure with, the same on every call.
        settings: models and training.
        tokenizer: of the texts; one is trained on them if left out.

    Raises:
        ConfigError: a map or a size that cannot be.
        InputError: too little text.
        ResumeError: `directory` holds a comparison of other texts or settings.
    """
    tokenizer = tokenizer or _trained_tokenizer(directory / "tokenizer", texts, settings.vocab_size)
    models, baselines = pareto_models(settings, tokenizer.vocab_size)
    task = _text_task(directory / "rows", texts, tokenizer, settings)
    training = TrainingConfig(
        num_steps=settings.num_steps,
        schedule=LearningRateSchedule(
            peak=settings.learning_rate, kind="linear", warmup_steps=max(1, settings.num_steps // 20)
        ),
        log_every=10,
        checkpoint_every=_CHECKPOINT_EVERY,
        keep_checkpoints=1,
    )
    results = list(
        run_map_sweep(
            models,
            task,
            training,
            directory / "sweep",
            seeds=settings.seeds,
            jobs=settings.jobs,
            threads=max(1, len(os.sched_getaffinity(0)) // settings.jobs) if settings.jobs > 1 else None,
        )
    )
    rows = pareto_rows(results, baselines=baselines)
    report = {"settings": to_dict(settings), "rows": rows, "runs": results}
    write_bytes(directory / "pareto.json", msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    write_text(directory / "pareto.md", pareto_markdown(rows))
    plot_pareto(rows, directory / "pareto.svg", title=f"{len(settings.seeds)} seeds, mean and 95 % interval")
    return rows


def pareto_models(settings: ParetoConfig, vocab_size: int) -> tuple[dict[str, ModelConfig], dict[str, str]]:
    """All models by name, and for each map that saves K/V the name of its baseline.

    >>> models, baselines = pareto_models(ParetoConfig(maps=("ma-offset",), context_length=256), 512)
    >>> baselines, models["standard-3-layers-1-kv"].layer_map
    ({'ma-offset': 'standard-3-layers-1-kv'}, '0_1_2')
    """
    models, baselines = {}, {}
    for name in settings.maps:
        models[name] = ModelConfig(
            vocab_size=vocab_size,
            hidden_size=settings.hidden_size,
            intermediate_size=2 * settings.hidden_size,
            num_heads=settings.hidden_size // settings.head_dim,
            num_kv_heads=settings.num_kv_heads,
            head_dim=settings.head_dim,
            layer_map=str(LayerMap.read(name, settings.num_layers, settings.window)),
            window=settings.window,
            context_length=settings.context_length,
        )
    for name, model in list(models.items()):
        small = standard_of_equal_kv(model, settings.context_length)
        if settings.baselines and small.layer_map != model.layer_map:
            baselines[name] = f"standard-{small.num_layers}-layers-{small.num_kv_heads}-kv"
            models[baselines[name]] = small
    return models, baselines


def _trained_tokenizer(directory: Path, texts: Sequence[str], vocab_size: int) -> Tokenizer:
    if directory.is_dir():
        return Tokenizer.load(directory)
    tokenizer = Tokenizer.train_bpe(texts, vocab_size)
    tokenizer.save(directory)
    return tokenizer


def _text_task(
    directory: Path, texts: Sequence[str], tokenizer: Tokenizer, settings: ParetoConfig
) -> TextTask:
    """Rows on the disk, for the processes that train; made anew every time, as the texts may have changed."""
    rows = token_rows(tokenizer, texts, settings.context_length)
    every = min(settings.held_out_every, len(rows))
    is_held_out = np.arange(len(rows)) % every == every - 1
    held_out = rows[is_held_out]
    spread = np.linspace(0, len(held_out) - 1, min(settings.held_out_rows, len(held_out))).astype(np.int64)
    task = TextTask(
        training=directory / "training.npy",
        held_out=directory / "held-out.npy",
        batch_size=settings.batch_size,
    )
    for file, part in ((task.training, rows[~is_held_out]), (task.held_out, held_out[spread])):
        with writing_file(file) as out:
            np.save(out, part)
    return task
