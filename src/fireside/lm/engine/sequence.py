"""One request on its way: its tokens so far, its random stream, and whether it has come to an end."""

import math

import numpy as np
import numpy.typing as npt

from fireside.core.errors import CapacityError, ConfigError, InputError
from fireside.core.protocols import Sample, SampleRequest, SamplingParams, StopReason, TopLogprobs
from fireside.core.seeding import RandomStreams
from fireside.lm.engine.grammar import GrammarState
from fireside.lm.engine.kv_cache import KVCache
from fireside.lm.engine.kv_pool import Lease
from fireside.lm.engine.logit_changes import has_penalties
from fireside.lm.engine.ngram_draft import draft_tokens
from fireside.lm.engine.piece import Piece
from fireside.lm.engine.stop_text import StopText, before_stop
from fireside.lm.engine.token_counts import TokenCounts
from fireside.lm.tokenizer import Tokenizer

__all__ = ["Sequence"]


class Sequence:
    """The state of a request.

    Args:
        request: prompt and parameters.
        tokenizer: for stop strings and the final text.
        context_length: the most tokens the model takes.
        vocab_size: of the model.
        version: of the weights.
        grammar: the beginning of the grammar in the parameters, where there is one.
        with_pieces: whether `append` gives pieces.

    Attributes:
        params: how tokens are drawn.
        prompt: int64[P].
        tokens: prompt and drawn tokens.
        grammar: how far the answer has come in its grammar.
        counts: tokens by number, where the parameters have penalties.
        stop_reason: why it has ended; `None` while it has not.
        cache: its keys and values, while it runs.
        lease: what it holds of the pool, while it runs.
        was_preempted: whether it has given up its memory for others.

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
        grammar: GrammarState | None = None,
        with_pieces: bool = False,
    ) -> None:
        _check_params(request.params, vocab_size)
        _check_prompt(request.prompt_tokens, context_length, vocab_size)
        self.params = request.params
        self.prompt: npt.NDArray[np.int64] = np.array(request.prompt_tokens, dtype=np.int64)
        self.tokens = list(request.prompt_tokens)
        self.max_length = min(len(self.tokens) + self.params.max_tokens, context_length)
        self._token_array = np.empty(self.max_length, dtype=np.int64)
        self._token_array[: len(self.prompt)] = self.prompt
        self.grammar = grammar
        max_new = self.max_length - len(self.prompt)
        self.counts = TokenCounts(self.prompt, max_new) if has_penalties(self.params) else None
        self.stop_reason: StopReason | None = None
        self.cache: KVCache | None = None
        self.lease: Lease | None = None
        self.was_preempted = False
        self._random = RandomStreams(self.params.seed).generator("sample")
        self._logprobs: list[float] = []
        self._top_logprobs: list[TopLogprobs] = []
        self._tokenizer = tokenizer
        self._version = version
        self._with_pieces = with_pieces
        # Text is made as it comes only where someone looks at it.
        self._text = StopText(tokenizer, self.params.stop) if with_pieces or self.params.stop else None
        self._num_shown = 0

    @property
    def num_computed(self) -> int:
        """Tokens whose keys and values are known."""
        return 0 if self.cache is None else self.cache.length

    @property
    def is_reading(self) -> bool:
        """Whether more tokens are to be computed than the last: of a prompt, or again after a preemption."""
        return self.num_computed < len(self.tokens) - 1

    @property
    def known(self) -> npt.NDArray[np.int64]:
        """The tokens, as an array."""
        return self._token_array[: len(self.tokens)]

    @property
    def computed(self) -> npt.NDArray[np.int64]:
        """The tokens whose keys and values are known."""
        return self._token_array[: self.num_computed]

    def draft(self, count: int) -> tuple[int, ...]:
        """A guess of the next tokens, at most `count`; the last token before the end is never guessed."""
        assert self.cache is not None
        room = min(count, self.max_length - len(self.tokens) - 1, self.cache.most_drafted)
        return draft_tokens(self.known, room)

    def next_uniform(self) -> float:
        """The random number in [0, 1) that decides the next token; the n-th token gets the n-th number."""
        return float(self._random.random())

    def append(self, token: int, logprob: float, top: TopLogprobs = ()) -> Piece | None:
        """Add a drawn token and see whether it is the last.

        Returns:
            What it brings, where the sequence was made with pieces.
        """
        self._token_array[len(self.tokens)] = token
        self.tokens.append(token)
        self._logprobs.append(logprob)
        if self.params.top_logprobs:
            self._top_logprobs.append(top)
        if self.counts is not None:
            self.counts.add(token)
        if self.grammar is not None:
            self.grammar.accept(token)
        start = 0 if self._text is None else self._text.num_characters
        shown = "" if self._text is None else self._text.add(token)
        if token in self._tokenizer.stop_ids or (self._text is not None and self._text.has_stopped):
            self.stop_reason = "stop"
        elif len(self.tokens) == self.max_length:
            self.stop_reason = "length"
        if not self._with_pieces:
            return None
        if self.stop_reason is not None:
            shown = self.sample().text[self._num_shown :]
        self._num_shown += len(shown)
        return Piece(token, logprob, top, shown, start)

    def sample(self) -> Sample:
        """The outcome, once `stop_reason` is known."""
        assert self.stop_reason is not None
        tokens = tuple(self.tokens[len(self.prompt) :])
        return Sample(
            tokens=tokens,
            logprobs=tuple(self._logprobs),
            text=before_stop(self._tokenizer.decode(tokens), self.params.stop),
            stop_reason=self.stop_reason,
            version=self._version,
            top_logprobs=tuple(self._top_logprobs),
        )


def _check_params(params: SamplingParams, vocab_size: int) -> None:
    if params.max_tokens < 1:
        raise ConfigError(f"max_tokens must be at least 1, got {params.max_tokens}")
    if not (math.isfinite(params.temperature) and params.temperature >= 0):
        raise ConfigError(f"temperature must be 0 (greedy) or more, got {params.temperature}")
    if params.top_k is not None and params.top_k < 1:
        raise ConfigError(f"top_k must be at least 1, or None for all tokens, got {params.top_k}")
    if not 0 < params.top_p <= 1:
        raise ConfigError(f"top_p must be above 0 and at most 1, got {params.top_p}")
    if not 0 <= params.min_p <= 1:
        raise ConfigError(f"min_p must be from 0 to 1, got {params.min_p}")
    if not (math.isfinite(params.repetition_penalty) and params.repetition_penalty > 0):
        raise ConfigError(f"repetition_penalty must be above 0, got {params.repetition_penalty}")
    for name in ("presence_penalty", "frequency_penalty"):
        if not math.isfinite(getattr(params, name)):
            raise ConfigError(f"{name} must be a finite number, got {getattr(params, name)}")
    for token, bias in params.logit_bias:
        if not (0 <= token < vocab_size and math.isfinite(bias)):
            raise ConfigError(
                f"logit_bias has {bias} for token {token}: the model has tokens from 0 to {vocab_size - 1}, "
                "and a bias is a finite number"
            )
    if not all(params.stop):
        raise ConfigError("a stop string must not be empty")
    if not 0 <= params.seed < 2**64:
        raise ConfigError(f"seed must be from 0 to 2^64 - 1, got {params.seed}")
    if not 0 <= params.top_logprobs <= vocab_size:
        raise ConfigError(f"top_logprobs must be from 0 to {vocab_size}, got {params.top_logprobs}")


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
