"""`verdict_of`: weigh what a sweep has measured.

    Sweep -> Scores -> gains of branches, utilities of data sets, choice of a duration, costs

Statistics and rules are `fireside.mixing`'s; words are `findings`'.

Shape legend: R replicates, B branches, D durations, X data sets left out, N rows, M measures.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fireside.core.errors import InputError
from fireside.mixing.duration_choice import choose_duration
from fireside.mixing.estimate import Estimate, estimate, estimates, judged_together
from fireside.mixing.utility import gains, utilities
from fireside.mixing.worth import worth
from fireside.recipes.mix_report.costs import costs_of
from fireside.recipes.mix_report.scores import Scores, scores_of
from fireside.recipes.mix_report.sweep import Sweep
from fireside.recipes.mix_report.verdict import BranchGain, DataSetUtility, Duration, MeasureFacts, Verdict

__all__ = ["verdict_of"]

Float64Array = npt.NDArray[np.float64]


def verdict_of(sweep: Sweep, *, tolerance: float = 0.05) -> Verdict:
    """Work out what a sweep says.

    Args:
        sweep: finished or not.
        tolerance: how much the mean general loss may rise, nats per token; 0.05 is a perplexity 5 % higher.

    Raises:
        InputError: the tolerance is negative.
    """
    if not tolerance >= 0:
        raise InputError(f"a tolerance of {tolerance}: give the nats per token that may be lost, 0 or more")
    plan, scores = sweep.plan, scores_of(sweep)
    gains_RBM = gains(scores.scores_RBM, plan.branches.index(plan.base))
    return Verdict(
        tolerance=tolerance,
        measures=tuple(MeasureFacts(one.name, one.group, one.unit) for one in scores.measures),
        gains=_branch_gains(sweep, scores, gains_RBM),
        utilities=_data_sets(sweep, scores, tolerance),
        removal_duration=plan.removal_duration,
        duration=_duration(sweep, scores, gains_RBM, tolerance),
        costs=costs_of(sweep),
        num_replicates=len(plan.replicates),
        num_prefixes=len({plan.prefix(replicate) for replicate in plan.replicates}),
        num_planned=len(plan.replicates) * len(plan.branches),
        missing=tuple(sweep.missing),
        not_numbers=_not_numbers(sweep),
    )


def _branch_gains(sweep: Sweep, scores: Scores, gains_RBM: Float64Array) -> tuple[BranchGain, ...]:
    """The branches but the base; all measures of all of them are judged together."""
    plan = sweep.plan
    numbers = [plan.branches.index(one) for one in (*plan.upsampled, *plan.without)]
    table = _judged_table(gains_RBM[:, numbers])
    return tuple(
        BranchGain(
            branch=plan.branches[b].name,
            kind=plan.branches[b].kind,
            duration=plan.branches[b].duration,
            start_step=plan.branches[b].start_step,
            num_ended=sum(
                (replicate, plan.branches[b].name) in sweep.results for replicate in plan.replicates
            ),
            target=estimate(scores.over("target", gains_RBM[:, b])),
            general=estimate(scores.over("general", gains_RBM[:, b])),
            benchmarks=estimate(scores.over("benchmark", gains_RBM[:, b])),
            measures=row,
        )
        for b, row in zip(numbers, table, strict=True)
    )


def _data_sets(sweep: Sweep, scores: Scores, tolerance: float) -> tuple[DataSetUtility, ...]:
    """Two families: all cells of the table, and both scores of all data sets, which decide."""
    plan = sweep.plan
    if plan.whole is None or not plan.without:
        return ()
    utilities_RXM = utilities(
        scores.scores_RBM, plan.branches.index(plan.whole), [plan.branches.index(one) for one in plan.without]
    )
    table = _judged_table(utilities_RXM)
    target = estimates(scores.over("target", utilities_RXM))
    general = estimates(scores.over("general", utilities_RXM))
    judged = judged_together([*target, *general])
    target, general = judged[: len(target)], judged[len(target) :]
    benchmarks = estimates(scores.over("benchmark", utilities_RXM))
    tokens = (plan.num_steps - plan.whole.start_step) * plan.tokens_per_step
    return tuple(
        DataSetUtility(
            data_set=branch.without or branch.name,
            share=plan.upsampled_shares.get(branch.without or "", 0.0),
            tokens=round(tokens * plan.upsampled_shares.get(branch.without or "", 0.0)),
            worth=worth(target[x], general[x], tolerance),
            target=target[x],
            general=general[x],
            benchmarks=benchmarks[x],
            measures=table[x],
        )
        for x, branch in enumerate(plan.without)
    )


def _duration(sweep: Sweep, scores: Scores, gains_RBM: Float64Array, tolerance: float) -> Duration:
    plan = sweep.plan
    numbers = [plan.branches.index(one) for one in plan.upsampled]
    gains_RDM = gains_RBM[:, numbers]
    choice = choose_duration(scores.over("target", gains_RDM), scores.over("general", gains_RDM), tolerance)

    def named(chosen: Sequence[int]) -> tuple[float, ...]:
        return tuple(plan.upsampled[d].duration or 0.0 for d in chosen)

    return Duration(
        best=None if choice.best is None else plan.upsampled[choice.best].duration,
        tied=named(choice.tied),
        admissible=named(choice.admissible),
        pareto=named(choice.pareto),
        target=choice.target,
        general=choice.general,
        num_replicates=choice.num_replicates,
    )


def _judged_table(values_RNM: Float64Array) -> list[tuple[Estimate | None, ...]]:
    """An estimate a cell, all cells judged together."""
    num_replicates, num_rows, num_columns = values_RNM.shape
    cells = judged_together(estimates(values_RNM.reshape(num_replicates, num_rows * num_columns)))
    return [tuple(cells[row * num_columns : (row + 1) * num_columns]) for row in range(num_rows)]


def _not_numbers(sweep: Sweep) -> tuple[str, ...]:
    return tuple(
        f"{replicate}, {branch}: {name}"
        for (replicate, branch), result in sweep.results.items()
        for name, value in [*result.losses.items(), *result.accuracies.items()]
        if value is None
    )
