from typing import Any

import msgspec
import numpy as np
import pytest

from fireside.agents.benchmark.bootstrap import kind_means, paired_difference, total_interval
from fireside.agents.benchmark.evaluation import Evaluation, compare, evaluate, score_attempts
from fireside.agents.environment import Environment
from fireside.agents.question import Nugget, Question
from fireside.agents.strategies import Single
from fireside.agents.test_time.majority_vote import majority_attempt
from fireside.agents.test_time.parallel_thinking import ParallelThinking
from fireside.agents.tools import SearchConfig, SearchTool
from fireside.core.errors import InputError


def test_the_interval_of_a_large_sample_is_that_of_the_normal_approximation() -> None:
    scores = np.random.default_rng(0).random(2000)
    interval = total_interval(scores, ["a"] * 2000, seed=0)
    half = 1.96 * scores.std() / np.sqrt(2000)
    assert interval.mean == scores.mean()
    assert interval.low == pytest.approx(scores.mean() - half, abs=half / 8)
    assert interval.high == pytest.approx(scores.mean() + half, abs=half / 8)


def test_the_total_weighs_every_kind_the_same_whatever_its_number_of_questions() -> None:
    scores, kinds = np.array([1.0] * 9 + [0.0]), ["many"] * 9 + ["few"]
    assert total_interval(scores, kinds, seed=0).mean == 0.5
    means = kind_means(scores, kinds, seed=0)
    assert {kind: (i.mean, i.count) for kind, i in means.items()} == {"few": (0.0, 1), "many": (1.0, 9)}


def test_equal_seeds_give_equal_intervals() -> None:
    scores = np.random.default_rng(1).random(20)
    assert total_interval(scores, ["a"] * 20, seed=3) == total_interval(scores, ["a"] * 20, seed=3)
    assert total_interval(scores, ["a"] * 20, seed=3) != total_interval(scores, ["a"] * 20, seed=4)


def test_pairing_takes_the_difficulty_of_the_questions_out_of_the_difference() -> None:
    hard_or_easy = np.repeat([0.0, 0.9], 20)
    difference = paired_difference(hard_or_easy + 0.1, hard_or_easy, ["a"] * 40, seed=0)
    assert (difference.low, difference.high) == (pytest.approx(0.1), pytest.approx(0.1))


def test_nothing_to_average_is_an_error() -> None:
    with pytest.raises(InputError):
        total_interval(np.array([]), [], seed=0)
    with pytest.raises(InputError, match="same questions"):
        paired_difference(np.ones(2), np.ones(3), ["a"] * 2, seed=0)


@pytest.fixture
def environment(retriever: Any) -> Environment:
    return Environment(SearchTool(retriever, SearchConfig(k=1)))


def test_a_perfect_agent_scores_one_and_the_diagnostics_say_why(
    environment: Environment, scripted: Any, good_script: Any, questions: list[Question], judge: Any
) -> None:
    evaluation, attempts = evaluate(Single(environment), scripted(good_script), questions, judge, seed=0)
    assert (evaluation.total.mean, evaluation.total.low, evaluation.total.high) == (1.0, 1.0, 1.0)
    assert evaluation.diagnostics.recall == evaluation.diagnostics.score_given_retrieval == 1.0
    assert evaluation.diagnostics.score_without_retrieval is None
    assert evaluation.diagnostics.searches_per_rollout == 1.0
    assert evaluation.diagnostics.ends == {"answered": 3}
    rollouts = [attempt.final for attempt in attempts]
    assert evaluation.diagnostics.policy_tokens == np.mean([r.num_policy_tokens for r in rollouts])
    assert [r.score for r in rollouts] == [1.0, 1.0, 1.0]


def test_each_way_to_fail_is_told_apart(
    environment: Environment, scripted: Any, good_script: Any, questions: list[Question], judge: Any
) -> None:
    def script(turns: list[tuple[str, str]], seed: int) -> str:
        asked = [text for _, text in turns if text.startswith("Question:")][-1]
        if "Chad" in asked:
            return good_script(turns, seed)
        if "France" in asked:
            return "I do not know."
        return "Answer: Lima" if turns[-1][1].startswith("[") else "Search: capital of Chad"

    evaluation, _ = evaluate(Single(environment), scripted(script), questions, judge, seed=0)
    assert [r.score for r in evaluation.results] == [1.0, 0.0, 1.0]
    assert [r.end for r in evaluation.results] == ["answered", "no_answer", "answered"]
    assert [r.recall for r in evaluation.results] == [1.0, 0.0, 0.0]
    d = evaluation.diagnostics
    assert d.recall == pytest.approx(1 / 3)
    assert (d.score_given_retrieval, d.score_without_retrieval) == (1.0, 0.5)
    assert d.invalid_rate == d.no_answer_rate == pytest.approx(1 / 3)
    assert d.searches_per_rollout == pytest.approx(2 / 3)


def test_an_evaluation_is_ready_for_json(
    environment: Environment, scripted: Any, good_script: Any, questions: list[Question], judge: Any
) -> None:
    evaluation, _ = evaluate(Single(environment), scripted(good_script), questions, judge, seed=0)
    assert (evaluation.judge, evaluation.model_name) == ("plain", "scripted")
    assert msgspec.json.decode(msgspec.json.encode(evaluation), type=Evaluation) == evaluation


def test_parallel_thinking_and_its_majority_are_scored_from_the_same_rollouts(
    environment: Environment, scripted: Any, coin_script: Any, questions: list[Question], judge: Any
) -> None:
    strategy = ParallelThinking(environment, 5)
    thought, attempts = evaluate(strategy, scripted(coin_script), questions, judge, seed=1)
    voted, majority = score_attempts(
        [majority_attempt(a) for a in attempts], questions, judge, system="majority", seconds=0.0, seed=1
    )
    assert [r.num_rollouts for r in thought.results] == [6, 6, 6]
    for attempt, result in zip(majority, voted.results, strict=True):
        right = sum(rollout.score == 1.0 for rollout in attempt.trajectories)
        assert result.score == float(right >= 3)


def test_two_systems_are_compared_question_by_question(
    environment: Environment,
    scripted: Any,
    good_script: Any,
    coin_script: Any,
    questions: list[Question],
    judge: Any,
) -> None:
    good, _ = evaluate(Single(environment), scripted(good_script), questions, judge, seed=0)
    poor, _ = evaluate(Single(environment), scripted(lambda t, s: "Answer: x"), questions, judge, seed=0)
    assert compare(good, poor).mean == 1.0
    assert compare(poor, good).high == -1.0
    other, _ = evaluate(Single(environment), scripted(good_script), questions[::-1], judge, seed=0)
    with pytest.raises(InputError, match="different questions"):
        compare(good, other)


def test_questions_without_named_documents_have_no_recall(
    environment: Environment, scripted: Any, good_script: Any, judge: Any
) -> None:
    question = Question(
        question_id="q",
        text="What is the capital of Chad?",
        kind="lookup",
        nuggets=(Nugget("N'Djamena"),),
        document_ids=(),
        split="heldout",
    )
    evaluation, _ = evaluate(Single(environment), scripted(good_script), [question], judge, seed=0)
    assert evaluation.diagnostics.recall is None
    assert evaluation.results[0].recall is None
