"""`Sweep`: what a directory of `fireside mix branch` holds, checked.

    sweep.json                               what is compared
    runs/<replicate>/<branch>/metrics.jsonl  how a branch is going
    runs/<replicate>/<branch>/result.json    what it came to, once it has ended

A result that is not there is a branch that has not ended; one that cannot be read is an error.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from fireside.core.errors import InputError
from fireside.recipes.mix_report.sweep_plan import SweepPlan, decode, read_plan

__all__ = ["BranchResult", "Sweep", "read_result", "read_sweep"]


class BranchResult(msgspec.Struct, frozen=True):
    """`result.json`.

    Attributes:
        branch: its name.
        replicate: the repetition it belongs to.
        steps: optimizer steps, from the first of the run.
        tokens: seen, what came before the branch included.
        flops: the same in floating-point operations.
        own_tokens: of this branch alone, after the point where it left its parent.
        own_flops: the same in floating-point operations.
        losses: domain -> held-out loss, nats per token; `None` where it is no number.
        accuracies: benchmark -> share of right answers.
        seconds: wall time.
    """

    branch: str
    replicate: str
    steps: int
    tokens: Annotated[int, msgspec.Meta(gt=0)]
    flops: Annotated[float, msgspec.Meta(gt=0)]
    own_tokens: Annotated[int, msgspec.Meta(ge=0)]
    own_flops: Annotated[float, msgspec.Meta(ge=0)]
    losses: dict[str, float | None]
    accuracies: dict[str, float | None]
    seconds: float


@dataclass(frozen=True)
class Sweep:
    """A sweep as far as it has come.

    Attributes:
        directory: where it lies.
        plan: what is compared.
        results: (replicate, branch) -> result, of those that have ended.
    """

    directory: Path
    plan: SweepPlan
    results: dict[tuple[str, str], BranchResult]

    @property
    def losses(self) -> tuple[str, ...]:
        """Names of the held-out losses: domains in their order, then whatever else was held out."""
        return _names(self.plan.domains, [result.losses for result in self.results.values()])

    @property
    def accuracies(self) -> tuple[str, ...]:
        """Names of the benchmarks."""
        return _names(self.plan.benchmarks, [result.accuracies for result in self.results.values()])

    @property
    def missing(self) -> list[tuple[str, str]]:
        """(replicate, branch) of all that have not ended."""
        return [
            (replicate, branch.name)
            for replicate in self.plan.replicates
            for branch in self.plan.branches
            if (replicate, branch.name) not in self.results
        ]


def read_sweep(directory: str | os.PathLike[str]) -> Sweep:
    """Read a sweep, finished or not.

    Raises:
        InputError: there is no sweep, a file cannot be read or contradicts another, or nothing has ended yet.
    """
    directory = Path(directory)
    plan = read_plan(directory)
    results = {}
    for replicate in plan.replicates:
        for branch in plan.branches:
            if (result := read_result(directory, replicate, branch.name)) is not None:
                results[replicate, branch.name] = result
    sweep = Sweep(directory=directory, plan=plan, results=results)
    if not results:
        raise InputError(
            f"no branch of {directory} has ended yet, so there is nothing to report: "
            f"look at `fireside mix watch {directory}`, or run the sweep again to go on"
        )
    _check_results(sweep)
    return sweep


def read_result(directory: Path, replicate: str, branch: str) -> BranchResult | None:
    """What a branch came to; `None` if it has not ended.

    Raises:
        InputError: the file is there, and cannot be read, or is of another branch.
    """
    file = directory / "runs" / replicate / branch / "result.json"
    if not file.is_file():
        return None
    result = decode(file, BranchResult)
    if (result.replicate, result.branch) != (replicate, branch):
        raise InputError(
            f"{file} is the result of {result.branch!r} of {result.replicate!r}: delete it, and run the "
            "sweep again"
        )
    return result


def _check_results(sweep: Sweep) -> None:
    """Refuse results that measure different things, or not what the report is about."""
    for (replicate, branch), result in sweep.results.items():
        for kind, wanted, found in (
            ("held-out loss", sweep.losses, result.losses),
            ("accuracy", sweep.accuracies, result.accuracies),
        ):
            lacking = [name for name in wanted if name not in found]
            if lacking:
                file = sweep.directory / "runs" / replicate / branch / "result.json"
                raise InputError(
                    f"{file} has no {kind} for {', '.join(map(repr, lacking))}, which others have: "
                    "delete it, and run the sweep again"
                )
    for side in (sweep.plan.general, sweep.plan.target):
        if not any(domain in sweep.losses for domain in side):
            raise InputError(
                f"{sweep.directory} measures no held-out loss for any of {', '.join(side)}: "
                "hold out texts of at least one of them, and run the sweep into another directory"
            )


def _names(known: Sequence[str], measured: Sequence[dict[str, float | None]]) -> tuple[str, ...]:
    found = dict.fromkeys(name for one in measured for name in one)
    return (*(name for name in known if name in found), *(name for name in found if name not in known))
