from typing import Any

import pytest

from fireside.agents.question import Question
from fireside.agents.rewards import RewardConfig, rewarded
from fireside.agents.types import Retrieved, RolloutEnd, Segment, Step, Trajectory
from fireside.core.errors import ConfigError


def rollout(
    answer: str = "N'Djamena",
    citations: tuple[str, ...] = ("td",),
    found: tuple[str, ...] = ("td", "fr"),
    end: RolloutEnd = RolloutEnd.ANSWERED,
    stumbled: bool = False,
) -> Trajectory:
    def step(action: Any, retrieved: tuple[Retrieved, ...] = ()) -> Step:
        return Step(
            prompt_tokens=(),
            tokens=(),
            logprobs=(),
            text="",
            stop_reason="stop",
            version=0,
            action=action,
            retrieved=retrieved,
        )

    passages = tuple(Retrieved(document_id=name, chunk_id=0, score=1.0) for name in found)
    steps = (*[step("invalid")] * stumbled, step("search", passages), step("answer"))
    return Trajectory(
        question_id="q",
        kind="lookup",
        seed=0,
        segments=(Segment(opening=(), steps=steps),),
        end=end,
        answer=answer,
        citations=citations,
    )


@pytest.fixture
def question(questions: list[Question]) -> Question:
    return questions[0]


def test_every_part_of_the_reward_is_reported_and_the_reward_is_their_weighted_sum(
    question: Question, judge: Any
) -> None:
    done = rewarded(rollout(), question, judge, RewardConfig(nuggets=2.0, form=0.1, citation=0.2))
    assert done.rewards == {"nuggets": 1.0, "form": 1.0, "citation": 1.0, "retrieval": 1.0}
    assert done.reward == pytest.approx(2.3)
    assert (done.score, done.labels) == (1.0, ("support",))


def test_by_default_only_nuggets_count(question: Question, judge: Any) -> None:
    assert rewarded(rollout(), question, judge).reward == 1.0
    assert rewarded(rollout(answer="Paris"), question, judge).reward == 0.0


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"stumbled": True}, "form"),
        ({"end": RolloutEnd.OUT_OF_STEPS}, "form"),
        ({"citations": ()}, "citation"),
        ({"citations": ("td", "us")}, "citation"),
        ({"found": ("fr",), "citations": ("fr",)}, "retrieval"),
        ({"answer": ""}, "nuggets"),
    ],
)
def test_each_part_is_lost_for_its_own_reason_alone(
    question: Question, judge: Any, changes: dict[str, Any], part: str
) -> None:
    rewards = rewarded(rollout(**changes), question, judge).rewards
    assert [name for name, value in rewards.items() if value == 0.0] == [part]


def test_retrieval_is_the_share_of_supporting_documents_found(judge: Any, question: Question) -> None:
    several = Question(
        question_id="q",
        text="Which?",
        kind="exhaustive",
        nuggets=question.nuggets,
        document_ids=("td", "ng", "ne", "fr"),
        split="train",
    )
    assert rewarded(rollout(), several, judge).rewards["retrieval"] == 0.5


def test_a_negative_weight_is_refused() -> None:
    with pytest.raises(ConfigError, match="'form' is -1"):
        RewardConfig(form=-1)
