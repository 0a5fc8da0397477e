"""One request on its way: its tokens so far, its random stream, and whether it has come to an end."""

import math

import numpy as np
import numpy.typing as npt

from fireside.core.errors import CapacityError, ConfigError, InputError
from fireside.core.protocols import Sample, SampleRequest, SamplingParams, StopReason
from fireside.core.seeding import RandomStreams
from fireside.lm.engine.kv_cache import KVCache
from fireside.lm.engine.kv_pool import Lease
from fireside.lm.tokenizer import TextStream, Tokenizer

__all__ = ["Sequence"]


class Sequence:
    """The state of a request.

    Args:
        request: prompt and parameters.
        tokenizer: for stop strings and the final text.
        context_length: the most tokens the model takes.
        vocab_size: of the model.
        version: of the weights.

    Attributes:
        params: how tokens are drawn.
        prompt: int64[P].
        tokens: prompt and drawn tokens.
        stop_reason: why it has ended; `None` while it has not.
        cache: its keys and values, while it runs.
        lease: what it holds of the pool, while it runs.

    Raises:
        CapacityError: the prompt fills the context.
        ConfigError: parameters that make no sense.
        InputError: an empty prompt, or a token that the model has not.
    """

    def __init__(
        self,
        request: SampleRequest,
        *,
        tokenizer: Tokenizer,
        context_length: int,
        vocab_size: int,
        version: int,
    ) -> None:
        _check_params(request.params)
        _check_prompt(request.prompt_tokens, context_length, vocab_size)
        self.params = request.params
        self.prompt: npt.NDArray[np.int64] = np.array(request.prompt_tokens, dtype=np.int64)
        self.tokens = list(request.prompt_tokens)
        self.max_length = min(len(self.tokens) + self.params.max_tokens, context_length)
        self._token_array = np.empty(self.max_length, dtype=np.int64)
        self._token_array[: len(self.prompt)] = self.prompt
        self.stop_reason: StopReason | None = None
        self.cache: KVCache | None = None
        self.lease: Lease | None = None
        self._random = RandomStreams(self.params.seed).generator("sample")
        self._logprobs: list[float] = []
        self._tokenizer = tokenizer
        self._version = version
        self._text = ""
        self._stream = TextStream(tokenizer)

    @property
    def num_computed(self) -> int:
        """Tokens whose keys and values are known."""
        return 0 if self.cache is None else self.cache.length

    @property
    def is_reading(self) -> bool:
        """Whether a part of the prompt is still to be computed."""
        return self.num_computed < len(self.prompt)

    @property
    def computed(self) -> npt.NDArray[np.int64]:
        """The tokens whose keys and values are known."""
        return self._token_array[: self.num_computed]

    def next_uniform(self) -> float:
        """The random number in [0, 1) that decides the next token; the n-th token gets the n-th number."""
        return float(self._random.random())

    def append(self, token: int, logprob: float) -> None:
        """Add a drawn token and see whether it is the last."""
        self._token_array[len(self.tokens)] = token
        self.tokens.append(token)
        self._logprobs.append(logprob)
        if token in self._tokenizer.stop_ids or self._reaches_stop_string(token):
            self.stop_reason = "stop"
        elif len(self.tokens) == self.max_length:
            self.stop_reason = "length"

    def sample(self) -> Sample:
        """The outcome, once `stop_reason` is known."""
        assert self.stop_reason is not None
        tokens = tuple(self.tokens[len(self.prompt) :])
        return Sample(
            tokens=tokens,
            logprobs=tuple(self._logprobs),
            text=_before_stop(self._tokenizer.decode(tokens), self.params.stop),
            stop_reason=self.stop_reason,
            version=self._version,
        )

    def _reaches_stop_string(self, token: int) -> bool:
        if not self.params.stop:
            return False
        new = self._stream.add(token)
        # A stop string that ends in the new text begins at most its own length before it.
        longest = max(map(len, self.params.stop))
        self._text = self._text[-longest:] + new
        return any(stop in self._text for stop in self.params.stop)


def _before_stop(text: str, stops: tuple[str, ...]) -> str:
    """The text up to the first of the stop strings.

    >>> _before_stop("one. two; three", (";", "."))
    'one'
    """
    found = [place for place in (text.find(stop) for stop in stops) if place >= 0]
    return text[: min(found)] if found else text


def _check_params(params: SamplingParams) -> None:
    if params.max_tokens < 1:
        raise ConfigError(f"max_tokens must be at least 1, got {params.max_tokens}")
    if not (math.isfinite(params.temperature) and params.temperature >= 0):
        raise ConfigError(f"temperature must be 0 (greedy) or more, got {params.temperature}")
    if not 0 < params.top_p <= 1:
        raise ConfigError(f"top_p must be above 0 and at most 1, got {params.top_p}")
    if not all(params.stop):
        raise ConfigError("a stop string must not be empty")
    if not 0 <= params.seed < 2**64:
        raise ConfigError(f"seed must be from 0 to 2^64 - 1, got {params.seed}")


def _check_prompt(prompt: tuple[int, ...], context_length: int, vocab_size: int) -> None:
    if not prompt:
        raise InputError("the prompt is empty: give at least one token")
    if len(prompt) >= context_length:
        raise CapacityError(
            f"the prompt has {len(prompt)} tokens and the model's context {context_length}: "
            "shorten it to leave room for an answer"
        )
    if min(prompt) < 0 or max(prompt) >= vocab_size:
        raise InputError(
            f"the prompt has token ids from {min(prompt)} to {max(prompt)}, the model those from 0 to "
            f"{vocab_size - 1}: was it made by another tokenizer?"
        )
