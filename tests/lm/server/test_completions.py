"""Continuations of texts through OpenAI's own client."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import openai
import pytest

from fireside.core.protocols import SampleRequest, SamplingParams
from fireside.lm.engine.engine import Engine

MakeEngine = Callable[..., Engine]
Serve = Callable[..., AbstractContextManager[str]]
ClientOf = Callable[..., AbstractContextManager[openai.OpenAI]]


@pytest.fixture
def client(make_engine: MakeEngine, serve: Serve, client_of: ClientOf) -> Any:
    with serve(make_engine()) as url, client_of(url) as client:
        yield client


def own_text(engine: Engine, prompt: str, **params: Any) -> str:
    tokens = tuple(engine.tokenizer.encode(prompt))
    return engine.sample([SampleRequest(tokens, SamplingParams(**params))])[0].text


def test_texts_and_tokens_are_continued_as_the_engine_does(
    client: openai.OpenAI, make_engine: MakeEngine
) -> None:
    engine = make_engine()
    prompts = ["a fire", "by the sea"]
    wanted = [own_text(make_engine(), prompt, max_tokens=16, seed=4) for prompt in prompts]
    tokens = [engine.tokenizer.encode(prompt) for prompt in prompts]
    for prompt, texts in (
        (prompts[0], wanted[:1]),
        (prompts, wanted),
        (tokens[0], wanted[:1]),
        (tokens, wanted),
    ):
        answer = client.completions.create(model="tiny", prompt=prompt, seed=4)  # type: ignore[call-overload]
        assert [choice.text for choice in answer.choices] == texts
    streamed = ""
    for chunk in client.completions.create(model="tiny", prompt=prompts[0], seed=4, stream=True):
        streamed += chunk.choices[0].text
    assert streamed == wanted[0]


def test_several_samples_of_several_prompts_come_in_order(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="tiny", prompt=["a", "b"], n=2, seed=1, max_tokens=8)
    alone = client.completions.create(model="tiny", prompt="b", n=2, seed=1, max_tokens=8)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert [choice.text for choice in answer.choices[2:]] == [choice.text for choice in alone.choices]
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (2, 32)


def test_log_probabilities_name_tokens_and_their_places(
    client: openai.OpenAI, make_engine: MakeEngine
) -> None:
    engine = make_engine()
    tokens = tuple(engine.tokenizer.encode("a fire"))
    wanted = engine.sample([SampleRequest(tokens, SamplingParams(max_tokens=12, seed=6, top_logprobs=2))])[0]
    answer = client.completions.create(model="tiny", prompt="a fire", seed=6, max_tokens=12, logprobs=2)
    told = answer.choices[0].logprobs
    assert told is not None
    assert told.token_logprobs == pytest.approx(list(wanted.logprobs), abs=1e-5)
    assert [sorted(top.values(), reverse=True) for top in told.top_logprobs or []] == [
        pytest.approx([logprob for _, logprob in top], abs=1e-5) for top in wanted.top_logprobs
    ]
    text = answer.choices[0].text
    told_tokens = told.tokens or []
    checked = 0
    for before, token, start in zip(["", *told_tokens], told_tokens, told.text_offset or [], strict=False):
        # Bytes that are no character become one only when the next token shows that they stay alone.
        if not (before + token).count("bytes:"):
            assert text[start:].startswith(token)
            checked += 1
    assert checked > 3


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"prompt": []}, "not empty"),
        ({"prompt": ["a", 3]}, "prompt must be"),
        ({"prompt": ""}, "prompt is empty"),
        ({"prompt": [5000]}, "token ids from 5000"),
        ({"echo": True}, "echo is not supported"),
        ({"best_of": 3}, "best_of is not supported"),
        ({"suffix": "end"}, "suffix is not supported"),
        ({"logprobs": 99}, "logprobs must be 0 to 20"),
    ],
)
def test_what_cannot_be_continued_is_refused(
    client: openai.OpenAI, changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=complaint):
        client.completions.create(**{"model": "tiny", "prompt": "a", **changes})
