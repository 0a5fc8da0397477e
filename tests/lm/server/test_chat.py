"""Chats through OpenAI's own client; what it gets is held against the engine's own samples."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import jsonschema
import openai
import pytest

from fireside.core.protocols import Message, Sample, SampleRequest, SamplingParams
from fireside.lm.engine.engine import Engine
from fireside.lm.server.sampling_fields import seed_of_choice

MakeEngine = Callable[..., Engine]
Serve = Callable[..., AbstractContextManager[str]]
ClientOf = Callable[..., AbstractContextManager[openai.OpenAI]]
ASKED: list[Any] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "a fire?"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a place.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"enum": ["Oslo", "Bergen"]},
                "days": {"type": "integer", "minimum": 0, "maximum": 9},
            },
            "required": ["city", "days"],
            "additionalProperties": False,
        },
    },
}
NOW: Any = {"type": "function", "function": {"name": "now"}}


@pytest.fixture
def client(make_engine: MakeEngine, serve: Serve, client_of: ClientOf) -> Any:
    with serve(make_engine()) as url, client_of(url) as client:
        yield client


def own_sample(engine: Engine, **params: Any) -> Sample:
    prompt = engine.chat_tokens([Message("system", "Be brief."), Message("user", "a fire?")], first=True)
    return engine.sample([SampleRequest(prompt, SamplingParams(**params))])[0]


def streamed(chunks: Any) -> tuple[dict[int, str], dict[int, str | None], list[Any]]:
    """Text and finish reason of each choice, and all chunks."""
    text: dict[int, str] = {}
    reasons: dict[int, str | None] = {}
    kept = []
    for chunk in chunks:
        kept.append(chunk)
        for choice in chunk.choices:
            text[choice.index] = text.get(choice.index, "") + (choice.delta.content or "")
            if choice.finish_reason:
                reasons[choice.index] = choice.finish_reason
    return text, reasons, kept


@pytest.mark.parametrize("seed", [0, 1, -5])
@pytest.mark.parametrize("stop", [None, ["e", "zz"], "i"])
def test_a_streamed_answer_is_the_whole_answer_is_the_engines_sample(
    client: openai.OpenAI, make_engine: MakeEngine, seed: int, stop: Any
) -> None:
    asked: dict[str, Any] = {
        "model": "tiny",
        "messages": ASKED,
        "max_tokens": 40,
        "seed": seed,
        "temperature": 1.2,
        "top_p": 0.9,
        "stop": stop,
    }
    stops = (stop,) if isinstance(stop, str) else tuple(stop or ())
    wanted = own_sample(
        make_engine(), max_tokens=40, seed=seed % 2**64, temperature=1.2, top_p=0.9, stop=stops
    )
    whole = client.chat.completions.create(**asked)
    text, reasons, chunks = streamed(
        client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    )
    assert whole.choices[0].message.content == text[0] == wanted.text
    assert whole.choices[0].finish_reason == reasons[0] == wanted.stop_reason
    assert whole.usage is not None
    assert whole.usage.completion_tokens == len(wanted.tokens)
    assert chunks[-1].usage == whole.usage
    assert chunks[-1].choices == []
    assert len({chunk.id for chunk in chunks}) == 1
    for one in stops:
        assert one not in text[0]


def test_each_of_several_choices_has_a_seed_of_its_own_and_the_prompt_is_read_once(
    make_engine: MakeEngine, serve: Serve, client_of: ClientOf
) -> None:
    engine = make_engine()
    asked: dict[str, Any] = {"model": "tiny", "messages": ASKED, "max_tokens": 9, "seed": 3, "n": 4}
    with serve(engine) as url, client_of(url) as client:
        whole = client.chat.completions.create(**asked)
        computed = engine.num_computed_tokens
        text, _, _ = streamed(client.chat.completions.create(**asked, stream=True))
    wanted = [own_sample(make_engine(), max_tokens=9, seed=seed_of_choice(3, i)).text for i in range(4)]
    assert [choice.message.content for choice in whole.choices] == wanted
    assert [text[i] for i in range(4)] == wanted
    assert len(set(wanted)) == 4
    assert whole.usage is not None
    assert (whole.usage.completion_tokens, computed) == (36, whole.usage.prompt_tokens + 3 + 4 * 8)


def test_without_a_seed_answers_differ(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": "tiny", "messages": ASKED, "max_tokens": 20}
    texts = {client.chat.completions.create(**asked).choices[0].message.content for _ in range(3)}
    assert len(texts) == 3


@pytest.mark.parametrize("stop", [None, ["e"]])
def test_log_probabilities_are_the_engines_and_belong_to_the_text(
    client: openai.OpenAI, make_engine: MakeEngine, stop: Any
) -> None:
    asked: dict[str, Any] = {
        "model": "tiny",
        "messages": ASKED,
        "max_completion_tokens": 40,
        "seed": 8,
        "logprobs": True,
        "top_logprobs": 3,
        "stop": stop,
    }
    wanted = own_sample(make_engine(), max_tokens=40, seed=8, top_logprobs=3, stop=tuple(stop or ()))
    choice = client.chat.completions.create(**asked).choices[0]
    assert choice.logprobs is not None
    told = choice.logprobs.content or []
    joined = bytes(byte for one in told for byte in one.bytes or [])
    assert joined.decode("utf-8", "replace").startswith(choice.message.content or "")
    assert len(told) <= len(wanted.tokens)
    if stop is None:
        assert len(told) == len(wanted.tokens)
    assert [one.logprob for one in told] == pytest.approx(list(wanted.logprobs[: len(told)]), abs=1e-5)
    for one, top in zip(told, wanted.top_logprobs, strict=False):
        assert [other.logprob for other in one.top_logprobs] == pytest.approx([p for _, p in top], abs=1e-5)
    _, _, chunks = streamed(client.chat.completions.create(**asked, stream=True))
    parts = [c.choices[0].logprobs.content for c in chunks if c.choices[0].logprobs is not None]
    flat = [one for part in parts for one in part or []]
    assert [one.token for one in flat] == [one.token for one in told]
    assert [one.logprob for one in flat] == pytest.approx([one.logprob for one in told], abs=1e-5)


def test_biases_and_penalties_reach_the_engine(client: openai.OpenAI, make_engine: MakeEngine) -> None:
    a = make_engine().tokenizer.encode("a")[0]
    forced = client.chat.completions.create(
        model="tiny", messages=ASKED, max_tokens=4, temperature=0, logit_bias={str(a): 100}
    )
    assert forced.choices[0].message.content == "aaaa"
    spread = client.chat.completions.create(
        model="tiny",
        messages=ASKED,
        max_tokens=4,
        temperature=0,
        logit_bias={str(a): 100},
        presence_penalty=500,
        extra_body={"repetition_penalty": 1.1, "top_k": 5, "min_p": 0.1},
    )
    assert (spread.choices[0].message.content or "").count("a") == 1


@pytest.mark.parametrize("seed", range(4))
def test_a_schema_makes_the_answer_valid_json(client: openai.OpenAI, seed: int) -> None:
    schema = {
        "type": "object",
        "properties": {
            "title": {"type": "string", "maxLength": 10},
            "pages": {"type": "integer", "minimum": 1, "maximum": 99},
        },
        "required": ["title", "pages"],
        "additionalProperties": False,
    }
    answer = client.chat.completions.create(
        model="tiny",
        messages=ASKED,
        max_tokens=150,
        seed=seed,
        response_format={"type": "json_schema", "json_schema": {"name": "book", "schema": schema}},
    )
    assert answer.choices[0].finish_reason == "stop"
    jsonschema.validate(json.loads(answer.choices[0].message.content or ""), schema)


def test_a_json_object_begins_as_one(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="tiny",
        messages=ASKED,
        max_tokens=300,
        seed=2,
        temperature=0.5,
        response_format={"type": "json_object"},
    )
    choice = answer.choices[0]
    if choice.finish_reason == "stop":
        assert isinstance(json.loads(choice.message.content or ""), dict)
    assert (choice.message.content or "").startswith("{")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "weather"}}], ids=["required", "named"]
)
def test_calls_that_must_be_made_are_made_with_valid_arguments(
    client: openai.OpenAI, seed: int, choice: Any
) -> None:
    asked: dict[str, Any] = {
        "model": "tiny",
        "messages": ASKED,
        "tools": [NOW, WEATHER],
        "tool_choice": choice,
        "parallel_tool_calls": False,
        "max_tokens": 200,
        "seed": seed,
    }
    answer = client.chat.completions.create(**asked).choices[0]
    assert answer.finish_reason == "tool_calls"
    assert answer.message.content is None
    (call,) = answer.message.tool_calls or []
    assert call.type == "function"
    arguments = json.loads(call.function.arguments)
    if call.function.name == "weather":
        jsonschema.validate(arguments, WEATHER["function"]["parameters"])
    else:
        assert (choice, call.function.name, arguments) == ("required", "now", {})
    _, reasons, chunks = streamed(client.chat.completions.create(**asked, stream=True))
    deltas = [delta for chunk in chunks for delta in chunk.choices[0].delta.tool_calls or []]
    assert [(d.index, d.function.name, d.function.arguments) for d in deltas] == [
        (0, call.function.name, call.function.arguments)
    ]
    assert reasons[0] == "tool_calls"


def test_a_model_may_answer_in_words_although_there_are_tools(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {
        "model": "tiny",
        "messages": ASKED,
        "tools": [WEATHER],
        "max_tokens": 30,
        "seed": 5,
    }
    whole = client.chat.completions.create(**asked).choices[0]
    text, _, _ = streamed(client.chat.completions.create(**asked, stream=True))
    assert whole.message.tool_calls is None
    assert whole.message.content == text[0]
    assert len(whole.message.content or "") > 5


def test_a_call_that_is_cut_is_given_as_text(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {
        "model": "tiny",
        "messages": ASKED,
        "tools": [WEATHER],
        "tool_choice": "required",
        "max_tokens": 12,
        "seed": 5,
    }
    whole = client.chat.completions.create(**asked).choices[0]
    text, reasons, _ = streamed(client.chat.completions.create(**asked, stream=True))
    assert whole.finish_reason == reasons[0] == "length"
    assert whole.message.tool_calls is None
    assert whole.message.content == text[0]
    assert text[0].startswith("<tool_call>")


def test_calls_and_their_results_go_back_into_the_conversation(client: openai.OpenAI) -> None:
    call: Any = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "weather", "arguments": '{"city": "Oslo", "days": 1}'},
    }
    answer = client.chat.completions.create(
        model="tiny",
        messages=[
            *ASKED,
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
        ],
        tools=[WEATHER],
        tool_choice="none",
        max_tokens=5,
    )
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 5


def test_the_models_are_listed_by_name(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["tiny"]
    assert client.models.retrieve("tiny").owned_by == "fireside"
