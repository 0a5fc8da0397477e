"""Healing: a converted model learns to do what the full model did, by training its attention only.

The loss is the divergence of its next-token distributions from those of the full model, its teacher: there
is no need of the data that the full model was trained on, any text of the kind that matters will do.
Attention alone is trained, as in the paper's later stages (arXiv 2409.15012); the trainer is the usual one,
so that a run resumes bit for bit.

Shape legend: B sequences, T positions, D width, N = B T positions.
"""

import os
from dataclasses import field
from pathlib import Path

import torch
from torch import Tensor

from fireside.core.config import config
from fireside.core.errors import ConfigError
from fireside.core.protocols import BatchSource
from fireside.lm.distillation import linear_divergence
from fireside.lm.gradients import TensorBatch
from fireside.lm.lr_schedule import LearningRateSchedule
from fireside.lm.optimizer import AdamWConfig
from fireside.lm.trainer import Trainer
from fireside.lm.training_config import TrainingConfig
from fireside.lm.transformer import Transformer

__all__ = ["Distillation", "HealingConfig", "heal"]


@config
class HealingConfig:
    """A run of healing.

    Attributes:
        num_steps: optimizer steps.
        learning_rate: at its peak; it warms up over a tenth of the run and falls to 0 on a line.
        optimizer: AdamW's constants and the clipping of gradients.
        trainable: patterns of the parameters that train.
        micro_batch_size: sequences that pass through both models at once; `None`: the whole batch.
        activation_checkpointing: recompute activations in the backward pass, to save memory.
        checkpoint_every: steps between checkpoints; `None`: only at the end.
    """

    num_steps: int
    learning_rate: float = 1e-4
    optimizer: AdamWConfig = field(default_factory=lambda: AdamWConfig(weight_decay=0.0))
    trainable: tuple[str, ...] = ("*.self_attn.*",)
    micro_batch_size: int | None = None
    activation_checkpointing: bool = False
    checkpoint_every: int | None = None

    def training(self) -> TrainingConfig:
        """The trainer's configuration."""
        return TrainingConfig(
            num_steps=self.num_steps,
            schedule=LearningRateSchedule(
                peak=self.learning_rate, kind="linear", warmup_steps=max(1, self.num_steps // 10)
            ),
            optimizer=self.optimizer,
            trainable=self.trainable,
            micro_batch_size=self.micro_batch_size,
            activation_checkpointing=self.activation_checkpointing,
            checkpoint_every=self.checkpoint_every,
            keep_checkpoints=1,
        )


class Distillation:
    """The objective of healing: mean KL(teacher || student) over the positions of a batch.

    Args:
        teacher: the full model; it is frozen.

    Raises:
        ConfigError: at the first batch, where student and teacher have different vocabularies.
    """

    def __init__(self, teacher: Transformer) -> None:
        self._teacher = teacher.requires_grad_(False)

    def __call__(self, model: Transformer, part: TensorBatch) -> Tensor:
        """The weighted sum of divergences in nats."""
        if model.config.vocab_size != self._teacher.config.vocab_size:
            raise ConfigError(
                f"the student has {model.config.vocab_size} tokens and its teacher "
                f"{self._teacher.config.vocab_size}: both need the same vocabulary"
            )
        hidden_ND = model(part.inputs_BT, segments_BT=part.segments_BT).flatten(0, 1)
        with torch.no_grad():
            teacher_hidden_ND = self._teacher(part.inputs_BT, segments_BT=part.segments_BT).flatten(0, 1)
        weights_N = part.weights_BT.flatten()
        (kept,) = weights_N.nonzero(as_tuple=True)
        return linear_divergence(
            hidden_ND[kept],
            model.output_weight.detach(),
            teacher_hidden_ND[kept],
            self._teacher.output_weight,
            weights_N[kept],
        )


def heal(
    student: Transformer,
    teacher: Transformer,
    source: BatchSource,
    settings: HealingConfig,
    directory: str | os.PathLike[str],
) -> Path:
    """Train a converted model in place to do what the full one does; a run that was interrupted goes on.

    Args:
        student: the converted model.
        teacher: the full model.
        source: text.
        settings: the run.
        directory: takes metrics, `train/loss` being the divergence, and checkpoints.

    Returns:
        The newest checkpoint.

    Raises:
        As `Trainer`.
    """
    trainer = Trainer(student, source, settings.training(), directory, objective=Distillation(teacher))
    return trainer.run()
