"""What a sweep cost, and what it would have cost as runs of their own.

A sweep trains what its branches have in common once: each checkpoint's run up to the first branch, then each
branch alone. Without it, every branch would be a run from the first step.
"""

from collections import defaultdict
from collections.abc import Callable

import msgspec

from fireside.recipes.mix_report.sweep import BranchResult, Sweep

__all__ = ["Cost", "Costs", "costs_of"]


class Cost(msgspec.Struct, frozen=True):
    """In one currency.

    Attributes:
        shared: trained once for several branches.
        own: trained for single branches.
        sweep: both, all that was trained.
        full_runs: what the same branches cost as runs from the first step.
        ratio: the sweep's part of that.
        one_branch: what another branch costs, as part of a run of its own: the mean of all but the base.
    """

    shared: float
    own: float
    sweep: float
    full_runs: float
    ratio: float
    one_branch: float | None


class Costs(msgspec.Struct, frozen=True):
    """Of the branches that have ended.

    Attributes:
        num_runs: how many these are.
        tokens: training tokens.
        flops: floating-point operations.
        seconds: wall time of the branches, added up.
    """

    num_runs: int
    tokens: Cost
    flops: Cost
    seconds: float


def costs_of(sweep: Sweep) -> Costs:
    """Add up what has ended; what all branches of a checkpoint have in common is counted once.

    The common part of a checkpoint is what the branch that left first had seen by then: the base, which the
    others leave later.
    """
    return Costs(
        num_runs=len(sweep.results),
        tokens=_cost(sweep, lambda one: (one.tokens, one.own_tokens)),
        flops=_cost(sweep, lambda one: (one.flops, one.own_flops)),
        seconds=sum(one.seconds for one in sweep.results.values()),
    )


def _cost(sweep: Sweep, spent: Callable[[BranchResult], tuple[float, float]]) -> Cost:
    """One currency; `spent` gives what a branch has seen in all, and by itself."""
    before: dict[str, list[float]] = defaultdict(list)
    parts = []
    for (replicate, branch), result in sweep.results.items():
        total, own = spent(result)
        before[sweep.plan.prefix(replicate)].append(total - own)
        if branch != sweep.plan.base.name:
            parts.append(own / total)
    shared = sum(min(seen) for seen in before.values())
    full_runs, own = (sum(spent(one)[i] for one in sweep.results.values()) for i in (0, 1))
    return Cost(
        shared=shared,
        own=own,
        sweep=shared + own,
        full_runs=full_runs,
        ratio=(shared + own) / full_runs,
        one_branch=sum(parts) / len(parts) if parts else None,
    )
