"""Strategies: how many rollouts a task gets, and which answer counts; and the driver that runs them.

A strategy turns a task into an episode: a generator that yields lists of sample requests, since its
rollouts go in step, and returns an `Attempt`. The driver keeps many episodes going and samples for all of
them at once.
Which requests share a batch changes nothing but speed, where the sampler keeps its promise on seeds.
"""

import logging
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar, runtime_checkable

from fireside.agents.environment import Environment, Rollout
from fireside.agents.prompts import Prompt, solving_opening
from fireside.agents.types import Attempt, RolloutEnd, Task, Trajectory
from fireside.core.errors import EndpointError, FiresideError
from fireside.core.protocols import Sample, SampleRequest, TokenSampler
from fireside.core.seeding import RandomStreams

__all__ = [
    "Episode",
    "Parallel",
    "Single",
    "Strategy",
    "drive",
    "in_step",
    "refuse_dead",
    "solve",
]

logger = logging.getLogger(__name__)

T = TypeVar("T")

Sampled = Sample | Exception
Episode = Generator[list[SampleRequest], list[Sampled], T]
"""Yields requests, is sent a sample or an error for each, returns a result."""


@runtime_checkable
class Strategy(Protocol):
    """A way to solve a task."""

    @property
    def name(self) -> str:
        """A name for reports."""
        ...

    def episode(self, task: Task, chat: TokenSampler, seed: int) -> Episode[Attempt]:
        """Solve one task."""
        ...


class Single:
    """One rollout; its answer counts.

    Args:
        environment: runs the rollout.
        prompt: what the model reads first.
        name: for reports.
    """

    def __init__(
        self, environment: Environment, prompt: Prompt | None = None, *, name: str = "single"
    ) -> None:
        self.environment = environment
        self.prompt = prompt or Prompt()
        self.name = name

    def episode(self, task: Task, chat: TokenSampler, seed: int) -> Episode[Attempt]:
        """Solve one task."""
        opening = solving_opening(self.prompt, task.text)
        (trajectory,) = yield from in_step([self.environment.rollout(task, opening, chat, seed)])
        return Attempt(final=trajectory)


class Parallel:
    """Several independent rollouts of one task in step; collection makes groups of them.

    Args:
        environment: runs the rollouts.
        num_rollouts: how many; rollout i of a task does not depend on this number.
        prompt: what the model reads first.
    """

    def __init__(self, environment: Environment, num_rollouts: int, prompt: Prompt | None = None) -> None:
        if num_rollouts < 1:
            raise ValueError(f"num_rollouts is {num_rollouts}: run at least 1")
        self.environment = environment
        self.num_rollouts = num_rollouts
        self.prompt = prompt or Prompt()

    def episode(self, task: Task, chat: TokenSampler, seed: int) -> Episode[list[Trajectory]]:
        """Run all rollouts of one task."""
        opening = solving_opening(self.prompt, task.text)
        streams = RandomStreams(seed)
        rollouts = [
            self.environment.rollout(task, opening, chat, streams.integer("rollout", index))
            for index in range(self.num_rollouts)
        ]
        return (yield from in_step(rollouts))


def in_step(rollouts: Sequence[Rollout]) -> Episode[list[Trajectory]]:
    """Run rollouts side by side, one turn of each at a time; their records, in order."""
    results: dict[int, Trajectory] = {}
    requests: dict[int, SampleRequest] = {}

    def advance(index: int, sampled: Sampled | None) -> None:
        rollout = rollouts[index]
        try:
            if sampled is None:
                requests[index] = next(rollout)
            elif isinstance(sampled, Exception):
                requests[index] = rollout.throw(sampled)
            else:
                requests[index] = rollout.send(sampled)
        except StopIteration as stop:
            requests.pop(index, None)
            results[index] = stop.value

    for index in range(len(rollouts)):
        advance(index, None)
    while requests:
        waiting = list(requests)
        answers = yield [requests[index] for index in waiting]
        for index, answer in zip(waiting, answers, strict=True):
            advance(index, answer)
    return [results[index] for index in range(len(rollouts))]


def drive(
    sampler: TokenSampler, episodes: Iterable[Episode[T]], *, max_requests: int = 32
) -> Iterator[tuple[int, T]]:
    """Run episodes, sampling for many at once; yields (position, result) as they end.

    Args:
        sampler: answers the requests.
        episodes: taken from the iterable only when there is room for one.
        max_requests: another episode is begun while fewer requests than this are waiting.
    """
    source = enumerate(episodes)
    waiting: dict[int, tuple[Episode[T], list[SampleRequest]]] = {}
    exhausted = False
    while True:
        while not exhausted and sum(len(requests) for _, requests in waiting.values()) < max_requests:
            position, episode = next(source, (None, None))
            if position is None or episode is None:
                exhausted = True
                break
            try:
                waiting[position] = (episode, next(episode))
            except StopIteration as stop:
                yield position, stop.value
        if not waiting:
            return
        batch = list(waiting.items())
        answers = iter(_sample_all(sampler, [request for _, (_, requests) in batch for request in requests]))
        for position, (episode, requests) in batch:
            try:
                waiting[position] = (episode, episode.send([next(answers) for _ in requests]))
            except StopIteration as stop:
                del waiting[position]
                yield position, stop.value


def _sample_all(sampler: TokenSampler, requests: Sequence[SampleRequest]) -> list[Sampled]:
    """A sample or an error for each request; one bad request does not spoil the others."""
    try:
        samples: list[Sampled] = list(sampler.sample(requests))
    except Exception as error:
        if len(requests) == 1:
            return [error]
        logger.warning("%d requests failed together; sampling them one by one", len(requests), exc_info=True)
        return [answer for request in requests for answer in _sample_all(sampler, [request])]
    if len(samples) != len(requests):
        short = f"the sampler gave {len(samples)} samples for {len(requests)} requests"
        return [EndpointError(short) for _ in requests]
    return samples


def solve(
    strategy: Strategy, sampler: TokenSampler, tasks: Sequence[Task], *, seed: int, max_requests: int = 32
) -> list[Attempt]:
    """Solve tasks with one strategy, many at once; attempts in the order of the tasks.

    A task's attempt depends on the seed and its question id, not on the other tasks.

    Raises:
        FiresideError: every single rollout failed on its tool or sampler (see `refuse_dead`).
    """
    streams = RandomStreams(seed)
    episodes = (
        strategy.episode(task, sampler, streams.integer(f"task {task.question_id}")) for task in tasks
    )
    attempts = dict(drive(sampler, episodes, max_requests=max_requests))
    refuse_dead([trajectory for attempt in attempts.values() for trajectory in attempt.trajectories])
    return [attempts[position] for position in range(len(tasks))]


def refuse_dead(trajectories: Sequence[Trajectory]) -> None:
    """Raise where no rollout at all came through: then it is not the agent that failed.

    Raises:
        EndpointError: every rollout ended in an error of the sampler.
        FiresideError: every rollout ended in an error of the tool or the sampler.
    """
    if not trajectories or not all(trajectory.failed for trajectory in trajectories):
        return
    first = trajectories[0]
    message = f"all {len(trajectories)} rollouts failed, the first with {first.error}"
    if all(trajectory.end is RolloutEnd.SAMPLER_ERROR for trajectory in trajectories):
        raise EndpointError(f"{message}: check that the model can be reached and fits")
    raise FiresideError(f"{message}: check the index and the model")
