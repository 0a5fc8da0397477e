"""How a prompt and the beginning of its answer become the tokens that a model sees."""

from collections.abc import Callable
from dataclasses import dataclass

from fireside.core.protocols import Message, TokenSampler
from fireside.lm.tokenizer import Tokenizer

__all__ = ["Prompting", "chat_prompting", "endpoint_prompting", "text_prompting"]


@dataclass(frozen=True, slots=True)
class Prompting:
    """Two functions of a prompt and the beginning of its answer.

    Attributes:
        tokens: what the model is given.
        count: how many of the model's own tokens that is.
    """

    tokens: Callable[[str, str], tuple[int, ...]]
    count: Callable[[str, str], int]


def text_prompting(tokenizer: Tokenizer) -> Prompting:
    """For base models: the text as it is.

    >>> prompting = text_prompting(Tokenizer.train_bpe(["ab"], vocab_size=257))
    >>> prompting.tokens("a", "b"), prompting.count("a", "b")
    ((65, 66), 2)
    """

    def tokens(prompt: str, answer_prefix: str) -> tuple[int, ...]:
        return (*tokenizer.start_ids, *tokenizer.encode(prompt + answer_prefix))

    return Prompting(tokens, lambda prompt, answer_prefix: len(tokens(prompt, answer_prefix)))


def chat_prompting(sampler: TokenSampler, tokenizer: Tokenizer) -> Prompting:
    """For models that were taught conversations: a user's turn, and an answer that has begun."""

    def tokens(prompt: str, answer_prefix: str) -> tuple[int, ...]:
        opening = sampler.chat_tokens([Message("user", prompt)], first=True)
        # The turn's header ends a line, so the blank that joins prompt and answer would stand alone.
        return (*opening, *tokenizer.encode(answer_prefix.lstrip()))

    return Prompting(tokens, lambda prompt, answer_prefix: len(tokens(prompt, answer_prefix)))


def endpoint_prompting(sampler: TokenSampler, tokenizer: Tokenizer, *, reserve: int = 64) -> Prompting:
    """For endpoints, which hide their tokens and take whole turns: the answer's beginning ends the question.

    Args:
        sampler: whose tokens need not be the model's.
        tokenizer: the model's, to count with.
        reserve: tokens left for what the endpoint writes around a turn.
    """

    def tokens(prompt: str, answer_prefix: str) -> tuple[int, ...]:
        return sampler.chat_tokens([Message("user", prompt + answer_prefix)], first=True)

    return Prompting(
        tokens, lambda prompt, answer_prefix: reserve + len(tokenizer.encode(prompt + answer_prefix))
    )
