"""Parallel thinking: N rollouts, then one more that makes an answer of their answers.

The aggregator is the same model in the same environment; it sees the final answers, not how they were
reached, and may search again (KARL, arXiv 2603.05218). Equal answers are shown once with their number, most
frequent first: a small model reads a count more easily than it counts.
"""

from collections.abc import Sequence

from fireside.agents.environment import Environment
from fireside.agents.prompts import Prompt, question_line, solving_opening
from fireside.agents.strategies import Episode, Parallel, in_step
from fireside.agents.test_time.majority_vote import count_answers
from fireside.agents.types import Attempt, Task, Turn
from fireside.core.protocols import TokenSampler
from fireside.core.seeding import RandomStreams

__all__ = ["ParallelThinking", "aggregation_opening"]


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
        opening = aggregation_opening(self.parallel.prompt, task.text, [r.answer for r in rollouts])
        aggregator_seed = RandomStreams(seed).integer("aggregator")
        (final,) = yield from in_step([self.aggregator.rollout(task, opening, chat, aggregator_seed)])
        return Attempt(final=final, others=tuple(rollouts))


def aggregation_opening(prompt: Prompt, question: str, answers: Sequence[str]) -> tuple[Turn, ...]:
    """The turns that open the aggregator's rollout: those of any rollout, two more examples, the answers.

    The answers were written by the model under the influence of documents, so they are flattened like those.
    Where there are none, the question is asked as if for the first time.

    >>> answers = ["Abeche", "N'Djamena", "n'djamena"]
    >>> print(aggregation_opening(Prompt(example=()), "Capital of Chad?", answers)[-1].content)
    Answers found:
    N'Djamena (2 of 3)
    Abeche (1 of 3)
    Question: Capital of Chad?
    """
    *before, asked = solving_opening(prompt, question)
    candidates = [
        f"{' '.join(answers[first].split())} ({count} of {len(answers)})"
        for first, count in count_answers(answers)
    ]
    if not candidates:
        return (*before, asked)
    return (*before, *EXAMPLES, _asked(question, candidates))


def _asked(question: str, candidates: Sequence[str]) -> Turn:
    return Turn(role="user", content="\n".join(["Answers found:", *candidates, question_line(question)]))


EXAMPLES = (
    _asked("How long is the coast of Osterlich?", ["1,340 km (2 of 3)", "Osterlich (1 of 3)"]),
    Turn(role="assistant", content="Answer: 1,340 km"),
    _asked("What is the capital of Freedonia?", ["Freedonia (2 of 3)", "Glenville (1 of 3)"]),
    Turn(role="assistant", content="Answer: Glenville"),
)
