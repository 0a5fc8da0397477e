from collections.abc import Sequence
from typing import Any

import pytest

from fireside.agents.environment import Environment
from fireside.agents.strategies import Parallel, Single, Strategy, drive, solve
from fireside.agents.test_time.majority_vote import majority_answer, majority_attempt
from fireside.agents.test_time.parallel_thinking import ParallelThinking
from fireside.agents.tools import SearchTool
from fireside.agents.types import RolloutEnd, Task
from fireside.core.errors import EndpointError, FiresideError
from fireside.core.protocols import Sample, SampleRequest


@pytest.fixture
def environment(retriever: Any) -> Environment:
    return Environment(SearchTool(retriever))


@pytest.fixture
def tasks(questions: Any) -> list[Task]:
    return [Task(question_id=q.question_id, text=q.text, kind=q.kind) for q in questions]


def test_strategies_meet_their_protocol(environment: Environment) -> None:
    assert isinstance(Single(environment), Strategy)
    assert isinstance(ParallelThinking(environment, 2), Strategy)


@pytest.mark.parametrize("max_requests", [1, 2, 100])
def test_how_requests_are_batched_changes_no_rollout(
    environment: Environment, tasks: list[Task], scripted: Any, coin_script: Any, max_requests: int
) -> None:
    alone = [solve(Single(environment), scripted(coin_script), [task], seed=7)[0] for task in tasks]
    sampler = scripted(coin_script)
    assert solve(Single(environment), sampler, tasks, seed=7, max_requests=max_requests) == alone
    assert max(len(batch) for batch in sampler.batches) == min(max_requests, len(tasks))


def test_an_episode_is_begun_only_when_there_is_room(
    environment: Environment, tasks: list[Task], scripted: Any, good_script: Any
) -> None:
    begun: list[int] = []

    def episodes() -> Any:
        for i, task in enumerate(tasks):
            begun.append(i)
            yield Parallel(environment, 4).episode(task, sampler, i)

    sampler = scripted(good_script)
    results = drive(sampler, episodes(), max_requests=4)
    next(results)
    assert begun == [0]
    assert [position for position, _ in results] == [1, 2]


def test_rollout_i_of_a_group_does_not_depend_on_the_size_of_the_group(
    environment: Environment, tasks: list[Task], scripted: Any, coin_script: Any
) -> None:
    sampler = scripted(coin_script)
    (_, three), (_, five) = drive(
        sampler, [Parallel(environment, n).episode(tasks[0], sampler, 7) for n in (3, 5)]
    )
    assert five[:3] == three
    assert len({rollout.seed for rollout in five}) == 5


class Flaky:
    """Fails for a whole batch if any request of it is about Peru."""

    def __init__(self, inner: Any, message: str = "cannot") -> None:
        self.inner = inner
        self.model_name, self.context_length = inner.model_name, inner.context_length
        self.chat_tokens, self.end_of_turn = inner.chat_tokens, inner.end_of_turn

    def sample(self, requests: Sequence[SampleRequest]) -> list[Sample]:
        if any(b"Peru?" in bytes(t for t in r.prompt_tokens if t < 256) for r in requests):
            raise EndpointError("no Peru here")
        return self.inner.sample(requests)


def test_a_request_that_fails_does_not_spoil_the_others_of_its_batch(
    environment: Environment, tasks: list[Task], scripted: Any, good_script: Any
) -> None:
    attempts = solve(Single(environment), Flaky(scripted(good_script)), tasks, seed=0)
    assert [a.final.end for a in attempts] == [
        RolloutEnd.ANSWERED,
        RolloutEnd.ANSWERED,
        RolloutEnd.SAMPLER_ERROR,
    ]
    assert attempts[2].final.error == "EndpointError: no Peru here"


def test_a_model_that_never_answers_is_an_error_and_not_a_score_of_zero(
    environment: Environment, tasks: list[Task], scripted: Any, good_script: Any
) -> None:
    with pytest.raises(EndpointError, match=r"all 1 rollouts failed.*no Peru here"):
        solve(Single(environment), Flaky(scripted(good_script)), tasks[2:], seed=0)


def test_a_search_that_never_works_is_an_error_and_not_a_score_of_zero(
    tasks: list[Task], scripted: Any, good_script: Any
) -> None:
    class Gone:
        def search(self, query: str, k: int) -> Any:
            raise OSError("gone")

        def search_many(self, queries: Sequence[str], k: int) -> Any:
            raise OSError("gone")

        def __len__(self) -> int:
            return 1

    with pytest.raises(FiresideError, match="check the index"):
        solve(Single(Environment(SearchTool(Gone()))), scripted(good_script), tasks, seed=0)


def test_a_sampler_that_loses_samples_is_recorded_as_an_error(
    environment: Environment, tasks: list[Task], scripted: Any, good_script: Any
) -> None:
    class Losing(Flaky):
        def sample(self, requests: Sequence[SampleRequest]) -> list[Sample]:
            return self.inner.sample(requests)[:1]

    with pytest.raises(EndpointError, match="1 samples for 3 requests"):
        solve(Single(environment), Losing(scripted(good_script)), tasks, seed=0)


def test_the_aggregator_reads_the_answers_of_the_rollouts_and_may_search(
    environment: Environment, tasks: list[Task], scripted: Any, coin_script: Any, good_script: Any
) -> None:
    aggregated: list[str] = []

    def script(turns: list[tuple[str, str]], seed: int) -> str:
        asked = [text for _, text in turns if text.startswith("Question:")][-1]
        if "Answers found so far:" in asked:
            aggregated.append(asked.split("\n")[1])
            return good_script(turns, seed)
        return coin_script(turns, seed)

    (attempt,) = solve(ParallelThinking(environment, 6), scripted(script), tasks[:1], seed=3)
    answers = [rollout.answer for rollout in attempt.others]
    assert set(answers) == {"N'Djamena", "Atlantis"}
    assert aggregated[0] == "Answers found so far: " + " | ".join(answers)
    assert attempt.final.answer == "N'Djamena"
    assert attempt.final.queries == ["capital Chad"]
    assert len(attempt.trajectories) == 7


def test_where_no_rollout_answers_the_aggregator_starts_from_the_question(
    environment: Environment, tasks: list[Task], scripted: Any
) -> None:
    (attempt,) = solve(ParallelThinking(environment, 2), scripted(lambda turns, seed: "?"), tasks[:1], seed=0)
    asked = attempt.final.segments[0].opening[-1].content
    assert asked.split("\n")[0] == "Question: What is the capital of Chad?"
    assert "Answers found" not in asked


@pytest.mark.parametrize(
    ("answers", "winner"),
    [
        (["Paris", "Lyon", "lyon."], 1),
        (["", "", "Lyon"], 2),
        (["5.2 million", "5 2 million", "5.2 Million"], 0),
        (["a", "b"], 0),
        (["", ""], None),
        ([], None),
    ],
)
def test_the_majority_is_counted_over_words_and_numbers(answers: list[str], winner: int | None) -> None:
    assert majority_answer(answers) == winner


def test_a_majority_attempt_takes_the_answer_of_a_rollout_and_needs_no_aggregator(
    environment: Environment, tasks: list[Task], scripted: Any, coin_script: Any
) -> None:
    (attempt,) = solve(ParallelThinking(environment, 5), scripted(coin_script), tasks[:1], seed=3)
    answers = [rollout.answer for rollout in attempt.others]
    voted = majority_attempt(attempt)
    assert voted.final.answer == max(set(answers), key=answers.count)
    assert sorted(r.seed for r in voted.trajectories) == sorted(r.seed for r in attempt.others)
