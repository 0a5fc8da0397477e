"""`POST /v1/chat/completions`."""

import dataclasses

from starlette.requests import Request
from starlette.responses import Response

from fireside.core.protocols import SampleRequest
from fireside.lm.server.answer import answer
from fireside.lm.server.api_error import ApiError
from fireside.lm.server.chat_prompt import chat_grammar, chat_prompt
from fireside.lm.server.chat_request import ChatRequest
from fireside.lm.server.chat_writer import ChatWriter
from fireside.lm.server.request_body import decode_body, read_body
from fireside.lm.server.sampling_fields import sampling_params, seed_of_choice
from fireside.lm.server.service import Service, service_of
from fireside.lm.server.tool_calls import allowed_tools

__all__ = ["chat_completions"]

_MOST_ALTERNATIVES = 20


async def chat_completions(request: Request) -> Response:
    """Continue a conversation."""
    service = service_of(request)
    asked = decode_body(await read_body(request, service.config), ChatRequest)
    service.check_model(asked.model)
    return await answer(
        request,
        service,
        asked,
        lambda: _plan(service, asked),
        num_choices=asked.num_choices,
        with_logprobs=bool(asked.logprobs),
    )


def _plan(service: Service, asked: ChatRequest) -> tuple[list[SampleRequest], ChatWriter]:
    engine, tools = service.engine, allowed_tools(asked)
    params = sampling_params(
        asked,
        service.config,
        max_tokens=asked.max_tokens if asked.max_completion_tokens is None else asked.max_completion_tokens,
        top_logprobs=_alternatives(asked),
        grammar=chat_grammar(asked, tools),
    )
    prompt = chat_prompt(engine, asked, tools)
    requests = [
        SampleRequest(prompt, dataclasses.replace(params, seed=seed_of_choice(params.seed, index)))
        for index in range(asked.num_choices)
    ]
    return requests, ChatWriter(
        engine.tokenizer,
        engine.model_name,
        service.fingerprint,
        num_choices=len(requests),
        with_tools=bool(tools),
        with_logprobs=bool(asked.logprobs),
    )


def _alternatives(asked: ChatRequest) -> int:
    count = asked.top_logprobs or 0
    if not 0 <= count <= _MOST_ALTERNATIVES:
        raise ApiError(
            400, f"top_logprobs must be 0 to {_MOST_ALTERNATIVES}, got {count}", param="top_logprobs"
        )
    if count and not asked.logprobs:
        raise ApiError(400, "top_logprobs needs 'logprobs': true", param="top_logprobs")
    return count
