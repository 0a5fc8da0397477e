import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from fireside.agents.endpoint import EndpointConfig, EndpointSampler, messages_of
from fireside.agents.environment import Environment
from fireside.agents.strategies import Single, solve
from fireside.agents.tools import SearchTool
from fireside.agents.training.oapl import build_batch
from fireside.agents.types import Task, TrajectoryGroup
from fireside.core.errors import ConfigError, EndpointError, InputError
from fireside.core.protocols import Message, SampleRequest, SamplingParams, TokenSampler

Answer = Callable[[dict[str, Any]], tuple[int, Any]]


@contextmanager
def endpoint(answer: Answer) -> Iterator[str]:
    """A server on a free port that speaks JSON."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body["path"], body["authorization"] = self.path, self.headers["Authorization"]
            status, reply = answer(body)
            data = reply.encode() if isinstance(reply, str) else json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def sampler_of(answer: Answer, **settings: Any) -> Iterator[EndpointSampler]:
    with endpoint(answer) as url:
        sampler = EndpointSampler(
            EndpointConfig(base_url=url, model="small", **settings), api_key="not-a-real-key"
        )
        yield sampler
        sampler.close()


def says(text: str, finish_reason: str = "stop") -> tuple[int, Any]:
    return 200, {"choices": [{"message": {"content": text}, "finish_reason": finish_reason}]}


def ask(sampler: EndpointSampler, text: str = "Hi", **params: Any) -> SampleRequest:
    tokens = sampler.chat_tokens([Message("system", "Be brief."), Message("user", text)], first=True)
    return SampleRequest(tokens, SamplingParams(**params))


def test_the_conversation_arrives_as_messages_with_the_sampling_parameters() -> None:
    heard: list[dict[str, Any]] = []

    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        heard.append(body)
        return says("Ho")

    with sampler_of(answer) as sampler:
        assert isinstance(sampler, TokenSampler)
        (sample,) = sampler.sample([ask(sampler, "Hé?", max_tokens=7, temperature=0.5, stop=("\n",), seed=3)])
    assert heard == [
        {
            "model": "small",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hé?"}],
            "max_tokens": 7,
            "temperature": 0.5,
            "top_p": 1.0,
            "stop": ["\n"],
            "seed": 3,
            "path": "/v1/chat/completions",
            "authorization": "Bearer not-a-real-key",
        }
    ]
    assert (sample.text, sample.stop_reason, sample.logprobs) == ("Ho", "stop", ())


def test_what_is_neutral_is_not_sent_and_what_speaks_of_tokens_is_refused() -> None:
    heard: list[dict[str, Any]] = []

    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        heard.append(body)
        return says("Ho")

    extra: dict[str, Any] = {
        "top_k": 5,
        "min_p": 0.1,
        "repetition_penalty": 1.2,
        "presence_penalty": 0.3,
        "frequency_penalty": 0.4,
    }
    with sampler_of(answer) as sampler:
        sampler.sample([ask(sampler)])
        sampler.sample([ask(sampler, **extra)])
        for name, value in (("logit_bias", ((1, 2.0),)), ("grammar", 'start: "a"'), ("top_logprobs", 2)):
            with pytest.raises(InputError, match=name):
                sampler.sample([ask(sampler, **{name: value})])
    plain, full = heard
    assert not plain.keys() & extra.keys()
    assert {name: full[name] for name in extra} == extra


def test_a_stop_string_is_heeded_even_where_the_endpoint_does_not() -> None:
    with sampler_of(lambda body: says("Search: Chad\nResult: none")) as sampler:
        (sample,) = sampler.sample([ask(sampler, stop=("\n",))])
    assert sample.text == "Search: Chad"


def test_an_answer_that_was_cut_has_no_end_of_turn() -> None:
    with sampler_of(lambda body: says("to be cont", "length")) as sampler:
        (sample,) = sampler.sample([ask(sampler)])
        assert sample.stop_reason == "length"
        assert sample.tokens[-1:] != sampler.end_of_turn()


def test_answers_come_in_the_order_of_the_requests() -> None:
    with sampler_of(lambda body: says(body["messages"][-1]["content"] * 2), concurrency=4) as sampler:
        samples = sampler.sample([ask(sampler, str(i)) for i in range(12)])
    assert [sample.text for sample in samples] == [str(i) * 2 for i in range(12)]


def test_a_rollout_runs_over_an_endpoint_and_cannot_be_trained_on(
    retriever: Any, good_script: Any, questions: Any
) -> None:
    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        return says(good_script([(m["role"], m["content"]) for m in body["messages"]], body["seed"]))

    task = Task(question_id="q", text=questions[0].text, kind="lookup")
    with sampler_of(answer) as sampler:
        (attempt,) = solve(Single(Environment(SearchTool(retriever))), sampler, [task], seed=0)
    assert attempt.final.answer == "N'Djamena"
    turns = messages_of(list(attempt.final.steps)[1].prompt_tokens)
    assert turns[-1]["content"].startswith("[td] Chad: Capital: N'Djamena.")
    group = TrajectoryGroup(question_id="q", kind="lookup", trajectories=(attempt.final,))
    with pytest.raises(InputError):
        build_batch([group], 1.0)


def test_a_busy_endpoint_is_asked_again() -> None:
    calls: list[int] = []

    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        calls.append(1)
        return (503, "busy") if len(calls) == 1 else says("Ho")

    with sampler_of(answer, retries=1) as sampler:
        assert sampler.sample([ask(sampler)])[0].text == "Ho"


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ((401, "who are you"), "answered 401: who are you"),
        ((503, "busy"), "answered 503"),
        ((200, "<html>"), "not JSON"),
        ((200, {"choices": []}), "without choices"),
        ((200, []), "without choices"),
    ],
)
def test_what_an_endpoint_answers_wrongly_is_said(reply: tuple[int, Any], message: str) -> None:
    with sampler_of(lambda body: reply, retries=0) as sampler, pytest.raises(EndpointError, match=message):
        sampler.sample([ask(sampler)])


def test_an_endpoint_that_is_not_there_is_named() -> None:
    with endpoint(lambda body: says("")) as url:
        pass
    sampler = EndpointSampler(EndpointConfig(base_url=url, model="small"))
    with pytest.raises(EndpointError, match=r"127\.0\.0\.1.*cannot be reached"):
        sampler.sample([ask(sampler)])
    sampler.close()


def test_an_address_that_is_no_url_is_refused() -> None:
    with pytest.raises(ConfigError, match="begins with http"):
        EndpointConfig(base_url="localhost:8000", model="small")
