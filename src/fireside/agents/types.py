"""What the agent did, as plain records: tasks, steps, segments, trajectories, groups of them.

A trajectory holds everything that is needed to replay, judge, show or train on a rollout: the exact tokens
the model saw and wrote, the sampler's log-probabilities, searches and their results, rewards, versions and
errors. A rollout that failed is a trajectory too; `RolloutEnd` says how it ended.

A trajectory is made of segments. Within one, tokens are only ever appended; a compression closes a segment
with a summary and opens the next one with it. A segment is therefore one training sequence.
Knows nothing about how rollouts are run or learned from.
"""

import enum
from collections.abc import Iterator
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from fireside.core.errors import InputError
from fireside.core.protocols import Role, StopReason, TrainingSequence

__all__ = [
    "ActionKind",
    "Attempt",
    "Retrieved",
    "RolloutEnd",
    "Segment",
    "Step",
    "Task",
    "Trajectory",
    "TrajectoryGroup",
    "Turn",
    "reference_logprobs",
    "training_sequences",
]

Float64Array = npt.NDArray[np.float64]

ActionKind = Literal["search", "answer", "invalid", "summary"]


class RolloutEnd(enum.StrEnum):
    """How a rollout ended."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    """The model wrote no action, was told so, and wrote none again."""
    OUT_OF_STEPS = "out_of_steps"
    CONTEXT_OVERFLOW = "context_overflow"
    TOOL_ERROR = "tool_error"
    SAMPLER_ERROR = "sampler_error"


class Task(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the agent is asked.

    Attributes:
        question_id: names the question in every record.
        text: the question.
        kind: the kind of task, by which scores and training tokens are counted apart.
    """

    question_id: str
    text: str
    kind: str = "ask"


class Turn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message, as text."""

    role: Role
    content: str


class Retrieved(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A passage that a search returned; the text is in the corpus."""

    document_id: str
    chunk_id: int
    score: float


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One turn of the model.

    Attributes:
        prompt_tokens: what the environment appended before this turn; the model did not write it.
        tokens: what the model wrote, exactly.
        logprobs: ln of each token's probability under the policy that drew it; empty where the sampler
            cannot tell, and then the step cannot be trained on.
        text: `tokens` as text.
        stop_reason: why the model stopped.
        version: how many updates the policy had seen.
        action: what the text was taken for; `"summary"` where a compression asked for one.
        argument: the query, the answer, or what was wrong.
        retrieved: what the search found, best first.
        result: what the model was told next; empty after the last step.
    """

    prompt_tokens: tuple[int, ...]
    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    text: str
    stop_reason: StopReason
    version: int
    action: ActionKind
    argument: str = ""
    retrieved: tuple[Retrieved, ...] = ()
    result: str = ""


class Segment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Turns of one growing sequence: what opened it, and the steps that follow."""

    opening: tuple[Turn, ...]
    steps: tuple[Step, ...]


class Trajectory(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rollout.

    Attributes:
        question_id: the question.
        kind: its kind.
        seed: with the sampler's version, determines the rollout.
        segments: at least one; more than one where the history was compressed.
        end: how it ended.
        answer: the answer without its citations; empty where there is none.
        citations: what the answer cites, as written.
        error: kind and message of the error, for `TOOL_ERROR` and `SAMPLER_ERROR`.
        model_name: the sampler.
        score: share of the question's nuggets that the answer supports; `None` until it is judged.
        labels: the judge's label of each nugget.
        rewards: the parts of the reward, by name.
        reward: what training maximises; `None` until it is rewarded.
    """

    question_id: str
    kind: str
    seed: int
    segments: tuple[Segment, ...]
    end: RolloutEnd
    answer: str = ""
    citations: tuple[str, ...] = ()
    error: str = ""
    model_name: str = ""
    score: float | None = None
    labels: tuple[str, ...] = ()
    rewards: dict[str, float] = {}
    reward: float | None = None

    @property
    def failed(self) -> bool:
        """Whether the tool or the sampler broke it off, which says nothing about the policy."""
        return self.end in (RolloutEnd.TOOL_ERROR, RolloutEnd.SAMPLER_ERROR)

    @property
    def steps(self) -> Iterator[Step]:
        """All steps, oldest first."""
        return (step for segment in self.segments for step in segment.steps)

    @property
    def queries(self) -> list[str]:
        """What was searched for, oldest first."""
        return [step.argument for step in self.steps if step.action == "search"]

    @property
    def retrieved_ids(self) -> set[str]:
        """Documents of which any passage was found."""
        return {passage.document_id for step in self.steps for passage in step.retrieved}

    @property
    def num_policy_tokens(self) -> int:
        """Tokens that the model wrote."""
        return sum(len(step.tokens) for step in self.steps)

    @property
    def num_context_tokens(self) -> int:
        """Tokens that the model only read, each counted once."""
        return sum(len(step.prompt_tokens) for step in self.steps)


class TrajectoryGroup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rollouts of one question by one policy."""

    question_id: str
    kind: str
    trajectories: tuple[Trajectory, ...]

    @property
    def rewards_G(self) -> Float64Array:
        """float64[G]. Raises `InputError` where a trajectory has no reward yet."""
        rewards = [trajectory.reward for trajectory in self.trajectories]
        if any(reward is None for reward in rewards):
            raise InputError(f"the group of {self.question_id!r} has no rewards yet: use `rewarded`")
        return np.array(rewards, dtype=np.float64)

    @property
    def scores_G(self) -> Float64Array:
        """float64[G]. Raises `InputError` where a trajectory is not judged yet."""
        scores = [trajectory.score for trajectory in self.trajectories]
        if any(score is None for score in scores):
            raise InputError(f"the group of {self.question_id!r} is not judged yet: use `rewarded`")
        return np.array(scores, dtype=np.float64)


class Attempt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a strategy made of one task.

    Attributes:
        final: the rollout whose answer counts.
        others: rollouts that it was made from, in order; empty for a single rollout.
    """

    final: Trajectory
    others: tuple[Trajectory, ...] = ()

    @property
    def trajectories(self) -> tuple[Trajectory, ...]:
        """All rollouts, the final one last."""
        return (*self.others, self.final)


def training_sequences(trajectory: Trajectory) -> list[TrainingSequence]:
    """One sequence for each segment with a step: the exact tokens, and which of them the policy wrote.

    >>> step = Step(prompt_tokens=(1, 2), tokens=(3,), logprobs=(-0.5,), text="c", stop_reason="stop",
    ...     version=0, action="answer", argument="c")
    >>> rollout = Trajectory(question_id="q", kind="lookup", seed=0, end=RolloutEnd.ANSWERED,
    ...     segments=(Segment(opening=(), steps=(step,)),))
    >>> training_sequences(rollout)
    [TrainingSequence(tokens=(1, 2, 3), policy_mask=(False, False, True))]
    >>> reference_logprobs(rollout)
    [-0.5]
    """
    sequences = []
    for segment in trajectory.segments:
        tokens: list[int] = []
        mask: list[bool] = []
        for step in segment.steps:
            tokens += [*step.prompt_tokens, *step.tokens]
            mask += [False] * len(step.prompt_tokens) + [True] * len(step.tokens)
        if any(mask):
            sequences.append(TrainingSequence(tuple(tokens), tuple(mask)))
    return sequences


def reference_logprobs(trajectory: Trajectory) -> list[float]:
    """ln pi_ref(y|x) of each of the `training_sequences`, from what the sampler recorded.

    Raises:
        InputError: the sampler did not tell log-probabilities, or not one for each token.
    """
    sums = []
    for segment in trajectory.segments:
        for step in segment.steps:
            if len(step.logprobs) != len(step.tokens):
                raise InputError(
                    f"a rollout of question {trajectory.question_id!r} by {trajectory.model_name!r} has "
                    f"{len(step.tokens)} tokens and {len(step.logprobs)} log-probabilities in one step: "
                    "train on rollouts of a sampler that tells them"
                )
        if any(step.tokens for step in segment.steps):
            sums.append(float(sum(sum(step.logprobs) for step in segment.steps)))
    return sums
