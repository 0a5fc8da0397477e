"""Parallel thinking: N rollouts, then one more that makes an answer of their answers.

The aggregator is the same model in the same environment; it sees the final answers, not how they were
reached, and may search again (KARL, arXiv 2603.05218).
"""

from fireside.agents.environment import Environment
from fireside.agents.prompts import Prompt, aggregation_opening
from fireside.agents.strategies import Episode, Parallel, in_step
from fireside.agents.types import Attempt, Task
from fireside.core.protocols import TokenSampler
from fireside.core.seeding import RandomStreams

__all__ = ["ParallelThinking"]


class ParallelThinking:
    """A strategy: N rollouts in step, then the aggregator.

    Args:
        environment: runs the rollouts.
        num_rollouts: N.
        prompt: what every rollout reads first.
        aggregator: runs the last rollout; by default the same environment.
    """

    def __init__(
        self,
        environment: Environment,
        num_rollouts: int,
        prompt: Prompt | None = None,
        *,
        aggregator: Environment | None = None,
    ) -> None:
        self.parallel = Parallel(environment, num_rollouts, prompt)
        self.aggregator = aggregator or environment
        self.name = f"{num_rollouts}-parallel"

    def episode(self, task: Task, chat: TokenSampler, seed: int) -> Episode[Attempt]:
        """Solve one task. Where no rollout has an answer, the aggregator starts from the question alone."""
        rollouts = yield from self.parallel.episode(task, chat, seed)
        answers = [rollout.answer for rollout in rollouts if rollout.answer]
        opening = aggregation_opening(self.parallel.prompt, task.text, answers)
        aggregator_seed = RandomStreams(seed).integer("aggregator")
        (final,) = yield from in_step([self.aggregator.rollout(task, opening, chat, aggregator_seed)])
        return Attempt(final=final, others=tuple(rollouts))
