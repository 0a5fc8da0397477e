"""The engine: requests in, samples out."""

from collections.abc import Callable, Mapping
from collections.abc import Sequence as Rows
from functools import partial
from itertools import accumulate
from queue import SimpleQueue
from typing import Any

from torch import Tensor

from fireside.core.errors import InputError
from fireside.core.protocols import Message, Sample, SampleRequest, SamplingParams
from fireside.lm.engine.engine_config import EngineConfig
from fireside.lm.engine.engine_load import EngineLoad
from fireside.lm.engine.grammar import GrammarCompiler
from fireside.lm.engine.logit_changes import BoolArray, change_logits
from fireside.lm.engine.model_runner import ModelRunner
from fireside.lm.engine.piece import Event, Listener
from fireside.lm.engine.sampler import draw, top_logprobs
from fireside.lm.engine.scheduler import Chunk, Scheduler
from fireside.lm.engine.sequence import Sequence
from fireside.lm.engine.step_loop import StepLoop
from fireside.lm.engine.stream import Stream
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer

__all__ = ["Engine"]


class Engine:
    """Runs a model for many requests at once; a `TokenSampler`.

    Several threads may ask at the same time: their requests share the steps, which run in a thread of the
    engine's own.

    Args:
        model: whose weights are copied into a layout for inference.
        tokenizer: of the model.
        config: limits; the defaults suit a small machine.
        version: how many updates the weights have seen.

    Raises:
        InputError: the tokenizer has more tokens than the model.

    >>> from fireside.lm.config import ModelConfig
    >>> tokenizer = Tokenizer.train_bpe(["a fire by the sea"], vocab_size=280)
    >>> config = ModelConfig(vocab_size=280, hidden_size=16, intermediate_size=32, num_heads=2,
    ...                      num_kv_heads=1, head_dim=8, layer_map="0_1s_1s", window=4, context_length=64)
    >>> engine = Engine(Transformer(config, seed=0), tokenizer)
    >>> sample = engine.generate("a fire", SamplingParams(max_tokens=5, seed=3))
    >>> len(sample.tokens), sample.stop_reason
    (5, 'length')
    >>> request = SampleRequest(tuple(tokenizer.encode("a fire")), SamplingParams(max_tokens=5, seed=3))
    >>> with engine.stream(request) as stream:
    ...     "".join(piece.text for piece in stream) == sample.text
    True
    """

    def __init__(
        self,
        model: Transformer,
        tokenizer: Tokenizer,
        config: EngineConfig | None = None,
        *,
        version: int = 0,
    ) -> None:
        if tokenizer.vocab_size > model.config.vocab_size:
            raise InputError(
                f"the tokenizer has {tokenizer.vocab_size} tokens and the model {model.config.vocab_size}: "
                "they do not belong together"
            )
        self._config = config or EngineConfig()
        self._model_config = model.config
        self._tokenizer = tokenizer
        self._version = version
        self._scheduler = Scheduler(model.config, self._config)
        self._runner = ModelRunner(model, self._config.weights)
        self._grammars = GrammarCompiler(tokenizer, model.config.vocab_size)
        self._loop = StepLoop(self._scheduler, self._step)
        self._num_computed_tokens = 0
        self._num_drafted_tokens = 0
        self._num_accepted_tokens = 0

    @property
    def model_name(self) -> str:
        """A name for reports."""
        return self._config.model_name

    @property
    def context_length(self) -> int:
        """The most tokens, prompt and answer together."""
        return self._model_config.context_length

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's tokenizer."""
        return self._tokenizer

    @property
    def version(self) -> int:
        """How many updates the weights have seen."""
        return self._version

    @property
    def max_sequences(self) -> int:
        """How many sequences run at once; further ones wait."""
        return self._config.max_sequences

    @property
    def num_computed_tokens(self) -> int:
        """Tokens that have gone through the model; those found in the prefix cache do not count."""
        return self._num_computed_tokens

    def load(self) -> EngineLoad:
        """How busy the engine is; the numbers may be a step apart."""
        pool, running = self._scheduler.pool, len(self._scheduler.running)
        return EngineLoad(
            num_running=running,
            num_waiting=max(0, self._loop.num_unfinished - running),
            num_preemptions=self._scheduler.num_preemptions,
            kv_bytes=pool.capacity_bytes - pool.free_bytes,
            kv_capacity_bytes=pool.capacity_bytes,
            num_computed_tokens=self._num_computed_tokens,
            num_drafted_tokens=self._num_drafted_tokens,
            num_accepted_tokens=self._num_accepted_tokens,
        )

    def chat_tokens(
        self, messages: Rows[Message], *, first: bool, tools: Rows[Mapping[str, Any]] = ()
    ) -> tuple[int, ...]:
        """Tokens of some turns, followed by the header that invites the assistant to speak.

        Args:
            messages: the turns, oldest first.
            first: whether these open the conversation; if not, they follow the end of an assistant's turn.
            tools: what the assistant may call, for templates that take tools; only with `first`.

        Raises:
            InputError: the model has no chat template, or the template refuses the messages.
        """
        template, special = self._tokenizer.chat_template, self._tokenizer.special_ids
        if template is None:
            raise InputError(f"{self.model_name} has no chat template: give it text instead of messages")
        pieces = (
            template.opening(messages, special=special, tools=tools)
            if first
            else template.continuation(messages, special=special)
        )
        return tuple(self._tokenizer.encode_pieces(pieces))

    def end_of_turn(self) -> tuple[int, ...]:
        """The tokens that close an assistant's turn."""
        return (self._tokenizer.eos_id,)

    def sample(self, requests: Rows[SampleRequest]) -> list[Sample]:
        """Answer all requests, in their order.

        Raises:
            CapacityError: a prompt fills the context, or a request exceeds the K/V cache.
            ConfigError: sampling parameters that make no sense.
            EngineError: a step failed; the engine goes on with new requests.
            InputError: an empty prompt, unknown tokens, or a grammar that is not valid. Nothing runs unless
                all requests are sound.
        """
        sequences = [self._sequence(request) for request in requests]
        ends: SimpleQueue[tuple[int, Event]] = SimpleQueue()

        def listener(index: int, event: Event) -> None:
            ends.put((index, event))

        samples: dict[int, Sample] = {}
        try:
            self._loop.add([(one, partial(listener, index)) for index, one in enumerate(sequences)])
            while len(samples) < len(sequences):
                index, event = ends.get()
                if isinstance(event, Exception):
                    raise event
                assert isinstance(event, Sample)
                samples[index] = event
        except BaseException:
            for sequence in sequences:
                self._loop.cancel(sequence)
            raise
        return [samples[index] for index in range(len(sequences))]

    def submit(
        self, request: SampleRequest, listener: Listener, *, with_pieces: bool = True
    ) -> Callable[[], None]:
        """Begin a request and come back at once.

        Args:
            request: what to continue.
            listener: told each piece and at the end the sample, or the error; from the engine's thread.
            with_pieces: `False` tells the end alone, which spares decoding every token by itself.

        Returns:
            A function that cancels the request: its memory is free before the next step.

        Raises:
            As `sample`.
        """
        sequence = self._sequence(request, with_pieces=with_pieces)
        self._loop.add([(sequence, listener)])
        return partial(self._loop.cancel, sequence)

    def stream(self, request: SampleRequest) -> Stream:
        """Begin a request, and read its answer while it is written.

        Raises:
            As `sample`.
        """
        events: SimpleQueue[Event | None] = SimpleQueue()
        return Stream(events, self.submit(request, events.put))

    def generate(self, prompt: str | Rows[Message], params: SamplingParams | None = None) -> Sample:
        """Continue a text, or answer a conversation.

        Raises:
            As `sample` and `chat_tokens`.
        """
        tokens = (
            (*self._tokenizer.start_ids, *self._tokenizer.encode(prompt))
            if isinstance(prompt, str)
            else self.chat_tokens(prompt, first=True)
        )
        return self.sample([SampleRequest(tokens, params or SamplingParams())])[0]

    def weights_changed(self, version: int) -> None:
        """Take over the model's present weights and forget what was computed with the old ones.

        Raises:
            InputError: requests are running.
        """
        with self._loop.standing_still():
            self._runner.repack()
            self._scheduler.prefixes.clear()
            self._version = version

    def _sequence(self, request: SampleRequest, *, with_pieces: bool = False) -> Sequence:
        grammar = request.params.grammar
        sequence = Sequence(
            request,
            tokenizer=self._tokenizer,
            context_length=self.context_length,
            vocab_size=self._model_config.vocab_size,
            version=self._version,
            grammar=None if grammar is None else self._grammars.compile(grammar),
            with_pieces=with_pieces,
        )
        self._scheduler.check(sequence)
        return sequence

    def _step(self) -> list[tuple[Sequence, Event]]:
        """Schedule, run, draw, hand out."""
        chunks = self._scheduler.schedule()
        ending = [chunk for chunk in chunks if chunk.reaches_end]
        logits_RV = self._runner.run(chunks)
        self._num_computed_tokens += sum(chunk.num_tokens for chunk in chunks)
        return self._draw_all(logits_RV, ending) if ending else []

    def _draw_all(self, logits_RV: Tensor, chunks: list[Chunk]) -> list[tuple[Sequence, Event]]:
        """Draw each sequence's next token, and go on for as long as what was drawn is what was guessed."""
        starts = list(accumulate((len(chunk.draft) + 1 for chunk in chunks[:-1]), initial=0))
        events: list[tuple[Sequence, Event]] = []
        going_on = list(zip(chunks, starts, strict=True))
        place = 0
        while going_on:
            rows = [start + place for _, start in going_on]
            logits_BV = logits_RV if len(rows) == len(logits_RV) else logits_RV[rows]
            events += self._draw(logits_BV, [chunk.sequence for chunk, _ in going_on])
            going_on = [(chunk, start) for chunk, start in going_on if _holds(chunk, place)]
            self._num_accepted_tokens += len(going_on)
            place += 1
        self._num_drafted_tokens += len(logits_RV) - len(chunks)
        return events + self._settle([chunk.sequence for chunk in chunks])

    def _draw(self, logits_BV: Tensor, sequences: list[Sequence]) -> list[tuple[Sequence, Event]]:
        """Draw one token for each sequence."""
        allowed, failures = _allowed(sequences)
        params = [sequence.params for sequence in sequences]
        counts, num_tokens = [sequence.counts for sequence in sequences], self._tokenizer.vocab_size
        changed_BV = change_logits(logits_BV, params, counts, allowed, num_tokens=num_tokens)
        uniforms = [sequence.next_uniform() for sequence in sequences]
        tokens, logprobs = draw(logits_BV, params, uniforms, changed_BV)
        tops = top_logprobs(logits_BV, params, num_tokens=num_tokens)
        events: list[tuple[Sequence, Event]] = []
        for sequence, token, logprob, top in zip(sequences, tokens, logprobs, tops, strict=True):
            if sequence in failures:
                self._scheduler.drop(sequence)
                events.append((sequence, failures[sequence]))
                continue
            if len(sequence.tokens) == len(sequence.prompt):
                self._scheduler.read(sequence)
            piece = sequence.append(token, logprob, top)
            if piece is not None:
                events.append((sequence, piece))
        return events

    def _settle(self, sequences: list[Sequence]) -> list[tuple[Sequence, Event]]:
        """Forget guesses that did not hold, and take out what has come to its end."""
        events: list[tuple[Sequence, Event]] = []
        for sequence in sequences:
            if sequence.cache is None:  # dropped
                continue
            sequence.cache.rewind(len(sequence.tokens) - 1)
            if sequence.stop_reason is not None:
                self._scheduler.finish(sequence)
                events.append((sequence, sequence.sample()))
        return events


def _holds(chunk: Chunk, place: int) -> bool:
    """Whether the token just drawn is the one that was guessed for this place."""
    sequence = chunk.sequence
    is_running = sequence.cache is not None and sequence.stop_reason is None
    return is_running and chunk.draft[place : place + 1] == (sequence.tokens[-1],)


def _allowed(sequences: list[Sequence]) -> tuple[list[BoolArray | None], dict[Sequence, Exception]]:
    """What grammars allow next, and the sequences whose grammar cannot be followed any further."""
    allowed: list[BoolArray | None] = []
    failures: dict[Sequence, Exception] = {}
    for sequence in sequences:
        try:
            allowed.append(None if sequence.grammar is None else sequence.grammar.allowed())
        except InputError as error:
            allowed.append(None)
            failures[sequence] = error
    return allowed, failures
