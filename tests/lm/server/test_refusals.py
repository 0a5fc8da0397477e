"""Requests that must be refused: in OpenAI's form, by name, and with the server alive afterwards."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import httpx
import openai
import pytest

from fireside.core.errors import ConfigError, InputError
from fireside.lm.engine.engine import Engine
from fireside.lm.engine.kv_cache import cache_bytes
from fireside.lm.server.http_server import HttpServer
from fireside.lm.server.server_config import ServerConfig

MakeEngine = Callable[..., Engine]
Serve = Callable[..., AbstractContextManager[str]]
ClientOf = Callable[..., AbstractContextManager[openai.OpenAI]]
GOOD: dict[str, Any] = {
    "model": "tiny",
    "messages": [{"role": "user", "content": "a fire"}],
    "max_tokens": 3,
}


@pytest.fixture
def url(make_engine: MakeEngine, serve: Serve) -> Any:
    with serve(make_engine(context_length=128), max_body_bytes=20_000, max_tokens=100) as url:
        yield url


def error_of(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"message", "type", "param", "code"}
    return dict(body["error"])


def tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


@pytest.mark.parametrize(
    ("changes", "status", "complaint", "param"),
    [
        ({"model": "gpt-9"}, 404, "no model 'gpt-9' here: ask for 'tiny'", "model"),
        ({"model": None}, 400, "Expected `str`, got `null`", "model"),
        ({"messages": []}, 400, "messages is empty", "messages"),
        ({"messages": "hello"}, 400, "Expected `array`, got `str`", "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, 400, "wizard", "messages[0].role"),
        ({"messages": [{"role": "user"}]}, 400, "message 0 .user. has no content", "messages[0]"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            400,
            "Invalid enum value 'image_url'|unknown field",
            None,
        ),
        ({"messages": [{"role": "user", "content": "fire " * 200}]}, 400, "context 128: shorten", None),
        ({"max_tokens": 0}, 400, "max_tokens is 0: this server writes from 1 to 100", "max_tokens"),
        ({"max_tokens": -3}, 400, "max_tokens is -3", "max_tokens"),
        ({"max_tokens": 10**12}, 400, "from 1 to 100 tokens", "max_tokens"),
        ({"max_tokens": 10**30}, 400, "", None),
        ({"max_tokens": "ten"}, 400, "Expected `int", "max_tokens"),
        ({"temperature": -1}, 400, "temperature must be 0", None),
        ({"temperature": "hot"}, 400, "Expected `float", "temperature"),
        ({"top_p": 0}, 400, "top_p must be above 0", None),
        ({"top_k": 0}, 400, "top_k must be at least 1", None),
        ({"n": 0}, 400, "n must be at least 1", "n"),
        ({"n": 17}, 400, "17 answers are wanted, this server gives at most 16", "n"),
        ({"n": -1}, 400, "n must be at least 1", "n"),
        ({"stop": ["x"] * 17}, 400, "at most 16", "stop"),
        ({"stop": ""}, 400, "stop string must not be empty", None),
        ({"stop": 7}, 400, "Expected", "stop"),
        ({"logit_bias": {"5": 101}}, 400, "give -100 to 100", "logit_bias"),
        ({"logit_bias": {"99999": 1}}, 400, "the model has tokens from 0 to 2", None),
        ({"logit_bias": {"a": 1}}, 400, "Expected `int`", None),
        ({"top_logprobs": 3}, 400, "needs 'logprobs': true", "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, 400, "must be 0 to 20", "top_logprobs"),
        ({"functions": []}, 400, "unknown field `functions`", None),
        ({"response_format": {"type": "xml"}}, 400, "xml", "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, 400, "give the schema", "response_format"),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "schema": {"type": "strange"}},
                }
            },
            400,
            "grammar is not valid.*strange",
            None,
        ),
        ({"tool_choice": "required"}, 400, "there are no tools", "tool_choice"),
        ({"tools": [tool("no spaces")]}, 400, "'no spaces' must be", "tools"),
        ({"tools": [tool("f"), tool("f")]}, 400, "occur once", "tools"),
        (
            {"tools": [tool("f")], "tool_choice": tool("g")},
            400,
            "names 'g', which is not in tools",
            None,
        ),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_request_that_makes_no_sense_is_refused_by_name(
    url: str, changes: dict[str, Any], status: int, complaint: str, param: str | None, stream: bool
) -> None:
    response = httpx.post(f"{url}/v1/chat/completions", json={**GOOD, "stream": stream, **changes})
    error = error_of(response, status)
    assert re.search(complaint, error["message"])
    if param is not None:
        assert error["param"] == param
    assert "\n" not in error["message"]
    assert httpx.post(f"{url}/v1/chat/completions", json=GOOD).status_code == 200


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1", b"null", b"3", b'"text"', b"\xff\xfe", b"[" * 5000, b'{"model": "tiny"}']
)
def test_a_body_that_is_no_request_is_refused(url: str, body: bytes) -> None:
    response = httpx.post(
        f"{url}/v1/chat/completions", content=body, headers={"Content-Type": "application/json"}
    )
    assert error_of(response, 400)["type"] == "invalid_request_error"


def test_forms_of_other_pages_and_bodies_without_a_type_are_refused(url: str) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        response = httpx.post(f"{url}/v1/chat/completions", content=b"{}", headers={"Content-Type": kind})
        assert "Content-Type: application/json" in error_of(response, 415)["message"]


@pytest.mark.parametrize("size", [20_100, 500_000, 3_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused(url: str, size: int, chunked: bool) -> None:
    body = b" " * size
    content = (body[i : i + 5000] for i in range(0, size, 5000)) if chunked else body
    try:
        response = httpx.post(
            f"{url}/v1/chat/completions", content=content, headers={"Content-Type": "application/json"}
        )
    except httpx.TransportError:
        assert size > 16 * 20_000  # far too large: the connection is closed
    else:
        assert "larger than 20000 bytes" in error_of(response, 413)["message"]
    assert httpx.get(f"{url}/health").json() == {"status": "ok"}


def test_unknown_paths_and_methods_are_refused_in_the_same_form(url: str) -> None:
    assert "GET /v2/models is not served" in error_of(httpx.get(f"{url}/v2/models"), 404)["message"]
    response = httpx.get(f"{url}/v1/chat/completions")
    assert "GET /v1/chat/completions" in error_of(response, 405)["message"]
    assert "POST" in response.headers["allow"]
    assert error_of(httpx.get(f"{url}/v1/models/other"), 404)["code"] == "model_not_found"


def test_a_request_larger_than_all_memory_is_refused(make_engine: MakeEngine, serve: Serve) -> None:
    size = cache_bytes(make_engine()._model_config, 64)
    with serve(make_engine(kv_cache_bytes=size)) as url:
        response = httpx.post(f"{url}/v1/chat/completions", json={**GOOD, "max_tokens": 500})
        assert "raise kv_cache_bytes" in error_of(response, 400)["message"]
        assert httpx.post(f"{url}/v1/chat/completions", json=GOOD).status_code == 200


def test_a_key_is_asked_for_everywhere_but_where_there_is_nothing_to_hide(
    make_engine: MakeEngine, serve: Serve, client_of: ClientOf
) -> None:
    with serve(make_engine(), api_key="correct horse") as url:
        for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic correct horse"}):
            for path in ("/v1/models", "/metrics", "/v1/chat/completions", "/nowhere"):
                response = httpx.get(f"{url}{path}", headers=wrong)
                assert error_of(response, 401)["code"] == "invalid_api_key"
                assert response.headers["www-authenticate"] == "Bearer"
                assert "correct horse" not in response.text
        for path in ("/health", "/", "/chat.js", "/chat.css"):
            assert httpx.get(f"{url}{path}").status_code == 200
        with client_of(url, "wrong") as client, pytest.raises(openai.AuthenticationError):
            client.models.list()
        with client_of(url, "correct horse") as client:
            assert client.chat.completions.create(**GOOD).usage
        # Behind a key other names are welcome.
        good = {"Authorization": "Bearer correct horse", "Host": "example.org"}
        assert httpx.get(f"{url}/v1/models", headers=good).status_code == 200


def test_without_a_key_the_names_of_other_machines_are_refused(url: str) -> None:
    for host in ("example.org", "10.0.0.7:80", ""):
        error_of(httpx.get(f"{url}/v1/models", headers={"Host": host}), 403)
    assert httpx.get(f"{url}/v1/models", headers={"Host": "localhost:99"}).status_code == 200


def test_an_address_that_others_reach_needs_a_key(make_engine: MakeEngine) -> None:
    with pytest.raises(ConfigError, match=r"0\.0\.0\.0 can be reached from other machines"):
        HttpServer(make_engine(), ServerConfig(), host="0.0.0.0")


def test_a_port_that_is_taken_is_named(make_engine: MakeEngine, serve: Serve) -> None:
    with serve(make_engine()) as url, pytest.raises(InputError, match=r"cannot be used .*--port"):
        HttpServer(make_engine(), ServerConfig(), port=int(url.rsplit(":", 1)[1]))


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"max_tokens": 0}, "max_tokens must be more than 0"),
        ({"max_waiting": -1}, "max_waiting must be at least 0"),
        ({"api_key": ""}, "0 characters"),
        ({"api_key": "short"}, "5 characters"),
        ({"api_key": "nicht überall"}, "printable ASCII"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        ServerConfig(**settings)


def test_a_defect_of_ours_is_a_plain_500_and_the_server_goes_on(
    make_engine: MakeEngine, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine()
    with serve(engine) as url:
        with monkeypatch.context() as patch:
            patch.setattr(engine, "chat_tokens", lambda *given, **named: {}["secret of ours"])
            error = error_of(httpx.post(f"{url}/v1/chat/completions", json=GOOD), 500)
            assert (error["type"], "secret" in error["message"]) == ("server_error", False)
        run = engine._runner.run
        with monkeypatch.context() as patch:
            patch.setattr(engine._runner, "run", lambda chunks: run([])[99])
            error = error_of(httpx.post(f"{url}/v1/chat/completions", json=GOOD), 500)
            assert "send it again" in error["message"]
            stream = httpx.post(f"{url}/v1/chat/completions", json={**GOOD, "stream": True})
            assert stream.status_code == 200
            assert "send it again" in stream.text
            assert stream.text.endswith("data: [DONE]\n\n")
        assert httpx.post(f"{url}/v1/chat/completions", json=GOOD).status_code == 200
