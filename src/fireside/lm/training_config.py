"""What a training run is, apart from its model and its data."""

from dataclasses import field
from typing import Any, Literal

from fireside.core.config import config, to_dict
from fireside.core.errors import ConfigError
from fireside.lm.lr_schedule import LearningRateSchedule
from fireside.lm.optimizer import AdamWConfig
from fireside.lm.parallel import Strategy

__all__ = ["TrainingConfig"]

# These may change between a run and its resumption: they decide what is written and how memory is spent,
# never a number beyond rounding.
_OPERATIONAL = ("activation_checkpointing", "checkpoint_every", "keep_checkpoints", "log_every", "strategy")


@config
class TrainingConfig:
    """A training run.

    Attributes:
        num_steps: optimizer steps of the whole run; the schedule refers to it even where a run stops early.
        schedule: the learning rate of every step.
        optimizer: AdamW's constants and the clipping of gradients.
        trainable: shell-style patterns of parameter names; everything else stays frozen.
            `("*.self_attn.*",)` is the attention-only training of MixAttention's later stages.
        micro_batch_size: sequences that pass through the model of one process at once; gradients are
            accumulated over a batch. `None`: all that the process has of a batch.
        precision: `"fp32"`, or `"bf16"` for matrix products in bfloat16 with weights kept in float32.
        activation_checkpointing: recompute activations in the backward pass, to save memory.
        checkpoint_every: steps between checkpoints; `None`: only where a run ends.
        keep_checkpoints: how many of the newest to keep; `None`: all.
        log_every: steps between lines of metrics.
        strategy: how several processes share the work: `"ddp"`, each with the whole model, or `"fsdp"`, each
            with a part of its weights, gradients and moments.
    """

    num_steps: int
    schedule: LearningRateSchedule
    optimizer: AdamWConfig = field(default_factory=AdamWConfig)
    trainable: tuple[str, ...] = ("*",)
    micro_batch_size: int | None = None
    precision: Literal["fp32", "bf16"] = "fp32"
    activation_checkpointing: bool = False
    checkpoint_every: int | None = None
    keep_checkpoints: int | None = None
    log_every: int = 1
    strategy: Strategy = "ddp"

    def __post_init__(self) -> None:
        for name in ("num_steps", "log_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("micro_batch_size", "checkpoint_every", "keep_checkpoints"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name} must be at least 1, or None, got {value}")
        if self.precision not in ("fp32", "bf16"):
            raise ConfigError(f"precision must be 'fp32' or 'bf16', got {self.precision!r}")
        if self.strategy not in ("ddp", "fsdp"):
            raise ConfigError(f"strategy must be 'ddp' or 'fsdp', got {self.strategy!r}")
        if not self.trainable:
            raise ConfigError("trainable names no parameter: write ('*',) to train everything")

    def numeric(self) -> dict[str, Any]:
        """The settings that decide numbers; a run that is resumed must have the same.

        >>> schedule = LearningRateSchedule(peak=1e-3)
        >>> one, two = (TrainingConfig(num_steps=9, schedule=schedule, log_every=n) for n in (1, 2))
        >>> one.numeric() == two.numeric()
        True
        """
        return {name: value for name, value in to_dict(self).items() if name not in _OPERATIONAL}
