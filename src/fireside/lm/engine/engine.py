"""The engine: requests in, samples out."""

import threading
from collections.abc import Sequence as Rows

from fireside.core.errors import InputError
from fireside.core.protocols import Message, Sample, SampleRequest, SamplingParams
from fireside.lm.engine.engine_config import EngineConfig
from fireside.lm.engine.model_runner import ModelRunner
from fireside.lm.engine.sampler import draw
from fireside.lm.engine.scheduler import Scheduler
from fireside.lm.engine.sequence import Sequence
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer

__all__ = ["Engine"]


class Engine:
    """Runs a model for many requests at once; a `TokenSampler`.

    Several threads may call `sample` at the same time: their requests share the steps.

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
        self._runner = ModelRunner(model)
        self._lock = threading.Lock()
        self._num_computed_tokens = 0

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
    def num_computed_tokens(self) -> int:
        """Tokens that have gone through the model; those found in the prefix cache do not count."""
        return self._num_computed_tokens

    def chat_tokens(self, messages: Rows[Message], *, first: bool) -> tuple[int, ...]:
        """Tokens of some turns, followed by the header that invites the assistant to speak.

        Args:
            messages: the turns, oldest first.
            first: whether these open the conversation; if not, they follow the end of an assistant's turn.

        Raises:
            InputError: the model has no chat template, or the template refuses the messages.
        """
        template, special = self._tokenizer.chat_template, self._tokenizer.special_ids
        if template is None:
            raise InputError(f"{self.model_name} has no chat template: give it text instead of messages")
        write = template.opening if first else template.continuation
        return tuple(self._tokenizer.encode_pieces(write(messages, special=special)))

    def end_of_turn(self) -> tuple[int, ...]:
        """The tokens that close an assistant's turn."""
        return (self._tokenizer.eos_id,)

    def sample(self, requests: Rows[SampleRequest]) -> list[Sample]:
        """Answer all requests, in their order.

        Raises:
            CapacityError: a prompt fills the context, or a request exceeds the K/V cache.
            ConfigError: sampling parameters that make no sense.
            InputError: an empty prompt, or unknown tokens. Nothing runs unless all requests are sound.
        """
        sequences = [self._sequence(request) for request in requests]
        with self._lock:
            self._add(sequences)
        try:
            while any(sequence.stop_reason is None for sequence in sequences):
                with self._lock:
                    if any(sequence.stop_reason is None for sequence in sequences):
                        self._step()
        except BaseException:
            with self._lock:
                for sequence in sequences:
                    self._scheduler.drop(sequence)
            raise
        return [sequence.sample() for sequence in sequences]

    def generate(self, prompt: str | Rows[Message], params: SamplingParams | None = None) -> Sample:
        """Continue a text, or answer a conversation.

        Raises:
            As `sample` and `chat_tokens`.
        """
        tokens = (
            tuple(self._tokenizer.encode(prompt))
            if isinstance(prompt, str)
            else self.chat_tokens(prompt, first=True)
        )
        return self.sample([SampleRequest(tokens, params or SamplingParams())])[0]

    def weights_changed(self, version: int) -> None:
        """Take over the model's present weights and forget what was computed with the old ones.

        Raises:
            InputError: requests are running.
        """
        with self._lock:
            if not self._scheduler.is_idle:
                raise InputError("weights change while requests run: wait until they have been answered")
            self._runner.repack()
            self._scheduler.prefixes.clear()
            self._version = version

    def _sequence(self, request: SampleRequest) -> Sequence:
        return Sequence(
            request,
            tokenizer=self._tokenizer,
            context_length=self.context_length,
            vocab_size=self._model_config.vocab_size,
            version=self._version,
        )

    def _add(self, sequences: list[Sequence]) -> None:
        try:
            for sequence in sequences:
                self._scheduler.add(sequence)
        except BaseException:
            for sequence in sequences:
                self._scheduler.drop(sequence)
            raise

    def _step(self) -> None:
        """Schedule, run, draw, hand out."""
        chunks = self._scheduler.schedule()
        ending = [chunk.sequence for chunk in chunks if chunk.reaches_end]
        logits_BV = self._runner.run(chunks)
        self._num_computed_tokens += sum(chunk.num_tokens for chunk in chunks)
        params = [sequence.params for sequence in ending]
        tokens, logprobs = draw(logits_BV, params, [sequence.next_uniform() for sequence in ending])
        for sequence, token, logprob in zip(ending, tokens, logprobs, strict=True):
            self._hand_out(sequence, token, logprob)

    def _hand_out(self, sequence: Sequence, token: int, logprob: float) -> None:
        if len(sequence.tokens) == len(sequence.prompt):
            self._scheduler.read(sequence)
        sequence.append(token, logprob)
        if sequence.stop_reason is not None:
            self._scheduler.finish(sequence)
