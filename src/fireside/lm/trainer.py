"""The trainer: batches in, a trained model out, one exact line of steps between.

    step s:  batch(s) -> loss -> gradients -> clip -> AdamW at learning_rate(s)

Nothing carries over from step to step but weights, AdamW's moments and counters, and all of these are in the
checkpoint, so a run that was interrupted gives the same bits as one that was not (same machine, same number
of threads and processes). Several processes give what one gives, to rounding. Knows nothing about where
batches come from.
"""

import math
import os
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import msgspec
from torch import nn

from fireside.core.atomic import write_bytes
from fireside.core.config import from_dict, to_dict
from fireside.core.errors import ConfigError, FiresideError, ResumeError
from fireside.core.metrics import MetricsWriter, read_metrics
from fireside.core.progress import track
from fireside.core.protocols import BatchSource, TokenBatch
from fireside.lm.config import ModelConfig
from fireside.lm.flops import training_flops
from fireside.lm.gradients import BatchLoss, Objective, accumulate_gradients, check_batch, next_token_loss
from fireside.lm.lr_schedule import learning_rate
from fireside.lm.optimizer import adamw, clip_gradients, freeze_all_but, set_learning_rate
from fireside.lm.parallel import distribute
from fireside.lm.training_checkpoint import (
    BranchPoint,
    RunState,
    clear_half_written,
    latest_checkpoint,
    load_checkpoint,
    prune_checkpoints,
    read_state,
    save_checkpoint,
)
from fireside.lm.training_config import TrainingConfig
from fireside.lm.transformer import Transformer
from fireside.lm.workers import Workers

__all__ = ["Trainer"]


class Trainer:
    """Trains a model in a directory, from the newest checkpoint there or from the start.

    Args:
        model: its weights are those the run starts from; a checkpoint in `directory` replaces them.
        source: batch `s` is trained on in step `s`.
        config: the run.
        directory: holds `metrics.jsonl` and `checkpoints/`; for one run at a time. All processes see it.
        objective: what is minimised; by default the cross-entropy of the next token.
        workers: the processes that train together, each with a trainer of its own over an equal model, which
            moves to its device; `None`: this one alone, where the model is. With the strategy `"fsdp"` they
            split `model` in place: read the trained weights from the checkpoint.

    Attributes:
        step: optimizer steps made.
        tokens: positions trained on.
        flops: floating-point operations spent, see `fireside.lm.flops`.

    Raises:
        ResumeError: the checkpoint belongs to other data, another model or another configuration. To go on
            with other data on purpose, see `fireside.lm.training_checkpoint.branch`.
        CheckpointError: the checkpoint is corrupt.
        ConfigError: `config.trainable` names a parameter that is not there.
    """

    def __init__(
        self,
        model: Transformer,
        source: BatchSource,
        config: TrainingConfig,
        directory: str | os.PathLike[str],
        *,
        objective: Objective = next_token_loss,
        workers: Workers | None = None,
    ) -> None:
        self.model = model
        self.source = source
        self.config = config
        self.directory = Path(directory)
        self._workers = workers or Workers(device=model.output_weight.device)
        self.step, self.tokens, self.flops = 0, 0, 0
        model.to(self._workers.device)
        model.activation_checkpointing = config.activation_checkpointing
        freeze_all_but(model, config.trainable)
        self._loss = distribute(BatchLoss(model, objective), model, self._workers, config.strategy)
        self._optimizer = adamw(model, config.optimizer)
        self._num_frozen = _num_frozen(model)
        self._branches: list[BranchPoint] = []
        self._resume()

    def run(self, until_step: int | None = None) -> Path:
        """Train up to a step, and leave a checkpoint there.

        Args:
            until_step: how many steps the run will have made; `None`: all of them. Where that many are made
                already, nothing happens.

        Returns:
            The newest checkpoint.

        Raises:
            ConfigError: there are fewer batches than steps, `until_step` lies past the end, or a batch cannot
                be shared equally by all processes.
            InputError: a batch cannot be learnt from; the message names its step.
            FiresideError: the gradient is no longer finite; the checkpoints before that are kept.
            DiskFullError: a checkpoint could not be written.
        """
        until = self.config.num_steps if until_step is None else until_step
        self._check_reach(until)
        steps, leads = range(self.step, until), self._workers.leads
        with MetricsWriter(self.directory / "metrics.jsonl") if leads else nullcontext() as metrics:
            since, tokens_since = time.perf_counter(), self.tokens
            for _ in track(steps, "training") if leads else steps:
                values = self._train_step()
                if metrics is not None and (self.step % self.config.log_every == 0 or self.step == until):
                    now = time.perf_counter()
                    speed = (self.tokens - tokens_since) / (now - since)
                    metrics.log(self.step, {**values, "train/tokens_per_second": speed})
                    since, tokens_since = now, self.tokens
                if self._checkpoint_is_due():
                    self._save()
        newest = latest_checkpoint(self._checkpoints)
        return newest if newest is not None and self.step == read_state(newest).step else self._save()

    @property
    def _checkpoints(self) -> Path:
        return self.directory / "checkpoints"

    def _train_step(self) -> dict[str, float]:
        """Make one optimizer step; returns its metrics."""
        batch = self.source.batch(self.step)
        check_batch(batch, self.step, self.model.config.vocab_size)
        loss = self._accumulate(batch)
        norm = clip_gradients(self.model.parameters(), self.config.optimizer.max_grad_norm)
        if not math.isfinite(norm):
            raise FiresideError(
                f"training diverged: in step {self.step} the loss is {loss}, its gradient's norm {norm}; "
                f"go on from an earlier checkpoint in {self._checkpoints} with a smaller learning rate"
            )
        rate = learning_rate(self.config.schedule, self.step, self.config.num_steps)
        set_learning_rate(self._optimizer, rate)
        self._optimizer.step()
        self._optimizer.zero_grad()
        num_sequences, num_tokens = batch.inputs_BT.shape
        self.step += 1
        self.tokens += num_sequences * num_tokens
        self.flops += num_sequences * training_flops(
            self.model.config, num_tokens, num_frozen=self._num_frozen
        )
        return {
            "train/loss": loss,
            "train/learning_rate": rate,
            "train/grad_norm": norm,
            "train/tokens": self.tokens,
            "train/flops": self.flops,
        }

    def _accumulate(self, batch: TokenBatch) -> float:
        return accumulate_gradients(
            self._loss,
            batch,
            micro_batch_size=self.config.micro_batch_size,
            precision=self.config.precision,
            workers=self._workers,
        )

    def _checkpoint_is_due(self) -> bool:
        return self.config.checkpoint_every is not None and self.step % self.config.checkpoint_every == 0

    def _save(self) -> Path:
        state = RunState(
            step=self.step,
            tokens=self.tokens,
            flops=self.flops,
            fingerprint=self.source.fingerprint,
            training=self.config.numeric(),
            model=to_dict(self.model.config),
            branches=self._branches,
        )
        path = save_checkpoint(self._checkpoints, self.model, self._optimizer, state, self._workers)
        if self.config.keep_checkpoints is not None and self._workers.leads:
            prune_checkpoints(self._checkpoints, self.config.keep_checkpoints)
        return path

    def _resume(self) -> None:
        if self._workers.leads:
            clear_half_written(self._checkpoints)
        self._workers.wait()
        newest = latest_checkpoint(self._checkpoints)
        if newest is not None:
            state = read_state(newest)
            self._refuse_another_run(state, newest)
            load_checkpoint(newest, self.model, self._optimizer)
            self.step, self.tokens, self.flops = state.step, state.tokens, state.flops
            self._branches = state.branches
        if self._workers.leads:
            _drop_metrics_after(self.directory / "metrics.jsonl", self.step)

    def _refuse_another_run(self, state: RunState, path: Path) -> None:
        if state.fingerprint != self.source.fingerprint:
            raise ResumeError(
                f"{path} was trained on data with fingerprint {state.fingerprint!r}, now given is "
                f"{self.source.fingerprint!r}: restore the data, branch from the checkpoint, or choose "
                "another directory"
            )
        differences = [
            *_differences(state.training, self.config.numeric(), "training"),
            *_differences(_with_defaults(state.model), to_dict(self.model.config), "model"),
        ]
        if differences:
            raise ResumeError(
                f"{path} belongs to another run ({'; '.join(differences)}): restore the settings or choose "
                "another directory"
            )

    def _check_reach(self, until: int) -> None:
        if not 0 <= until <= self.config.num_steps:
            raise ConfigError(f"until_step must be from 0 to {self.config.num_steps}, got {until}")
        if self.source.num_batches is not None and self.source.num_batches < until:
            raise ConfigError(
                f"the data have {self.source.num_batches} batches, too few for {until} steps: "
                "train for fewer steps, or let the data repeat"
            )


def _num_frozen(model: Transformer) -> int:
    """Numbers in frozen matrices that a token is multiplied by; a tied embedding is one, as the head."""
    config = model.config
    frozen, in_experts = 0, 0
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and not module.weight.requires_grad:
            frozen += module.weight.numel()
            in_experts += module.weight.numel() if ".experts." in name else 0
    if config.tie_embeddings and not model.embed_tokens.weight.requires_grad:
        frozen += model.embed_tokens.weight.numel()
    if config.num_experts:
        frozen -= in_experts - in_experts * config.num_experts_per_token // config.num_experts
    return frozen


def _with_defaults(model: dict[str, Any]) -> dict[str, Any]:
    """A model's configuration with what has been added since it was written."""
    return to_dict(from_dict(ModelConfig, model))


def _differences(stored: dict[str, Any], given: dict[str, Any], where: str) -> list[str]:
    given = msgspec.json.decode(msgspec.json.encode(given))  # tuples become lists, as in the file
    return [
        f"{where}.{name} was {stored.get(name)!r}, is {given.get(name)!r}"
        for name in sorted(stored.keys() | given.keys())
        if stored.get(name) != given.get(name)
    ]


def _drop_metrics_after(path: Path, step: int) -> None:
    """Forget the lines of steps that a killed run made after its last checkpoint: they are made again."""
    if path.exists() and (lines := read_metrics(path)) and lines[-1]["step"] > step:
        kept = [msgspec.json.encode(line) + b"\n" for line in lines if line["step"] <= step]
        write_bytes(path, b"".join(kept))
