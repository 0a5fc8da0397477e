"""Learning rates: a pure function of (schedule, step, number of steps).

Nothing is remembered between steps, so a resumed run and a branch go on exactly where the schedule stands.
Knows nothing about optimizers.
"""

import math
from typing import Literal

from fireside.core.config import config
from fireside.core.errors import ConfigError

__all__ = ["LearningRateSchedule", "learning_rate"]

ScheduleKind = Literal["constant", "cosine", "stable-decay", "linear"]


@config
class LearningRateSchedule:
    """How the learning rate moves over a run.

    Attributes:
        peak: the largest learning rate, above 0.
        kind: the shape after warm-up. `"cosine"` falls on half a cosine, `"linear"` on a straight line, both
            from the end of warm-up to the end of the run. `"stable-decay"` stays at the peak and falls on a
            straight line in the last `decay_fraction` of the run (MiniCPM, arXiv 2404.06395, with the linear
            tail of arXiv 2405.18392). `"constant"` stays at the peak.
        warmup_steps: steps of linear rise from `peak / warmup_steps` to the peak.
        decay_fraction: the share of all steps in which `"stable-decay"` falls; other shapes ignore it.
        final_fraction: the share of the peak that the rate would reach at step `num_steps`.
    """

    peak: float
    kind: ScheduleKind = "cosine"
    warmup_steps: int = 0
    decay_fraction: float = 0.2
    final_fraction: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.peak) and self.peak > 0):
            raise ConfigError(f"peak must be a learning rate above 0, got {self.peak}")
        if self.kind not in ("constant", "cosine", "stable-decay", "linear"):
            raise ConfigError(
                f"kind must be 'constant', 'cosine', 'stable-decay' or 'linear', got {self.kind!r}"
            )
        if self.warmup_steps < 0:
            raise ConfigError(f"warmup_steps must be at least 0, got {self.warmup_steps}")
        if not 0 < self.decay_fraction <= 1:
            raise ConfigError(f"decay_fraction must be above 0 and at most 1, got {self.decay_fraction}")
        if not 0 <= self.final_fraction <= 1:
            raise ConfigError(f"final_fraction must be from 0 to 1, got {self.final_fraction}")


def learning_rate(schedule: LearningRateSchedule, step: int, num_steps: int) -> float:
    """The learning rate of optimizer step `step`, counted from 0, in a run of `num_steps`.

    Args:
        schedule: the shape.
        step: from 0 to `num_steps` - 1.
        num_steps: the length of the whole run, also for a run that is stopped or branched before its end.

    Raises:
        ValueError: `step` lies outside the run.

    >>> schedule = LearningRateSchedule(peak=1.0, kind="linear", warmup_steps=2)
    >>> [learning_rate(schedule, step, num_steps=6) for step in range(6)]
    [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]
    """
    if not 0 <= step < num_steps:
        raise ValueError(f"step must be from 0 to {num_steps - 1}, got {step}")
    if step < schedule.warmup_steps:
        return schedule.peak * (step + 1) / schedule.warmup_steps
    return schedule.peak * (
        schedule.final_fraction + (1 - schedule.final_fraction) * _height(schedule, step, num_steps)
    )


def _height(schedule: LearningRateSchedule, step: int, num_steps: int) -> float:
    """Where the falling part stands: 1 at its start, 0 at step `num_steps`."""
    if schedule.kind == "constant":
        return 1.0
    if schedule.kind == "stable-decay":
        num_decay = max(1, round(schedule.decay_fraction * num_steps))
        return min(1.0, (num_steps - step) / num_decay)
    progress = (step - schedule.warmup_steps) / (num_steps - schedule.warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * progress)) if schedule.kind == "cosine" else 1 - progress
