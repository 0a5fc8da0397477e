"""`SweepPlan`: what a sweep compares, as `sweep.json` says."""

import os
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from fireside.core.errors import InputError

__all__ = ["SweepBranch", "SweepPlan", "decode", "read_plan"]

FORMAT = 1

T = TypeVar("T")


class SweepBranch(msgspec.Struct, frozen=True):
    """One continuation, the same in every replicate.

    Attributes:
        name: its directory.
        kind: the base mix to the end, the upsampled mix, or that without one domain.
        start_step: the first step in which it differs from the run it leaves.
        duration: the part of the run that it lasts; `None` for the base.
        without: the domain left out, if any.
    """

    name: str
    kind: Literal["base", "upsampled", "without"]
    start_step: int
    duration: float | None = None
    without: str | None = None


class SweepPlan(msgspec.Struct, frozen=True):
    """`sweep.json`.

    Attributes:
        format: version of the file.
        num_steps: of every branch, from the first step of the run.
        tokens_per_step: of every branch.
        domains: of the mixture.
        base_shares: domain -> share of tokens in the base mix.
        upsampled_shares: domain -> share of tokens in the upsampled mix.
        general: domains whose share falls in the upsampled mix.
        target: domains whose share rises.
        durations: parts of the run for which the upsampled mix is tried.
        replicates: names of the repetitions.
        branches: of each replicate.
        benchmarks: names of what accuracies are measured in.
        removal_duration: for how long a domain is left out.
        checkpoints: of each replicate, what it goes on from; replicates of one checkpoint share what came
            before.
    """

    format: int
    num_steps: int
    tokens_per_step: int
    domains: tuple[str, ...]
    base_shares: dict[str, float]
    upsampled_shares: dict[str, float]
    general: tuple[str, ...]
    target: tuple[str, ...]
    durations: tuple[float, ...]
    replicates: tuple[str, ...]
    branches: tuple[SweepBranch, ...]
    benchmarks: tuple[str, ...] = ()
    removal_duration: float | None = None
    checkpoints: tuple[str, ...] = ()

    @property
    def base(self) -> SweepBranch:
        """The control."""
        return next(branch for branch in self.branches if branch.kind == "base")

    @property
    def upsampled(self) -> tuple[SweepBranch, ...]:
        """The durations tried, shortest first."""
        ups = [branch for branch in self.branches if branch.kind == "upsampled"]
        return tuple(sorted(ups, key=lambda branch: branch.duration or 0.0))

    @property
    def without(self) -> tuple[SweepBranch, ...]:
        """The mixes with one domain less."""
        return tuple(branch for branch in self.branches if branch.kind == "without")

    @property
    def whole(self) -> SweepBranch | None:
        """The upsampled branch that those without a domain are compared with."""
        return next((one for one in self.upsampled if one.duration == self.removal_duration), None)

    def prefix(self, replicate: str) -> str:
        """What a replicate goes on from; without checkpoints, each from a run of its own."""
        return self.checkpoints[self.replicates.index(replicate)] if self.checkpoints else replicate


def read_plan(directory: str | os.PathLike[str]) -> SweepPlan:
    """What a sweep compares.

    Raises:
        InputError: there is no sweep, or its description cannot be used.
    """
    file = Path(directory) / "sweep.json"
    if not file.is_file():
        raise InputError(
            f"{directory} has no sweep.json: give the directory that `fireside mix branch` wrote"
        )
    plan = decode(file, SweepPlan)
    if plan.format != FORMAT:
        raise InputError(
            f"{file} has format {plan.format}, this version reads {FORMAT}: use the one that wrote it"
        )
    problem = _problem_of(plan)
    if problem:
        raise InputError(f"{file} {problem}: run the sweep again into another directory")
    return plan


def decode(file: Path, kind: type[T]) -> T:
    """A JSON file of the sweep, checked against what it should hold.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(f"{file} cannot be read ({error}): delete it, and run the sweep again") from error


def _problem_of(plan: SweepPlan) -> str | None:
    """What keeps a sweep from being reported, if anything."""
    names = [branch.name for branch in plan.branches]
    if sum(branch.kind == "base" for branch in plan.branches) != 1:
        return "does not name exactly one base branch, which all others are compared with"
    if not plan.replicates:
        return "names no replicate"
    for name in (*names, *plan.replicates):
        # Names become paths; one that leads out of the sweep is no name.
        if name in ("", ".", "..") or Path(name).name != name:
            return f"names {name!r}, which cannot be a folder"
    if len({*names}) < len(names) or len({*plan.replicates}) < len(plan.replicates):
        return "names a branch or a replicate twice"
    if plan.checkpoints and len(plan.checkpoints) != len(plan.replicates):
        return f"names {len(plan.checkpoints)} checkpoints for {len(plan.replicates)} replicates"
    if not plan.general or not plan.target:
        return "names no general or no target domain: the mixes are the same"
    if plan.without and plan.whole is None:
        return f"leaves domains out for {plan.removal_duration}, and has no upsampled branch of that duration"
    return None
