"""Training loss around the branch point, of the base mix and of every duration."""

import numpy as np

from fireside.recipes.mix_report.metrics_lines import number_in, readable_lines
from fireside.recipes.mix_report.sweep import Sweep
from fireside.recipes.mix_report.sweep_plan import SweepBranch

__all__ = ["loss_curves"]

Curve = list[tuple[float, float]]

NUM_POINTS = 60
MOST_DURATIONS = 5


def loss_curves(sweep: Sweep) -> tuple[str | None, dict[str, Curve]]:
    """(step, mean training loss over neighbouring steps), from as far before the first branch as after it.

    Returns:
        the replicate, the first whose base has metrics, and branch -> curve; at most five durations, evenly
        spread over all.
    """
    plan = sweep.plan
    for replicate in plan.replicates:
        curves = {
            branch.name: _curve(sweep, replicate, branch) for branch in (plan.base, *_spread(plan.upsampled))
        }
        if curves[plan.base.name]:
            return replicate, {name: curve for name, curve in curves.items() if curve}
    return None, {}


def _curve(sweep: Sweep, replicate: str, branch: SweepBranch) -> Curve:
    plan = sweep.plan
    first = min(one.start_step for one in plan.branches)
    earliest = max(0, 2 * first - plan.num_steps)
    start = earliest if branch.kind == "base" else branch.start_step
    width = max(1, (plan.num_steps - earliest) // NUM_POINTS)
    lines = readable_lines(sweep.directory / "runs" / replicate / branch.name / "metrics.jsonl")
    bins: dict[int, list[tuple[float, float]]] = {}
    for line in lines:
        if line["step"] >= start and not np.isnan(loss := number_in(line, "train/loss")):
            bins.setdefault(line["step"] // width, []).append((line["step"], loss))
    means = [np.mean(points, axis=0) for _, points in sorted(bins.items())]
    return [(float(step), float(loss)) for step, loss in means]


def _spread(branches: tuple[SweepBranch, ...]) -> list[SweepBranch]:
    if len(branches) <= MOST_DURATIONS:
        return list(branches)
    return [branches[round(i)] for i in np.linspace(0, len(branches) - 1, MOST_DURATIONS)]
