"""Where the wings meet: small protocols, and the records that pass through them.

The four wings never import one another. `lm` trains from any `BatchSource` (mixing supplies one); `agents`
act with any `TokenSampler` and learn with any `Learner` (lm supplies both) and search any `Retriever`. What
is wired to what is decided in `fireside.recipes`.

Shape legend: B sequences in a batch, T positions in a sequence, N sequences in an update.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

__all__ = [
    "BatchSource",
    "Learner",
    "Message",
    "Passage",
    "Retriever",
    "Sample",
    "SampleRequest",
    "SamplingParams",
    "SequenceLoss",
    "Stateful",
    "StopReason",
    "TokenBatch",
    "TokenSampler",
    "TopLogprobs",
    "TrainingSequence",
]

Int32Array = npt.NDArray[np.int32]
Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]

Role = Literal["system", "user", "assistant", "tool"]
StopReason = Literal["stop", "length"]
TopLogprobs = tuple[tuple[int, float], ...]
"""Tokens and their natural-log probabilities, best first."""


@runtime_checkable
class Stateful(Protocol):
    """Something whose progress can be saved and taken up again, bitwise."""

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on, JSON-ready or NumPy arrays."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`; raises `ResumeError` where it belongs to something else."""
        ...


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """Next-token prediction examples, padded or packed to one length.

    Attributes:
        inputs_BT: int32, token ids.
        targets_BT: int32, the token that follows each input.
        weights_BT: float32, the weight of each position in the loss; 0 where there is nothing to learn.
        segments_BT: int32, which document of the sequence each position belongs to; attention stays inside
            a document. `None`: no masking between documents.
        domains_B: int32, the domain that each sequence was drawn from; `None` where there is but one.
    """

    inputs_BT: Int32Array
    targets_BT: Int32Array
    weights_BT: Float32Array
    segments_BT: Int32Array | None = None
    domains_B: Int32Array | None = None


@runtime_checkable
class BatchSource(Protocol):
    """Batches in one order for ever: batch `step` is a pure function of the source and `step`."""

    def batch(self, step: int) -> TokenBatch:
        """The batch of a training step, from 0 on. Raises `IndexError` at or past `num_batches`."""
        ...

    @property
    def num_batches(self) -> int | None:
        """How many batches there are; `None` where there is no end."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever any batch would; a resumed run refuses another fingerprint."""
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingParams:
    """How tokens are drawn.

    Logits are changed in this order: `grammar`, `logit_bias`, penalties, `temperature`; then `top_k`, `top_p`
    of what that leaves, and `min_p` decide which tokens remain. The defaults change nothing.

    Attributes:
        max_tokens: at most this many new tokens, at least 1.
        temperature: 0 is greedy.
        top_k: keep only so many of the likeliest tokens; `None` keeps all.
        top_p: keep the smallest set of tokens with at least this probability.
        min_p: keep tokens at least this many times as likely as the likeliest.
        repetition_penalty: positive logits of tokens in prompt or answer are divided by this, negative ones
            multiplied (CTRL, arXiv 1909.05858, section 4.1); 1 changes nothing.
        presence_penalty: taken from the logit of every token that the answer has.
        frequency_penalty: taken from the logit of a token for each time that the answer has it.
        logit_bias: pairs of a token and what is added to its logit.
        stop: the text ends before the first of these strings.
        grammar: a Lark grammar, with `%json` for schemas, that the text follows; `None` allows any text.
            A sample that ends by length may be cut in the middle.
        seed: the stream of random numbers; equal requests with equal seeds give equal samples.
        top_logprobs: report so many of the likeliest tokens beside each token drawn.
    """

    max_tokens: int = 128
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: tuple[tuple[int, float], ...] = ()
    stop: tuple[str, ...] = ()
    grammar: str | None = None
    seed: int = 0
    top_logprobs: int = 0


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """A prompt, as the very tokens the model sees, and how to go on from it."""

    prompt_tokens: tuple[int, ...]
    params: SamplingParams


@dataclass(frozen=True, slots=True)
class Sample:
    """What the model wrote.

    Attributes:
        tokens: the exact token ids, end-of-turn token included where it was drawn.
        logprobs: natural-log probability of each token under the untempered model that drew it.
        text: the decoded tokens, without special tokens, cut before a stop string.
        stop_reason: `"stop"` (end of turn or a stop string) or `"length"`.
        version: how many updates the policy that drew it had seen.
        top_logprobs: for each token the likeliest ones and their log-probabilities, best first; empty unless
            asked for.
    """

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    text: str
    stop_reason: StopReason
    version: int
    top_logprobs: tuple[TopLogprobs, ...] = ()


@runtime_checkable
class TokenSampler(Protocol):
    """A language model that tells exactly which tokens it drew, and how likely each was."""

    @property
    def model_name(self) -> str:
        """A name for reports."""
        ...

    @property
    def context_length(self) -> int:
        """The most tokens, prompt and answer together."""
        ...

    def chat_tokens(self, messages: Sequence[Message], *, first: bool) -> tuple[int, ...]:
        """Tokens of some turns, followed by the header that invites the assistant to speak.

        Args:
            messages: the turns, oldest first.
            first: whether these open the conversation. If not, they follow an assistant's turn that ended
                with or without its end-of-turn token, and `chat_tokens` continues after that token.
        """
        ...

    def end_of_turn(self) -> tuple[int, ...]:
        """The tokens that close an assistant's turn."""
        ...

    def sample(self, requests: Sequence[SampleRequest]) -> list[Sample]:
        """Answer all requests, in their order; how they are batched is the sampler's business."""
        ...


@dataclass(frozen=True, slots=True)
class TrainingSequence:
    """One sequence a policy is trained on.

    Attributes:
        tokens: all token ids, prompt and tool results included.
        policy_mask: whether the policy wrote each token; only those count in ln pi(y|x).
    """

    tokens: tuple[int, ...]
    policy_mask: tuple[bool, ...]

    def __post_init__(self) -> None:
        if len(self.tokens) != len(self.policy_mask):
            raise ValueError(f"{len(self.tokens)} tokens but {len(self.policy_mask)} mask entries")


SequenceLoss = Callable[[Float64Array], tuple[float, Float64Array]]
"""Maps ln pi(y|x) of each sequence, float64[N], to the loss and its derivative by each, float64[N].

The learner knows how to get from a sequence to its log-probability and back; only this function knows what
is being optimised, so the learner is blind to the algorithm and the algorithm to the framework.
"""


@runtime_checkable
class Learner(Protocol):
    """A policy that can be trained on whole sequences."""

    @property
    def version(self) -> int:
        """How many updates have been made."""
        ...

    def logprobs(self, sequences: Sequence[TrainingSequence]) -> Float64Array:
        """ln pi(y|x) of each sequence, summed over the tokens the policy wrote: float64[N]."""
        ...

    def update(self, sequences: Sequence[TrainingSequence], loss: SequenceLoss) -> dict[str, float]:
        """One optimizer step; returns metrics named `group/name`, `train/loss` among them."""
        ...


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk of a document, as a search returns it.

    Attributes:
        chunk_id: unique in the index.
        document_id: unique in the corpus; what a citation names.
        title: the document's title.
        text: the chunk.
        score: larger is nearer; comparable only within one search.
    """

    chunk_id: int
    document_id: str
    title: str
    text: str
    score: float


@runtime_checkable
class Retriever(Protocol):
    """Finds the chunks of a corpus that bear on a query."""

    def search(self, query: str, k: int) -> list[Passage]:
        """At most `k` passages, best first."""
        ...

    def search_many(self, queries: Sequence[str], k: int) -> list[list[Passage]]:
        """`search` for each query, batched where that is faster."""
        ...

    def __len__(self) -> int:
        """How many chunks can be found."""
        ...
