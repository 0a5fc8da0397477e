"""A sweep: every branch of one or more runs, trained, measured, and kept.

    checkpoints -> plans, all checked -> base of each replicate -> its branches -> held-out losses, benchmarks

    sweep/
      sweep.json                           what is compared; a resumed sweep must ask for the same
      runs/<replicate>/<branch>/           a run of `fireside.lm.trainer`
      runs/<replicate>/<branch>/result.json    written when the branch has been trained and measured

A replicate is one checkpoint with one order of the data after it. Branches of a replicate share all that
came before them, and the learning-rate schedule goes on in each as if there were no other. What is done is
not done again: a sweep that was killed goes on where it stopped.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec

from fireside.core.atomic import disk_full_is_clear, write_bytes
from fireside.core.config import config
from fireside.core.errors import ConfigError, FiresideError, InputError, ResumeError
from fireside.lm.training_checkpoint import read_state
from fireside.mixing import Branch, BranchConfig, Plan, plan_branches
from fireside.mixing.plan import fingerprint_of
from fireside.recipes.branch_run import BranchJob, checkpoint_at, run_branch
from fireside.recipes.training_run import TrainingRun, run_of_checkpoint

__all__ = ["SWEEP_FILE", "Replicate", "SweepConfig", "plan_sweep", "run_sweep"]

SWEEP_FILE = "sweep.json"
FORMAT = 1


@config
class SweepConfig:
    """What to compare, and how often.

    Attributes:
        branches: durations, and domains to leave out.
        orders: repetitions of each checkpoint, which differ in the order of the data after it.
        jobs: branches that are trained at the same time, sharing this machine's cores.
    """

    branches: BranchConfig
    orders: int = 1
    jobs: int = 1

    def __post_init__(self) -> None:
        for name in ("orders", "jobs"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")


@dataclass(frozen=True)
class Replicate:
    """One repetition of the comparison.

    Attributes:
        name: its directory in the sweep.
        checkpoint: what its branches go on from.
        run: the run that left the checkpoint.
        branches: the base first.
    """

    name: str
    checkpoint: Path
    run: TrainingRun
    branches: list[Branch]


def plan_sweep(checkpoints: Sequence[Path], settings: SweepConfig) -> list[Replicate]:
    """All replicates, worked out and checked; nothing is trained or written.

    Raises:
        ConfigError: a branch does not fit its domains, the runs differ in more than seeds, or a branch would
            leave before its checkpoint.
        CheckpointError: a checkpoint cannot be used.
    """
    if not checkpoints:
        raise InputError("a sweep needs at least one checkpoint to branch from")
    replicates = []
    for number, checkpoint in enumerate(checkpoints):
        run, state = run_of_checkpoint(checkpoint), read_state(checkpoint)
        for order in range(settings.orders):
            branches = plan_branches(
                run.plan, run.upsampled, settings.branches, batch_size=run.settings.batch_size, order=order
            )
            first = branches[0].start_step
            if state.step > first:
                raise ConfigError(
                    f"{checkpoint} stands at step {state.step} of {run.num_steps}, past step {first}, where "
                    "the longest branch leaves: give an earlier checkpoint or shorter durations"
                )
            name = f"prefix-{number}-order-{order}"
            replicates.append(Replicate(name=name, checkpoint=checkpoint, run=run, branches=branches))
    _check_alike(replicates)
    return replicates


def run_sweep(
    checkpoints: Sequence[Path],
    directory: Path,
    settings: SweepConfig,
    *,
    threads: int | None = None,
) -> Iterator[dict[str, Any]]:
    """Train and measure what is still missing; yields each result as it comes.

    Args:
        checkpoints: of `fireside mix train`; several differ in their seeds.
        directory: takes the sweep.
        settings: what to compare.
        threads: of all jobs together; this machine's cores if left out.

    Raises:
        ResumeError: `directory` holds another sweep.
        FiresideError: a branch failed; the others are finished first.
    """
    replicates = plan_sweep([path.absolute() for path in checkpoints], settings)
    _settle(directory, _description(replicates, settings))
    replicates[0].run.verify()
    cores = threads or len(os.sched_getaffinity(0))
    pending = [
        job
        for replicate in replicates
        for job in _jobs_of(replicate, directory, max(1, cores // settings.jobs))
    ]
    # The bases first: everything else goes on from them.
    pending.sort(key=lambda job: job.parent is not None)
    done = {job.directory for job in pending if job.result_file.exists()}
    pending = [job for job in pending if job.directory not in done]
    running: dict[Future[dict[str, Any]], BranchJob] = {}
    failures: list[BaseException] = []
    # Fresh processes: torch's threads do not survive a fork.
    with ProcessPoolExecutor(settings.jobs, mp_context=get_context("spawn")) as processes:
        while True:
            ready = [job for job in pending if job.parent is None or job.parent in done]
            for job in ready[: settings.jobs - len(running)]:
                pending.remove(job)
                running[processes.submit(run_branch, job)] = job
            if not running:
                break  # nothing is left, or only what a failed base was needed for
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job = running.pop(future)
                error = future.exception()
                if isinstance(error, BrokenProcessPool):
                    raise FiresideError(
                        f"a process that trained {job.replicate} {job.branch} was killed, perhaps for want "
                        "of memory: run the same command again to go on, with fewer jobs"
                    ) from error
                if error is not None:
                    failures.append(error)
                    continue
                done.add(job.directory)
                yield future.result()
    if failures:
        raise failures[0]


def _jobs_of(replicate: Replicate, directory: Path, threads: int) -> list[BranchJob]:
    """One job for each branch; all but the base go on from the base's checkpoints."""
    home = directory / "runs" / replicate.name
    base, *others = replicate.branches

    def job(branch: Branch, checkpoint: Path, parent: Path | None, stops: tuple[int, ...]) -> BranchJob:
        return BranchJob(
            replicate=replicate.name,
            branch=branch.name,
            settings=replicate.run.settings,
            plan=branch.plan,
            directory=home / branch.name,
            checkpoint=checkpoint,
            parent=parent,
            stops=stops,
            threads=threads,
        )

    stops = tuple(sorted({branch.start_step for branch in others}))
    return [
        job(base, replicate.checkpoint, None, stops),
        *(
            job(branch, checkpoint_at(home / base.name, branch.start_step), home / base.name, ())
            for branch in others
        ),
    ]


def _check_alike(replicates: Sequence[Replicate]) -> None:
    """Refuse runs that differ in anything but their seeds."""
    first = _comparable(replicates[0].run)
    for replicate in replicates[1:]:
        other = _comparable(replicate.run)
        different = [name for name in first if first[name] != other[name]]
        if different:
            raise ConfigError(
                f"{replicate.checkpoint} comes of a run with another {' and '.join(different)} than "
                f"{replicates[0].checkpoint}: only seeds may differ in a sweep"
            )


def _comparable(run: TrainingRun) -> dict[str, Any]:
    settings = run.settings
    return {
        "batch size": settings.batch_size,
        "masking of documents": settings.mask_documents,
        "model": settings.model,
        "training": settings.training,
        "upsampled mix": settings.upsampled,
        "set of held-out domains": {name: domain.fingerprint for name, domain in run.held_out.items()},
        "set of benchmarks": sorted(settings.benchmarks),
        "mix": {name: line for name, line in run.plan.describe().items() if name != "seed"},
    }


def _description(replicates: Sequence[Replicate], settings: SweepConfig) -> dict[str, Any]:
    """`sweep.json`: what is compared, for reports and for resuming."""
    run, branches = replicates[0].run, replicates[0].branches
    base = branches[0]
    longest = min(
        (branch for branch in branches if branch.kind == "upsampled"), key=lambda one: one.start_step
    )
    first = base.start_step * run.settings.batch_size
    before, after = _shares(base.plan, first), _shares(longest.plan, first)
    return {
        "format": FORMAT,
        "num_steps": run.num_steps,
        "tokens_per_step": run.settings.batch_size * run.plan.sequence_length,
        "domains": list(before),
        "base_shares": before,
        "upsampled_shares": after,
        "general": [name for name in before if after[name] < before[name]],
        "target": [name for name in before if after[name] > before[name]],
        "durations": list(settings.branches.durations),
        "removal_duration": settings.branches.removal_duration,
        "replicates": [replicate.name for replicate in replicates],
        "checkpoints": [str(replicate.checkpoint) for replicate in replicates],
        "branches": [
            {
                "name": branch.name,
                "kind": branch.kind,
                "duration": branch.duration,
                "without": branch.without,
                "start_step": branch.start_step,
            }
            for branch in branches
        ],
        "benchmarks": list(run.settings.benchmarks),
        "orders": [fingerprint_of(replicate.branches[0].plan.describe()) for replicate in replicates],
    }


def _shares(plan: Plan, first: int) -> dict[str, float]:
    """Each domain's share of the sequences from `first` on."""
    before, after = plan.counts_at(first), plan.counts_at(plan.num_sequences)
    return {name: (after[name] - before[name]) / (plan.num_sequences - first) for name in after}


def _settle(directory: Path, wanted: dict[str, Any]) -> None:
    """Write `sweep.json`, or refuse a directory that holds another sweep."""
    file = directory / SWEEP_FILE
    if file.exists():
        try:
            found = msgspec.json.decode(file.read_bytes())
        except msgspec.DecodeError as error:
            raise ResumeError(f"{file} cannot be read ({error}): delete {directory}") from error
        different = [name for name in wanted if found.get(name) != wanted[name]]
        if different:
            raise ResumeError(
                f"{directory} holds a sweep with another {', '.join(different)}: ask for the same, or choose "
                "another directory"
            )
        return
    with disk_full_is_clear(directory):
        directory.mkdir(parents=True, exist_ok=True)
    write_bytes(file, msgspec.json.format(msgspec.json.encode(wanted), indent=1) + b"\n")
