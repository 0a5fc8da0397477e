"""`POST /v1/completions`."""

import dataclasses

from starlette.requests import Request
from starlette.responses import Response

from fireside.core.protocols import SampleRequest
from fireside.lm.server.answer import answer
from fireside.lm.server.api_error import ApiError
from fireside.lm.server.completion_request import CompletionRequest
from fireside.lm.server.completion_writer import CompletionWriter
from fireside.lm.server.request_body import decode_body, read_body
from fireside.lm.server.sampling_fields import sampling_params, seed_of_choice
from fireside.lm.server.service import Service, service_of
from fireside.lm.tokenizer import Tokenizer

__all__ = ["completions"]

_MOST_ALTERNATIVES = 20
_DEFAULT_TOKENS = 16
"""As OpenAI's API has it; chats write to their end."""


async def completions(request: Request) -> Response:
    """Continue texts."""
    service = service_of(request)
    asked = decode_body(await read_body(request, service.config), CompletionRequest)
    service.check_model(asked.model)
    _refuse_what_is_not_done(asked)
    prompts = _prompts(asked)
    return await answer(
        request,
        service,
        asked,
        lambda: _plan(service, asked, prompts),
        num_choices=len(prompts) * asked.num_choices,
        with_logprobs=asked.logprobs is not None,
    )


def _plan(
    service: Service, asked: CompletionRequest, prompts: list[str | list[int]]
) -> tuple[list[SampleRequest], CompletionWriter]:
    engine = service.engine
    params = sampling_params(
        asked,
        service.config,
        max_tokens=min(_DEFAULT_TOKENS, service.config.max_tokens)
        if asked.max_tokens is None
        else asked.max_tokens,
        top_logprobs=asked.logprobs or 0,
    )
    requests = [
        SampleRequest(tokens, dataclasses.replace(params, seed=seed_of_choice(params.seed, index)))
        for tokens in (_tokens(engine.tokenizer, prompt) for prompt in prompts)
        for index in range(asked.num_choices)
    ]
    return requests, CompletionWriter(
        engine.tokenizer,
        engine.model_name,
        service.fingerprint,
        num_choices=len(requests),
        with_logprobs=asked.logprobs is not None,
    )


def _prompts(asked: CompletionRequest) -> list[str | list[int]]:
    """The prompts: one text, several, one list of tokens, or several."""
    given = asked.prompt
    if isinstance(given, str):
        return [given]
    numbers = [one for one in given if isinstance(one, int)]
    if given and len(numbers) == len(given):
        return [numbers]
    others = [one for one in given if not isinstance(one, int)]
    if not given or numbers or len({type(one) for one in others}) > 1:
        raise ApiError(
            400,
            "prompt must be a text, texts, token ids, or lists of token ids, and not empty",
            param="prompt",
        )
    return others


def _tokens(tokenizer: Tokenizer, prompt: str | list[int]) -> tuple[int, ...]:
    """Text begins as the model was taught; token ids are taken as they are."""
    return (*tokenizer.start_ids, *tokenizer.encode(prompt)) if isinstance(prompt, str) else tuple(prompt)


def _refuse_what_is_not_done(asked: CompletionRequest) -> None:
    for name, is_wanted in (
        ("echo", asked.echo),
        ("suffix", asked.suffix),
        ("best_of", asked.best_of is not None and asked.best_of != asked.num_choices),
    ):
        if is_wanted:
            raise ApiError(400, f"{name} is not supported: leave it out", param=name)
    if asked.logprobs is not None and not 0 <= asked.logprobs <= _MOST_ALTERNATIVES:
        raise ApiError(
            400, f"logprobs must be 0 to {_MOST_ALTERNATIVES}, got {asked.logprobs}", param="logprobs"
        )
