"""`Verdict`: what a sweep says, JSON-ready.

Target and general scores are means over the target and general domains of the held-out loss, sign turned, in
nats per token.
"""

import msgspec

from fireside.mixing.estimate import Estimate
from fireside.mixing.worth import Worth
from fireside.recipes.mix_report.costs import Costs

__all__ = ["BranchGain", "DataSetUtility", "Duration", "MeasureFacts", "Verdict"]


class MeasureFacts(msgspec.Struct, frozen=True):
    """A column of the tables.

    Attributes:
        name: of the domain or benchmark.
        group: target, general, unchanged or benchmark.
        unit: nats per token, or accuracy.
    """

    name: str
    group: str
    unit: str


class BranchGain(msgspec.Struct, frozen=True):
    """What a branch gains over the base branch of its replicate.

    Attributes:
        branch: its name.
        kind: upsampled, or without a domain.
        duration: the part of the run that it lasts.
        start_step: where it left.
        num_ended: in how many replicates it has ended.
        target: on the mean of the target domains.
        general: on the mean of the general domains.
        benchmarks: on the mean of the benchmarks.
        measures: on each measure.
    """

    branch: str
    kind: str
    duration: float | None
    start_step: int
    num_ended: int
    target: Estimate | None
    general: Estimate | None
    benchmarks: Estimate | None
    measures: tuple[Estimate | None, ...]


class DataSetUtility(msgspec.Struct, frozen=True):
    """What a data set is worth in the upsampled mix.

    Attributes:
        data_set: the domain that was left out.
        share: its share of the upsampled mix.
        tokens: of it that the upsampled branch draws.
        worth: keep, drop, trade-off or cannot tell.
        target: utility on the mean of the target domains.
        general: on the mean of the general domains.
        benchmarks: on the mean of the benchmarks.
        measures: on each measure.
    """

    data_set: str
    share: float
    tokens: int
    worth: Worth
    target: Estimate | None
    general: Estimate | None
    benchmarks: Estimate | None
    measures: tuple[Estimate | None, ...]


class Duration(msgspec.Struct, frozen=True):
    """The choice of a duration, `fireside.mixing.duration_choice`.

    Attributes:
        best: the one chosen, if any.
        tied: those not told apart from it.
        admissible: those within the tolerance.
        pareto: those that no other beats in both scores.
        target: the target gain of the best.
        general: the general gain of the best.
        num_replicates: how many replicates have every duration.
    """

    best: float | None
    tied: tuple[float, ...]
    admissible: tuple[float, ...]
    pareto: tuple[float, ...]
    target: Estimate | None
    general: Estimate | None
    num_replicates: int


class Verdict(msgspec.Struct, frozen=True):
    """Everything that the report says.

    Attributes:
        tolerance: how much the general score may lose, nats per token.
        measures: columns of the tables.
        gains: of every branch but the base.
        utilities: of every data set that was left out.
        removal_duration: for how long it was.
        duration: the recommendation.
        costs: of what has ended.
        num_replicates: planned.
        num_prefixes: independent runs that the replicates go on from.
        num_planned: branches planned, over all replicates.
        missing: (replicate, branch) that have not ended.
        not_numbers: what was measured and is no number.
    """

    tolerance: float
    measures: tuple[MeasureFacts, ...]
    gains: tuple[BranchGain, ...]
    utilities: tuple[DataSetUtility, ...]
    removal_duration: float | None
    duration: Duration
    costs: Costs
    num_replicates: int
    num_prefixes: int
    num_planned: int
    missing: tuple[tuple[str, str], ...]
    not_numbers: tuple[str, ...]
