from collections.abc import Callable, Sequence
from typing import Any

import pytest

from fireside.agents.environment import Environment, EnvironmentConfig
from fireside.agents.plugins.budget import StepBudget
from fireside.agents.plugins.compression import Compression
from fireside.agents.prompts import Prompt, solving_opening
from fireside.agents.strategies import in_step
from fireside.agents.tools import SearchConfig, SearchTool
from fireside.agents.types import (
    RolloutEnd,
    Task,
    Trajectory,
    reference_logprobs,
    training_sequences,
)
from fireside.core.errors import ConfigError
from fireside.core.protocols import Passage, Sample, SampleRequest

TASK = Task(question_id="q", text="What is the capital of Chad?", kind="lookup")


def run(environment: Environment, sampler: Any, task: Task = TASK, seed: int = 0) -> Trajectory:
    """One rollout with nothing between the environment and the sampler."""
    rollout = environment.rollout(task, solving_opening(Prompt(), task.text), sampler, seed)
    request = next(rollout)
    while True:
        try:
            request = rollout.send(sampler.sample([request])[0])
        except StopIteration as stop:
            return stop.value


def says(*turns: str) -> Callable[[list[tuple[str, str]], int], str]:
    """A script that says one thing after the other, counting from the last question."""

    def script(dialogue: list[tuple[str, str]], seed: int) -> str:
        asked = max(i for i, (_, text) in enumerate(dialogue) if text.startswith("Question:"))
        return turns[sum(role == "assistant" for role, _ in dialogue[asked:])]

    return script


def test_a_rollout_searches_reads_and_answers(scripted: Any, retriever: Any, good_script: Any) -> None:
    two = SearchTool(retriever, SearchConfig(k=2))
    rollout = run(Environment(two), scripted(good_script, version=3))
    assert rollout.end is RolloutEnd.ANSWERED
    assert (rollout.answer, rollout.citations) == ("N'Djamena", ("td",))
    assert rollout.queries == ["capital Chad"]
    assert rollout.retrieved_ids == {"td", "fr"}
    assert [step.version for step in rollout.steps] == [3, 3]


def test_the_record_holds_the_very_tokens_that_were_seen_and_drawn(
    scripted: Any, retriever: Any, good_script: Any
) -> None:
    sampler = scripted(good_script)
    rollout = run(Environment(SearchTool(retriever)), sampler)
    requests = [batch[0] for batch in sampler.batches]
    samples = [sampler._answer(request) for request in requests]
    (sequence,) = training_sequences(rollout)
    assert sequence.tokens == requests[-1].prompt_tokens + samples[-1].tokens
    assert requests[1].prompt_tokens[: len(requests[0].prompt_tokens)] == requests[0].prompt_tokens
    drawn = [t for t, policy in zip(sequence.tokens, sequence.policy_mask, strict=True) if policy]
    assert tuple(drawn) == samples[0].tokens + samples[1].tokens
    assert reference_logprobs(rollout) == [pytest.approx(sum(samples[0].logprobs) + sum(samples[1].logprobs))]


def test_a_turn_cut_at_a_stop_string_is_closed_by_tokens_that_are_not_the_policys(
    scripted: Any, retriever: Any, dialogue: Any
) -> None:
    sampler = scripted(says("Search: Chad\nResults: I make them up", "Answer: x"))
    rollout = run(Environment(SearchTool(retriever)), sampler)
    first, second = rollout.steps
    assert bytes(first.tokens) == b"Search: Chad\n"
    assert second.prompt_tokens[: len(sampler.end_of_turn())] == sampler.end_of_turn()
    seen = dialogue(sampler.batches[1][0].prompt_tokens)
    assert ("assistant", "Search: Chad\n") in seen
    assert "make them up" not in str(seen)


def test_a_turn_that_the_model_closed_itself_is_not_closed_twice(scripted: Any, retriever: Any) -> None:
    sampler = scripted(says("Search: Chad", "Answer: x"))
    rollout = run(Environment(SearchTool(retriever)), sampler)
    assert next(rollout.steps).tokens[-1:] == sampler.end_of_turn()
    assert list(rollout.steps)[1].prompt_tokens[:1] != sampler.end_of_turn()


class Recorded:
    """Says what a recorded rollout said, and insists on being asked the same."""

    def __init__(self, rollout: Trajectory, live: Any) -> None:
        self.steps = [step for segment in rollout.segments for step in segment.steps]
        self.context_length, self.model_name = live.context_length, live.model_name
        self.chat_tokens, self.end_of_turn = live.chat_tokens, live.end_of_turn

    def sample(self, requests: Sequence[SampleRequest]) -> list[Sample]:
        (request,) = requests
        step = self.steps.pop(0)
        assert request.prompt_tokens[-len(step.prompt_tokens) :] == step.prompt_tokens
        return [Sample(step.tokens, step.logprobs, step.text, step.stop_reason, step.version)]


def test_a_recorded_rollout_replays_to_an_equal_record(
    scripted: Any, retriever: Any, coin_script: Any
) -> None:
    sampler = scripted(coin_script)
    environment = Environment(SearchTool(retriever))
    for seed in range(4):
        rollout = run(environment, sampler, seed=seed)
        assert run(environment, Recorded(rollout, sampler), seed=seed) == rollout


def test_without_an_action_the_model_is_told_once_and_then_stopped(scripted: Any, retriever: Any) -> None:
    rollout = run(Environment(SearchTool(retriever)), scripted(says("Hello.", "Hello again.", "unheard")))
    assert rollout.end is RolloutEnd.NO_ANSWER
    assert [step.action for step in rollout.steps] == ["invalid", "invalid"]
    assert "Search: keywords" in next(rollout.steps).result
    assert rollout.answer == ""


def test_after_a_reminder_the_rollout_goes_on(scripted: Any, retriever: Any) -> None:
    rollout = run(Environment(SearchTool(retriever)), scripted(says("Hello.", "Search: Chad", "Answer: x")))
    assert rollout.end is RolloutEnd.ANSWERED


def test_the_model_sees_how_many_searches_are_left_and_gets_no_more(scripted: Any, retriever: Any) -> None:
    sampler = scripted(says("Search: a", "Search: b", "Search: c", "Search: d", "unheard"))
    environment = Environment(SearchTool(retriever), plugins=[StepBudget(max_searches=2, max_steps=4)])
    rollout = run(environment, sampler)
    results = [step.result.replace(f"\nQuestion: {TASK.text}", "").split("\n")[-1] for step in rollout.steps]
    last = 'No searches left. Write "Answer:" now.'
    assert results == ["Searches left: 1", last, last, last]
    assert [bool(step.retrieved) for step in rollout.steps] == [True, True, False, False]
    assert rollout.end is RolloutEnd.OUT_OF_STEPS


def test_the_question_stands_again_under_every_result_unless_that_is_turned_off(
    scripted: Any, retriever: Any, good_script: Any
) -> None:
    search, _ = run(Environment(SearchTool(retriever)), scripted(good_script)).steps
    assert search.result.split("\n")[-2:] == ["Searches left: 1", "Question: What is the capital of Chad?"]
    config = EnvironmentConfig(repeat_question=False)
    search, _ = run(Environment(SearchTool(retriever), config), scripted(good_script)).steps
    assert search.result.split("\n")[-1] == "Searches left: 1"


def test_a_budget_without_a_step_for_the_answer_is_refused() -> None:
    with pytest.raises(ConfigError, match="leave a step"):
        StepBudget(max_searches=3, max_steps=3)


def test_a_full_context_ends_the_rollout_with_what_was_done_so_far(
    scripted: Any, word_retriever: Any
) -> None:
    long = word_retriever({"td": ("Chad", "lake " * 500)})
    environment = Environment(SearchTool(long, SearchConfig(passage_chars=2000)))
    sampler = scripted(says("Search: Chad", "unheard"), context_length=2500)
    rollout = run(environment, sampler)
    assert rollout.end is RolloutEnd.CONTEXT_OVERFLOW
    assert "2500" in rollout.error
    assert rollout.queries == ["Chad"]
    assert len(training_sequences(rollout)) == 1


def test_a_turn_is_never_longer_than_the_context_leaves_room_for(scripted: Any, retriever: Any) -> None:
    environment = Environment(SearchTool(retriever))
    opening = len(run(environment, scripted(says("Answer: x"))).segments[0].steps[0].prompt_tokens)
    sampler = scripted(says("Answer: " + "x" * 100), context_length=opening + 20)
    rollout = run(environment, sampler)
    assert sampler.batches[0][0].params.max_tokens == 20
    assert (rollout.answer, next(rollout.steps).stop_reason) == ("x" * 12, "length")


class Broken:
    def search(self, query: str, k: int) -> list[Passage]:
        raise OSError("the index is gone")

    def search_many(self, queries: Sequence[str], k: int) -> list[list[Passage]]:
        raise OSError("the index is gone")

    def __len__(self) -> int:
        return 1


def test_a_broken_tool_is_a_record_that_names_the_error(scripted: Any) -> None:
    rollout = run(Environment(SearchTool(Broken())), scripted(says("Search: Chad")))
    assert rollout.end is RolloutEnd.TOOL_ERROR
    assert rollout.error == "OSError: the index is gone"
    assert rollout.failed
    assert rollout.queries == ["Chad"]


def test_a_broken_sampler_is_a_record_that_names_the_error(scripted: Any, retriever: Any) -> None:
    rollout = Environment(SearchTool(retriever)).rollout(
        TASK, solving_opening(Prompt(), TASK.text), scripted(says("unheard")), 0
    )
    next(rollout)
    with pytest.raises(StopIteration) as stop:
        rollout.throw(ConnectionError("no route"))
    record = stop.value.value
    assert record.end is RolloutEnd.SAMPLER_ERROR
    assert record.error == "ConnectionError: no route"
    assert training_sequences(record) == []


def test_every_turn_is_sampled_as_the_configuration_says(scripted: Any, retriever: Any) -> None:
    wanted: dict[str, Any] = {
        "temperature": 0.5,
        "top_k": 7,
        "top_p": 0.9,
        "min_p": 0.05,
        "repetition_penalty": 1.1,
        "presence_penalty": 0.2,
        "frequency_penalty": 0.3,
    }
    environment = Environment(SearchTool(retriever), EnvironmentConfig(**wanted))
    sampler = scripted(says("Search: a", "Answer: c"))
    run(environment, sampler)
    for batch in sampler.batches:
        assert {name: getattr(batch[0].params, name) for name in wanted} == wanted


def test_every_turn_draws_from_a_stream_of_its_own(scripted: Any, retriever: Any) -> None:
    sampler = scripted(says("Search: a", "Search: b", "Answer: c"))
    environment = Environment(SearchTool(retriever))
    run(environment, sampler, seed=1)
    run(environment, sampler, seed=2)
    seeds = [batch[0].params.seed for batch in sampler.batches]
    assert len(set(seeds)) == 6


def compressing_script(dialogue: list[tuple[str, str]], seed: int) -> str:
    last = dialogue[-1][1]
    if "will be deleted" in last:
        return "Facts: Capital of Chad is N'Djamena [td]\nOpen: none\nTried: Chad"
    if "Your notes so far:" in last:
        return "Answer: N'Djamena [td]" if "N'Djamena [td]" in last else "lost"
    return "Search: Chad"


def test_compression_replaces_the_history_by_the_models_own_summary(scripted: Any, retriever: Any) -> None:
    sampler = scripted(compressing_script)
    environment = Environment(
        SearchTool(retriever),
        plugins=[
            StepBudget(max_searches=3, max_steps=5),
            Compression(max_history_tokens=100, summary_tokens=90),
        ],
    )
    rollout = run(environment, sampler)
    assert rollout.end is RolloutEnd.ANSWERED
    assert rollout.answer == "N'Djamena"
    assert [[step.action for step in segment.steps] for segment in rollout.segments] == [
        ["search", "search", "summary"],
        ["answer"],
    ]
    asked = rollout.segments[1].opening[-1].content
    assert "Question: What is the capital of Chad?\nYour notes so far:\nFacts:" in asked
    assert asked.endswith("Tried: Chad")


def test_each_segment_of_a_compressed_rollout_is_what_the_model_saw_when_it_wrote(
    scripted: Any, retriever: Any, dialogue: Any
) -> None:
    sampler = scripted(compressing_script)
    environment = Environment(
        SearchTool(retriever), plugins=[Compression(max_history_tokens=100, summary_tokens=90)]
    )
    rollout = run(environment, sampler)
    history, going_on = training_sequences(rollout)
    summary_request, answer_request = (batch[0] for batch in sampler.batches[2:])
    assert history.tokens[: len(summary_request.prompt_tokens)] == summary_request.prompt_tokens
    assert going_on.tokens[: len(answer_request.prompt_tokens)] == answer_request.prompt_tokens
    assert "will be deleted" not in str(dialogue(answer_request.prompt_tokens))
    assert len(reference_logprobs(rollout)) == 2
    assert summary_request.params.stop == ()


def test_rollouts_in_step_are_the_same_as_rollouts_alone(
    scripted: Any, retriever: Any, coin_script: Any
) -> None:
    sampler = scripted(coin_script)
    environment = Environment(SearchTool(retriever))
    opening = solving_opening(Prompt(), TASK.text)
    episode = in_step([environment.rollout(TASK, opening, sampler, seed) for seed in range(5)])
    requests = next(episode)
    with pytest.raises(StopIteration) as stop:
        while True:
            requests = episode.send(list(sampler.sample(requests)))
    assert stop.value.value == [run(environment, sampler, seed=seed) for seed in range(5)]


def test_settings_that_cannot_be_sampled_are_refused() -> None:
    with pytest.raises(ConfigError, match="max_tokens is 1"):
        EnvironmentConfig(max_tokens=1)
    with pytest.raises(ConfigError, match="temperature is -1"):
        EnvironmentConfig(temperature=-1)
