"""`Scores`: all measures of a sweep as one array, higher is better.

Shape legend: R replicates, B branches, M measures.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from fireside.mixing.utility import mean_over
from fireside.recipes.mix_report.sweep import Sweep

__all__ = ["Measure", "Scores", "scores_of"]

Float64Array = npt.NDArray[np.float64]
Group = Literal["target", "general", "unchanged", "benchmark"]


@dataclass(frozen=True)
class Measure:
    """Something that every branch is measured by.

    Attributes:
        name: of the domain or benchmark.
        group: what upsampling does to the domain's share, or that it is a benchmark.
    """

    name: str
    group: Group

    @property
    def unit(self) -> str:
        """Of its scores and their differences."""
        return "accuracy" if self.group == "benchmark" else "nats"


@dataclass(frozen=True)
class Scores:
    """Scores of all branches of all replicates.

    Attributes:
        measures: held-out losses (sign turned), then benchmarks.
        scores_RBM: replicates and branches in the order of the sweep; NaN where there is no number.
    """

    measures: tuple[Measure, ...]
    scores_RBM: Float64Array

    def members(self, group: Group) -> list[int]:
        """Numbers of the measures of a group."""
        return [i for i, measure in enumerate(self.measures) if measure.group == group]

    def over(self, group: Group, values_M: Float64Array) -> Float64Array:
        """The mean over a group's measures (last axis); NaN throughout where the group is empty."""
        members = self.members(group)
        return mean_over(values_M, members) if members else np.full(values_M.shape[:-1], np.nan)


def scores_of(sweep: Sweep) -> Scores:
    """Put the results of a sweep into one array."""
    plan = sweep.plan
    group: dict[str, Group] = {}
    for name in sweep.losses:
        group[name] = "target" if name in plan.target else "general" if name in plan.general else "unchanged"
    measures = (
        *(Measure(name, group[name]) for name in sweep.losses),
        *(Measure(name, "benchmark") for name in sweep.accuracies),
    )
    scores_RBM = np.full((len(plan.replicates), len(plan.branches), len(measures)), np.nan)
    for r, replicate in enumerate(plan.replicates):
        for b, branch in enumerate(plan.branches):
            if (result := sweep.results.get((replicate, branch.name))) is not None:
                losses = [_number(result.losses[name]) for name in sweep.losses]
                accuracies = [_number(result.accuracies[name]) for name in sweep.accuracies]
                scores_RBM[r, b] = [*(-loss for loss in losses), *accuracies]
    return Scores(measures, scores_RBM)


def _number(value: float | None) -> float:
    return math.nan if value is None else value
