"""Rewards, each declared apart and named, composed by weights.

The nugget score is what the agent is for. The others are small credits that a weak model can earn before it
answers anything right; they are off unless a configuration asks for them, and reported under their own names.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol, runtime_checkable

import msgspec

from fireside.agents.question import Question
from fireside.agents.tools import display_id
from fireside.agents.types import RolloutEnd, Trajectory
from fireside.core.config import config
from fireside.core.errors import ConfigError

__all__ = ["REWARDS", "Judge", "RewardConfig", "Verdict", "judged", "rewarded"]


@runtime_checkable
class Verdict(Protocol):
    """What a judge says of one answer."""

    @property
    def labels(self) -> Sequence[str]:
        """One label for each nugget of the question."""
        ...

    @property
    def score(self) -> float:
        """Share of the nuggets that the answer supports, from 0 to 1."""
        ...


@runtime_checkable
class Judge(Protocol):
    """Scores answers."""

    @property
    def name(self) -> str:
        """Names the judge in reports, because the scores of two judges cannot be compared."""
        ...

    def judge(self, question: Question, answer: str) -> Verdict:
        """One label for each nugget, and the score."""
        ...


def nuggets(trajectory: Trajectory, question: Question) -> float:
    """The judge's score."""
    assert trajectory.score is not None
    return trajectory.score


def form(trajectory: Trajectory, question: Question) -> float:
    """1 where the rollout ended with an answer and every turn held an action."""
    clean = all(step.action != "invalid" for step in trajectory.steps)
    return float(clean and trajectory.end is RolloutEnd.ANSWERED)


def citation(trajectory: Trajectory, question: Question) -> float:
    """1 where the answer cites, and only documents that were found."""
    found = {display_id(document_id) for document_id in trajectory.retrieved_ids}
    return float(bool(trajectory.citations) and set(trajectory.citations) <= found)


def retrieval(trajectory: Trajectory, question: Question) -> float:
    """Share of the supporting documents that were found; 1 where the question names none."""
    wanted = set(question.document_ids)
    return len(wanted & trajectory.retrieved_ids) / len(wanted) if wanted else 1.0


REWARDS: Mapping[str, Callable[[Trajectory, Question], float]] = MappingProxyType(
    {"nuggets": nuggets, "form": form, "citation": citation, "retrieval": retrieval}
)
"""The parts of a reward by name. All are from 0 to 1 and are functions of a judged trajectory."""


@config
class RewardConfig:
    """The weight of each part; the reward is their weighted sum.

    >>> RewardConfig(form=0.1)
    RewardConfig(nuggets=1.0, form=0.1, citation=0.0, retrieval=0.0)
    """

    nuggets: float = 1.0
    form: float = 0.0
    citation: float = 0.0
    retrieval: float = 0.0

    def __post_init__(self) -> None:
        for name in REWARDS:
            if getattr(self, name) < 0:
                raise ConfigError(f"the weight of reward {name!r} is {getattr(self, name)}: give 0 or more")


def judged(trajectory: Trajectory, question: Question, judge: Judge) -> Trajectory:
    """The trajectory with the judge's score and labels; one without an answer is scored as an empty one.

    Raises:
        EndpointError: the judge failed. That is no score of 0, so nothing is recorded.
    """
    verdict = judge.judge(question, trajectory.answer)
    return msgspec.structs.replace(
        trajectory, score=float(verdict.score), labels=tuple(str(label) for label in verdict.labels)
    )


def rewarded(
    trajectory: Trajectory, question: Question, judge: Judge, config: RewardConfig | None = None
) -> Trajectory:
    """The trajectory judged, with every part of its reward and their weighted sum."""
    weights = config or RewardConfig()
    scored = judged(trajectory, question, judge)
    parts = {name: reward(scored, question) for name, reward in REWARDS.items()}
    total = sum(getattr(weights, name) * value for name, value in parts.items())
    return msgspec.structs.replace(scored, rewards=parts, reward=total)
