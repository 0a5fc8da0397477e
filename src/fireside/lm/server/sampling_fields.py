"""The fields that completions and chats have in common, and what they mean to the engine."""

import secrets
from typing import Any

from msgspec import Struct

from fireside.core.protocols import SamplingParams
from fireside.core.seeding import RandomStreams
from fireside.lm.server.api_error import ApiError
from fireside.lm.server.server_config import ServerConfig

__all__ = ["SamplingFields", "StreamOptions", "sampling_params", "seed_of_choice"]

_MOST_STOPS = 16
_LARGEST_BIAS = 100.0


class StreamOptions(Struct, forbid_unknown_fields=True):
    """How to stream."""

    include_usage: bool = False
    include_obfuscation: bool = False


class SamplingFields(Struct, kw_only=True, forbid_unknown_fields=True):
    """OpenAI's fields, and `top_k`, `min_p`, `repetition_penalty` as other servers name them.

    `user`, `metadata`, `store` and their like say nothing about the answer: they are accepted without effect.
    Whatever else is not named here is refused.
    """

    model: str
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[int, float] | None = None
    max_tokens: int | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    n: int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: str | None = None
    metadata: dict[str, Any] | None = None
    store: bool | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None

    @property
    def num_choices(self) -> int:
        """Answers to one prompt."""
        return 1 if self.n is None else self.n

    @property
    def includes_usage(self) -> bool:
        """Whether a stream ends with the number of tokens."""
        return self.stream_options is not None and self.stream_options.include_usage


def sampling_params(
    fields: SamplingFields,
    limits: ServerConfig,
    *,
    max_tokens: int | None,
    top_logprobs: int = 0,
    grammar: str | None = None,
) -> SamplingParams:
    """The engine's parameters of the first choice; where no seed is given, one is drawn.

    Raises:
        ApiError: a number that the API or this server does not allow; the engine checks the others.
    """
    if max_tokens is not None and not 1 <= max_tokens <= limits.max_tokens:
        raise ApiError(
            400,
            f"max_tokens is {max_tokens}: this server writes from 1 to {limits.max_tokens} tokens",
            param="max_tokens",
        )
    if fields.num_choices < 1:
        raise ApiError(400, f"n must be at least 1, got {fields.num_choices}", param="n")
    stop = (fields.stop,) if isinstance(fields.stop, str) else tuple(fields.stop or ())
    if len(stop) > _MOST_STOPS:
        raise ApiError(400, f"stop has {len(stop)} strings: give at most {_MOST_STOPS}", param="stop")
    for token, bias in (fields.logit_bias or {}).items():
        if not -_LARGEST_BIAS <= bias <= _LARGEST_BIAS:
            raise ApiError(
                400, f"logit_bias of token {token} is {bias}: give -100 to 100", param="logit_bias"
            )

    def given(value: float | None, otherwise: float) -> float:
        return otherwise if value is None else value

    return SamplingParams(
        max_tokens=limits.max_tokens if max_tokens is None else max_tokens,
        temperature=given(fields.temperature, 1.0),
        top_k=fields.top_k,
        top_p=given(fields.top_p, 1.0),
        min_p=given(fields.min_p, 0.0),
        repetition_penalty=given(fields.repetition_penalty, 1.0),
        presence_penalty=given(fields.presence_penalty, 0.0),
        frequency_penalty=given(fields.frequency_penalty, 0.0),
        logit_bias=tuple((fields.logit_bias or {}).items()),
        stop=stop,
        grammar=grammar,
        seed=secrets.randbits(63) if fields.seed is None else fields.seed % 2**64,
        top_logprobs=top_logprobs,
    )


def seed_of_choice(seed: int, index: int) -> int:
    """The seed of one of several choices; the first has the request's own.

    >>> seed_of_choice(7, 0), seed_of_choice(7, 1) != seed_of_choice(7, 2)
    (7, True)
    """
    return seed if index == 0 else RandomStreams(seed).integer("choice", index)
