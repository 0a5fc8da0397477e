"""`plan_branches`: the continuations of one run that tell what upsampling, and each data set, is worth.

    base            the base mix to the end: what everything is compared with
    upsampled-20    the upsampled mix for the last 20 %, and so for each duration
    without-code-20 the same with one domain left out, its share given to the others

All leave one run, so that what they share is trained once ("Does your data spark joy?", arXiv 2406.03476). A
branch is a plan from the first sequence to the last; it is worked out, and refused if it does not fit, before
anything is trained. Knows nothing about models.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from fireside.core.config import config
from fireside.core.errors import ConfigError
from fireside.mixing.plan import Plan
from fireside.mixing.stage import Stage

__all__ = ["Branch", "BranchConfig", "plan_branches", "without"]


@config
class BranchConfig:
    """Which continuations to make.

    Attributes:
        durations: the parts of the run, at its end, for which the upsampled mix is tried.
        removal_duration: for how long the mixes with one domain less are tried; one of `durations`, or `None`
            for none of them.
        removed: the domains to leave out, one at a time; all of the upsampled mix where it is empty.

    Raises:
        ConfigError: a duration that is not between 0 and 1, or named twice.
    """

    durations: tuple[float, ...] = (0.05, 0.1, 0.2, 0.3)
    removal_duration: float | None = None
    removed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.durations or not all(0 < duration < 1 for duration in self.durations):
            raise ConfigError(f"durations are parts of the run between 0 and 1, got {list(self.durations)}")
        if len({_percent(duration) for duration in self.durations}) < len(self.durations):
            raise ConfigError(f"a duration is given twice: {list(self.durations)}")
        if self.removal_duration is not None and self.removal_duration not in self.durations:
            raise ConfigError(
                f"removal_duration {self.removal_duration} is not among the durations "
                f"{list(self.durations)}: leaving a domain out is compared with the whole upsampled mix of "
                "the same duration"
            )


@dataclass(frozen=True, slots=True)
class Branch:
    """One continuation.

    Attributes:
        name: unique among the branches of a run.
        kind: `"base"`, `"upsampled"`, or `"without"` a domain.
        start_step: the first step in which it differs from the run it leaves.
        duration: the part of the run that it lasts; `None` for the base.
        without: the domain left out, if any.
        plan: the whole run with this end.
    """

    name: str
    kind: Literal["base", "upsampled", "without"]
    start_step: int
    duration: float | None
    without: str | None
    plan: Plan


def plan_branches(
    run: Plan, upsampled: Stage, settings: BranchConfig, *, batch_size: int, order: int = 0
) -> list[Branch]:
    """All continuations of a run, the base first.

    Args:
        run: the base mix from beginning to end.
        upsampled: what is drawn in the last part; its start is set by each duration.
        settings: which continuations.
        batch_size: sequences in a step; branches leave between steps.
        order: 0 reads the data in the run's own order; any other number reads them from the first branch
            point on in another, the same in all branches, so that they can be compared pairwise.

    Raises:
        ConfigError: a branch does not fit its domains, a domain to remove is not in the upsampled mix, or the
            run is too short to be cut so.

    >>> from fireside.mixing.plan import DomainSize, make_plan
    >>> from fireside.mixing.schedule import Schedule
    >>> sizes = [DomainSize(name="web", num_tokens=9001), DomainSize(name="code", num_tokens=801)]
    >>> base = Stage(name="base", shares={"web": 0.9, "code": 0.1})
    >>> run = make_plan(Schedule(tokens=4000, sequence_length=10, stages=(base,)), sizes)
    >>> upsampled = Stage(name="upsampled", shares={"web": 0.5, "code": 0.5})
    >>> config = BranchConfig(durations=(0.1, 0.2), removal_duration=0.2, removed=("code",))
    >>> [(branch.name, branch.start_step) for branch in plan_branches(run, upsampled, config, batch_size=4)]
    [('base', 80), ('upsampled-10', 90), ('upsampled-20', 80), ('without-code-20', 80)]
    """
    num_steps = run.num_sequences // batch_size
    starts = {duration: round((1 - duration) * num_steps) for duration in settings.durations}
    first = min(starts.values())
    if len(set(starts.values())) < len(starts) or not 0 < first <= max(starts.values()) < num_steps:
        raise ConfigError(
            f"a run of {num_steps} steps cannot be cut into the last {', '.join(map(_percent, starts))} %: "
            "use smaller batches or a longer run"
        )
    step_tokens = batch_size * run.sequence_length
    base = run.reordered(first * batch_size, order) if order else run
    branches = [Branch(name="base", kind="base", start_step=first, duration=None, without=None, plan=base)]
    for duration, step in starts.items():
        name = f"upsampled-{_percent(duration)}"
        plan = base.branch([replace(upsampled, name=name, start=step * step_tokens)])
        branches.append(
            Branch(name=name, kind="upsampled", start_step=step, duration=duration, without=None, plan=plan)
        )
    duration_of_removals = settings.removal_duration
    if duration_of_removals is None:
        return branches
    step = starts[duration_of_removals]
    for domain in settings.removed or upsampled.domains:
        name = f"without-{domain}-{_percent(duration_of_removals)}"
        plan = base.branch([replace(without(upsampled, domain), name=name, start=step * step_tokens)])
        branches.append(
            Branch(
                name=name,
                kind="without",
                start_step=step,
                duration=duration_of_removals,
                without=domain,
                plan=plan,
            )
        )
    return branches


def without(stage: Stage, domain: str) -> Stage:
    """A stage with one domain less; the others keep their proportions.

    Raises:
        ConfigError: the domain is not in the stage, or is all there is.

    >>> without(Stage(name="all", shares={"web": 0.5, "code": 0.3, "books": 0.2}), "web").shares
    {'code': 0.6, 'books': 0.4}
    """
    if domain not in stage.domains:
        raise ConfigError(
            f"domain {domain!r} cannot be left out of stage {stage.name!r}, which draws from "
            f"{', '.join(stage.domains)}"
        )
    left = [other for other in stage.domains if other != domain]
    if not left:
        raise ConfigError(f"stage {stage.name!r} draws from {domain!r} alone: nothing is left without it")
    return replace(
        stage,
        shares=_rescaled(stage.shares, domain),
        end_shares=_rescaled(stage.end_shares, domain),
        tokens={name: tokens for name, tokens in stage.tokens.items() if name != domain},
        epochs={name: epochs for name, epochs in stage.epochs.items() if name != domain},
    )


def _rescaled(shares: Mapping[str, float], removed: str) -> dict[str, float]:
    kept = {name: share for name, share in shares.items() if name != removed}
    total = sum(kept.values())
    return {name: share / total for name, share in kept.items()} if total > 0 else {}


def _percent(duration: float) -> str:
    """A part of the run as a number of per cent, as short as it can be."""
    return f"{100 * duration:.4g}"
