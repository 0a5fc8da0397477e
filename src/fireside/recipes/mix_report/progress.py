"""`BranchProgress`: how a branch of a sweep is going, from the files beside it.

Looks at a directory that others write to: a file that is not there yet, or half written, is no error.
"""

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from fireside.core.errors import InputError
from fireside.recipes.mix_report.metrics_lines import last_line, number_in
from fireside.recipes.mix_report.sweep import BranchResult, read_result
from fireside.recipes.mix_report.sweep_plan import SweepBranch, SweepPlan

__all__ = ["BranchProgress", "read_progress"]

State = Literal["waiting", "running", "done"]


@dataclass(frozen=True)
class BranchProgress:
    """One branch of one replicate; numbers are NaN where there are none.

    Attributes:
        replicate: the repetition.
        branch: its name.
        state: waiting, running or done.
        step: optimizer steps so far, from the first of the run.
        start_step: where the branch left.
        num_steps: of the whole run.
        loss: training loss of the last step, nats per token.
        tokens_per_second: of the last step.
        eta_s: seconds to the last step, at that speed.
        silent_s: seconds since it was last heard of.
        target: mean gain over the base branch on the target domains, once both have ended.
        general: the same on the general domains.
    """

    replicate: str
    branch: str
    state: State
    step: int
    start_step: int
    num_steps: int
    loss: float = math.nan
    tokens_per_second: float = math.nan
    eta_s: float = math.nan
    silent_s: float = math.nan
    target: float = math.nan
    general: float = math.nan

    @property
    def part(self) -> float:
        """How much of the branch is behind it."""
        if self.state == "done":
            return 1.0
        length = self.num_steps - self.start_step
        return min(1.0, max(0.0, (self.step - self.start_step) / length)) if length > 0 else 0.0


def read_progress(directory: Path, plan: SweepPlan) -> list[BranchProgress]:
    """All branches, in the order of the sweep."""
    rows = []
    for replicate in plan.replicates:
        base = _result(directory, replicate, plan.base.name)
        for branch in plan.branches:
            result = _result(directory, replicate, branch.name)
            if result is None:
                rows.append(_unfinished(directory, plan, replicate, branch))
            else:
                rows.append(_finished(plan, replicate, branch, result, base))
    return rows


def _unfinished(directory: Path, plan: SweepPlan, replicate: str, branch: SweepBranch) -> BranchProgress:
    file = directory / "runs" / replicate / branch.name / "metrics.jsonl"
    line = last_line(file)
    if line is None:
        return BranchProgress(
            replicate, branch.name, "waiting", branch.start_step, branch.start_step, plan.num_steps
        )
    speed = number_in(line, "train/tokens_per_second")
    tokens_left = max(0, plan.num_steps - line["step"]) * plan.tokens_per_step
    return BranchProgress(
        replicate,
        branch.name,
        "running",
        line["step"],
        branch.start_step,
        plan.num_steps,
        loss=number_in(line, "train/loss"),
        tokens_per_second=speed,
        eta_s=tokens_left / speed if speed > 0 else math.nan,
        silent_s=max(0.0, time.time() - number_in(line, "time")),
    )


def _finished(
    plan: SweepPlan, replicate: str, branch: SweepBranch, result: BranchResult, base: BranchResult | None
) -> BranchProgress:
    gains = (math.nan, math.nan)
    if base is not None and branch.kind != "base":
        gains = (_gain(result, base, plan.target), _gain(result, base, plan.general))
    return BranchProgress(
        replicate,
        branch.name,
        "done",
        result.steps,
        branch.start_step,
        plan.num_steps,
        target=gains[0],
        general=gains[1],
    )


def _gain(result: BranchResult, base: BranchResult, domains: tuple[str, ...]) -> float:
    """How much lower the mean loss is than the base's, over the domains that both have."""
    pairs = [(base.losses.get(domain), result.losses.get(domain)) for domain in domains]
    gains = [before - after for before, after in pairs if before is not None and after is not None]
    return float(np.mean(gains)) if gains else math.nan


def _result(directory: Path, replicate: str, branch: str) -> BranchResult | None:
    """A result that can be read; one that cannot is looked at again the next time."""
    try:
        return read_result(directory, replicate, branch)
    except InputError:
        return None
