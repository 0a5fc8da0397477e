"""Collecting: a group of rollouts for each question, judged, rewarded and stored as it ends.

What a store already holds is not sampled again, so an interrupted collection goes on where it was. A group is
a pure function of (seed, question, policy, corpus); neither the other questions nor an interruption moves it.
"""

from collections.abc import Callable, Iterator, Sequence

from fireside.agents.question import Question
from fireside.agents.rewards import Judge, RewardConfig, rewarded
from fireside.agents.strategies import Episode, Parallel, drive, refuse_dead
from fireside.agents.training.replay import ReplayStore
from fireside.agents.types import Task, Trajectory, TrajectoryGroup
from fireside.core.protocols import TokenSampler
from fireside.core.seeding import RandomStreams

__all__ = ["collect"]


def collect(
    parallel: Parallel,
    sampler: TokenSampler,
    questions: Sequence[Question],
    judge: Judge,
    store: ReplayStore,
    *,
    seed: int,
    rewards: RewardConfig | None = None,
    max_requests: int = 32,
    enough: Callable[[Sequence[TrajectoryGroup]], bool] | None = None,
) -> list[TrajectoryGroup]:
    """Collect one group for each question.

    Args:
        parallel: its number of rollouts is the size of a group.
        sampler: the policy.
        questions: in the order in which they are taken up.
        judge: scores the answers.
        store: holds what was collected before, and takes what is collected now.
        seed: of the collection.
        rewards: weights of the parts of the reward.
        max_requests: another question is taken up while fewer requests than this wait for the sampler.
        enough: is shown all groups after each; once it says yes, no further question is taken up.

    Returns:
        The groups that there are now, in the order of the questions.

    Raises:
        FiresideError: every rollout of the first group to end failed on its tool or its sampler.
    """
    streams = RandomStreams(seed)
    wanted = [question for question in questions if question.question_id not in store.groups]

    def present() -> list[TrajectoryGroup]:
        return [store.groups[q.question_id] for q in questions if q.question_id in store.groups]

    def episodes() -> Iterator[Episode[list[Trajectory]]]:
        for question in wanted:
            if enough is not None and enough(present()):
                return
            task = Task(question_id=question.question_id, text=question.text, kind=question.kind)
            yield parallel.episode(task, sampler, streams.integer(f"task {question.question_id}"))

    for position, trajectories in drive(sampler, episodes(), max_requests=max_requests):
        question = wanted[position]
        if not store.groups:
            refuse_dead(trajectories)
        store.append(
            TrajectoryGroup(
                question_id=question.question_id,
                kind=question.kind,
                trajectories=tuple(rewarded(t, question, judge, rewards) for t in trajectories),
            )
        )
    return present()
