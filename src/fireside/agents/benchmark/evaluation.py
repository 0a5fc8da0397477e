"""Evaluation: a strategy's answers to questions, scored, with intervals and diagnostics, ready for JSON.

The score of a question is its nugget completion. The total is the unweighted mean over the kinds of question.
Knows nothing about how answers come about, beyond what the trajectories record.
"""

import time
from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from fireside.agents.benchmark.bootstrap import Interval, kind_means, paired_difference, total_interval
from fireside.agents.question import Question
from fireside.agents.rewards import Judge, judged
from fireside.agents.strategies import Strategy, solve
from fireside.agents.types import Attempt, Task
from fireside.core.errors import InputError
from fireside.core.protocols import TokenSampler

__all__ = ["Diagnostics", "Evaluation", "QuestionResult", "compare", "evaluate", "score_attempts"]

Float64Array = npt.NDArray[np.float64]


class QuestionResult(msgspec.Struct, frozen=True, kw_only=True):
    """One question.

    Attributes:
        question_id: the question.
        kind: its kind.
        score: nugget completion, 0 to 1.
        labels: the judge's label of each nugget.
        answer: the answer that counts.
        end: how the rollout that gave it ended.
        recall: share of the supporting documents that any rollout found; `None` where none are named.
        num_searches: by all rollouts.
        num_invalid: turns without an action, by all rollouts.
        num_rollouts: how many there were.
        policy_tokens: written by all rollouts.
        context_tokens: read by all rollouts, each token once.
    """

    question_id: str
    kind: str
    score: float
    labels: tuple[str, ...]
    answer: str
    end: str
    recall: float | None
    num_searches: int
    num_invalid: int
    num_rollouts: int
    policy_tokens: int
    context_tokens: int


class Diagnostics(msgspec.Struct, frozen=True, kw_only=True):
    """Where the score comes from and what it costs; means over questions unless said otherwise.

    Attributes:
        recall: share of the supporting documents found, over questions that name some.
        score_given_retrieval: over questions with every supporting document found; `None` if there are none.
        score_without_retrieval: over questions with none of them found; `None` if there are none.
        searches_per_rollout: over rollouts.
        invalid_rate: share of questions with a turn that held no action.
        no_answer_rate: share of questions without an answer.
        ends: questions by how their final rollout ended.
        policy_tokens: written for a question.
        context_tokens: read for a question.
        seconds: wall time for a question, many running at once.
    """

    recall: float | None
    score_given_retrieval: float | None
    score_without_retrieval: float | None
    searches_per_rollout: float
    invalid_rate: float
    no_answer_rate: float
    ends: dict[str, int]
    policy_tokens: float
    context_tokens: float
    seconds: float


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """How one system did on a set of questions.

    Attributes:
        system: the strategy, or whatever is compared.
        model_name: the sampler.
        judge: who scored; judges differ, so it is named.
        seed: of rollouts and resamples.
        total: unweighted mean over kinds.
        by_kind: mean score of each kind.
        diagnostics: the rest.
        results: one for each question, in order.
    """

    system: str
    model_name: str
    judge: str
    seed: int
    total: Interval
    by_kind: dict[str, Interval]
    diagnostics: Diagnostics
    results: tuple[QuestionResult, ...]

    @property
    def scores_Q(self) -> Float64Array:
        """float64[Q], in the order of the questions."""
        return np.array([result.score for result in self.results])


def evaluate(
    strategy: Strategy,
    sampler: TokenSampler,
    questions: Sequence[Question],
    judge: Judge,
    *,
    seed: int,
    max_requests: int = 32,
) -> tuple[Evaluation, list[Attempt]]:
    """Solve every question and score the answers.

    Returns:
        The evaluation, and the attempts with their rollouts judged, for traces and further strategies.

    Raises:
        InputError: there are no questions.
        FiresideError: every rollout failed on its tool or its sampler.
    """
    tasks = [Task(question_id=q.question_id, text=q.text, kind=q.kind) for q in questions]
    start = time.perf_counter()
    attempts = solve(strategy, sampler, tasks, seed=seed, max_requests=max_requests)
    seconds = time.perf_counter() - start
    return score_attempts(attempts, questions, judge, system=strategy.name, seconds=seconds, seed=seed)


def score_attempts(
    attempts: Sequence[Attempt],
    questions: Sequence[Question],
    judge: Judge,
    *,
    system: str,
    seconds: float,
    seed: int,
) -> tuple[Evaluation, list[Attempt]]:
    """Score attempts that were made before.

    Args:
        attempts: one for each question, in order.
        questions: with the nuggets.
        judge: scores the answers.
        system: a name for reports.
        seconds: wall time of all attempts together.
        seed: of the resamples.
    """
    if not questions or [a.final.question_id for a in attempts] != [q.question_id for q in questions]:
        raise InputError(
            f"{len(attempts)} attempts for {len(questions)} questions: give one for each, in order"
        )
    scored = [_judge_attempt(a, q, judge) for a, q in zip(attempts, questions, strict=True)]
    results = tuple(_result(a, q) for a, q in zip(scored, questions, strict=True))
    scores_Q = np.array([result.score for result in results])
    kinds_Q = [result.kind for result in results]
    evaluation = Evaluation(
        system=system,
        model_name=scored[0].final.model_name,
        judge=judge.name,
        seed=seed,
        total=total_interval(scores_Q, kinds_Q, seed=seed),
        by_kind=kind_means(scores_Q, kinds_Q, seed=seed),
        diagnostics=_diagnostics(results, seconds),
        results=results,
    )
    return evaluation, scored


def compare(evaluation: Evaluation, baseline: Evaluation, *, seed: int = 0) -> Interval:
    """How much better a system is than another on the same questions: paired bootstrap of the total.

    Raises:
        InputError: the questions differ.
    """
    if [r.question_id for r in evaluation.results] != [r.question_id for r in baseline.results]:
        raise InputError(f"{evaluation.system!r} and {baseline.system!r} were asked different questions")
    kinds_Q = [result.kind for result in evaluation.results]
    return paired_difference(evaluation.scores_Q, baseline.scores_Q, kinds_Q, seed=seed)


def _judge_attempt(attempt: Attempt, question: Question, judge: Judge) -> Attempt:
    return Attempt(
        final=judged(attempt.final, question, judge),
        others=tuple(judged(rollout, question, judge) for rollout in attempt.others),
    )


def _result(attempt: Attempt, question: Question) -> QuestionResult:
    final, rollouts = attempt.final, attempt.trajectories
    assert final.score is not None
    wanted = set(question.document_ids)
    found = set().union(*(rollout.retrieved_ids for rollout in rollouts))
    return QuestionResult(
        question_id=question.question_id,
        kind=question.kind,
        score=final.score,
        labels=final.labels,
        answer=final.answer,
        end=final.end.value,
        recall=len(wanted & found) / len(wanted) if wanted else None,
        num_searches=sum(len(rollout.queries) for rollout in rollouts),
        num_invalid=sum(step.action == "invalid" for rollout in rollouts for step in rollout.steps),
        num_rollouts=len(rollouts),
        policy_tokens=sum(rollout.num_policy_tokens for rollout in rollouts),
        context_tokens=sum(rollout.num_context_tokens for rollout in rollouts),
    )


def _diagnostics(results: Sequence[QuestionResult], seconds: float) -> Diagnostics:
    count = len(results)
    return Diagnostics(
        recall=_mean([r.recall for r in results if r.recall is not None]),
        score_given_retrieval=_mean([r.score for r in results if r.recall == 1.0]),
        score_without_retrieval=_mean([r.score for r in results if r.recall == 0.0]),
        searches_per_rollout=sum(r.num_searches for r in results) / sum(r.num_rollouts for r in results),
        invalid_rate=sum(r.num_invalid > 0 for r in results) / count,
        no_answer_rate=sum(not r.answer for r in results) / count,
        ends=dict(sorted(Counter(r.end for r in results).items())),
        policy_tokens=sum(r.policy_tokens for r in results) / count,
        context_tokens=sum(r.context_tokens for r in results) / count,
        seconds=seconds / count,
    )


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
