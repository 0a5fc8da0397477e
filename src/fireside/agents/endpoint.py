"""Any OpenAI-compatible endpoint as the agent's model, to evaluate and serve with.

An endpoint speaks text and hides its tokens, so the tokens here are the UTF-8 bytes of the conversation and a
few marks between turns: exact, reversible, and the record of a rollout still tells what was seen and said. An
endpoint does not tell the log-probability of a byte, so its rollouts carry none and training refuses them.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fireside.core.config import config
from fireside.core.errors import ConfigError, EndpointError, InputError
from fireside.core.extras import require
from fireside.core.protocols import Message, Role, Sample, SampleRequest, SamplingParams

__all__ = ["EndpointConfig", "EndpointSampler"]

END = 256
BEGIN: dict[Role, int] = {"system": 257, "user": 258, "assistant": 259, "tool": 260}
ROLE_OF = {token: role for role, token in BEGIN.items()}
BUSY = frozenset({429, 502, 503, 504})
_NEUTRAL = SamplingParams()


@config
class EndpointConfig:
    """Where the model is.

    Attributes:
        base_url: up to and including the version, such as `"http://localhost:8000/v1"`.
        model: the model's name there.
        context_bytes: the longest conversation, in bytes of UTF-8.
        timeout: seconds for one answer.
        concurrency: requests at a time.
        retries: further tries where the endpoint is busy (429, 502, 503, 504), 1, 2, 4 ... seconds apart.
    """

    base_url: str
    model: str
    context_bytes: int = 32_768
    timeout: float = 120.0
    concurrency: int = 8
    retries: int = 2

    def __post_init__(self) -> None:
        if not self.base_url.startswith(("http://", "https://")):
            raise ConfigError(f"base_url is {self.base_url!r}: give one that begins with http:// or https://")
        if self.concurrency < 1 or self.retries < 0 or self.timeout <= 0:
            raise ConfigError(
                f"concurrency is {self.concurrency}, retries {self.retries}, timeout {self.timeout}: "
                "give at least 1, at least 0 and more than 0"
            )


class EndpointSampler:
    """A `TokenSampler` over `POST {base_url}/chat/completions`.

    `max_tokens` of a request is passed on and counts the endpoint's tokens, not bytes. The version is always
    0, since an endpoint does not tell how often its model was trained.

    Args:
        config: where the model is.
        api_key: sent as a bearer token; never stored in a record.

    >>> sampler = EndpointSampler(EndpointConfig(base_url="http://localhost:8000/v1", model="small"))
    >>> sampler.model_name, len(sampler.chat_tokens([Message("user", "Hi")], first=True))
    ('small', 5)
    >>> sampler.close()
    """

    def __init__(self, config: EndpointConfig, *, api_key: str | None = None) -> None:
        self._httpx = require("httpx", extra="agents")
        self.config = config
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client: Any = self._httpx.Client(timeout=config.timeout, headers=headers)

    @property
    def model_name(self) -> str:
        """The model's name at the endpoint."""
        return self.config.model

    @property
    def context_length(self) -> int:
        """In bytes."""
        return self.config.context_bytes

    def chat_tokens(self, messages: Sequence[Message], *, first: bool) -> tuple[int, ...]:
        """Bytes of the turns between their marks, and the mark that begins the assistant's turn."""
        tokens: list[int] = []
        for message in messages:
            tokens += [BEGIN[message.role], *message.content.encode("utf-8", "replace"), END]
        return (*tokens, BEGIN["assistant"])

    def end_of_turn(self) -> tuple[int, ...]:
        """The mark that ends every turn."""
        return (END,)

    def sample(self, requests: Sequence[SampleRequest]) -> list[Sample]:
        """Answer all requests, several at a time.

        Raises:
            EndpointError: the endpoint cannot be reached, stays busy, or answers with something else.
            InputError: parameters that speak of tokens, which an endpoint hides: biases, grammars or the
                likeliest tokens.
        """
        with ThreadPoolExecutor(self.config.concurrency) as pool:
            return list(pool.map(self._answer, requests))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _answer(self, request: SampleRequest) -> Sample:
        params = request.params
        body: dict[str, Any] = {
            "model": self.config.model,
            "messages": messages_of(request.prompt_tokens),
            **fields_of(params),
        }
        text, finished = _read_choice(self._post(body), self.config.base_url)
        # Not every endpoint heeds `stop`.
        ends = [at for stop in params.stop if (at := text.find(stop)) >= 0]
        text = text[: min(ends)] if ends else text
        tokens = (*text.encode("utf-8", "replace"), *([END] if finished else []))
        return Sample(tokens, (), text, "stop" if finished else "length", 0)

    def _post(self, body: dict[str, Any]) -> Any:
        url = f"{self.config.base_url.rstrip('/')}/chat/completions"
        for attempt in range(self.config.retries + 1):
            try:
                response = self._client.post(url, json=body)
            except self._httpx.HTTPError as error:
                raise EndpointError(f"{url} cannot be reached ({type(error).__name__}: {error})") from error
            if response.status_code in BUSY and attempt < self.config.retries:
                time.sleep(2.0**attempt)
                continue
            break
        if response.status_code != 200:
            raise EndpointError(f"{url} answered {response.status_code}: {response.text[:300]}")
        try:
            return response.json()
        except ValueError as error:
            raise EndpointError(f"{url} answered with something that is not JSON") from error


def messages_of(tokens: Sequence[int]) -> list[dict[str, str]]:
    """The conversation that `chat_tokens` and samples built up; the turn to be written is left out.

    Results of tools go in the user's name, because the role `tool` is reserved for answers to tool calls.

    >>> messages_of((258, 72, 105, 256, 259))
    [{'role': 'user', 'content': 'Hi'}]
    """
    messages: list[dict[str, str]] = []
    role, content = "", bytearray()
    for token in tokens:
        if token in ROLE_OF:
            role, content = ROLE_OF[token], bytearray()
        elif token == END:
            messages.append({"role": "user" if role == "tool" else role, "content": content.decode()})
        else:
            content.append(token)
    return messages


def fields_of(params: SamplingParams) -> dict[str, Any]:
    """Parameters as fields of a request.

    What OpenAI's API does not have (`top_k`, `min_p` and `repetition_penalty`, as other servers call them) is
    sent only where it does something, so that strict endpoints refuse it then and not always.

    Raises:
        InputError: parameters that speak of tokens.

    >>> fields_of(SamplingParams(max_tokens=9, top_k=5, stop=("!",)))
    {'max_tokens': 9, 'temperature': 1.0, 'top_p': 1.0, 'seed': 0, 'top_k': 5, 'stop': ['!']}
    """
    for name in ("logit_bias", "grammar", "top_logprobs"):
        if getattr(params, name):
            raise InputError(
                f"{name} speaks of tokens, which an endpoint hides: leave it out, or use an engine"
            )
    fields = {
        "max_tokens": params.max_tokens,
        "temperature": params.temperature,
        "top_p": params.top_p,
        "seed": params.seed % 2**31,
    }
    for name in ("top_k", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty"):
        if getattr(params, name) != getattr(_NEUTRAL, name):
            fields[name] = getattr(params, name)
    return {**fields, "stop": list(params.stop)} if params.stop else fields


def _read_choice(answer: Any, base_url: str) -> tuple[str, bool]:
    """The text of the first choice, and whether it is whole."""
    try:
        choice = answer["choices"][0]
        text = choice["message"]["content"] or ""
        return str(text), choice.get("finish_reason") != "length"
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise EndpointError(f"{base_url} answered without choices[0].message.content") from error
