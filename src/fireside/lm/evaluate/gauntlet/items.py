"""Items of benchmarks, of three kinds that are scored in three ways.

Files are those of llm-foundry and of this house; a continuation of llm-foundry's has one blank before it.
"""

from dataclasses import dataclass

import msgspec

from fireside.core.errors import InputError

__all__ = ["ExactItem", "GeneratedItem", "Item", "RankedItem", "item_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RankedItem:
    """Right where the right pair of a context and its continuation is the likeliest, per byte.

    Choices share a context and differ in their continuation; in schemas, such as Winograd's, contexts differ.

    Attributes:
        pairs: contexts and continuations.
        gold: the right one's number.
    """

    pairs: tuple[tuple[str, str], ...]
    gold: int

    def __post_init__(self) -> None:
        if len(self.pairs) < 2 or len(set(self.pairs)) < len(self.pairs):
            raise InputError(f"at least two different choices are needed, got {self.pairs!r}")
        if not all(continuation.strip() for _, continuation in self.pairs):
            raise InputError("a choice or continuation is empty")
        if not 0 <= self.gold < len(self.pairs):
            raise InputError(f"the right choice is {self.gold} of {len(self.pairs)}, counted from 0")

    @property
    def solved(self) -> str:
        """The item with its right answer."""
        return "".join(self.pairs[self.gold])


@dataclass(frozen=True, kw_only=True, slots=True)
class ExactItem:
    """Right where the model would write the continuation, greedily."""

    context: str
    continuation: str

    def __post_init__(self) -> None:
        if not self.continuation.strip():
            raise InputError("the continuation is empty")

    @property
    def solved(self) -> str:
        """The item with its right answer."""
        return self.context + self.continuation


@dataclass(frozen=True, kw_only=True, slots=True)
class GeneratedItem:
    """Right where what the model writes begins with one of the answers."""

    context: str
    answers: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.context.strip() or not all(answer.strip() for answer in self.answers):
            raise InputError("the context or an answer is empty")

    @property
    def solved(self) -> str:
        """The item with its first answer."""
        return f"{self.context} {self.answers[0]}"


Item = RankedItem | ExactItem | GeneratedItem


class _Choices(msgspec.Struct):
    choices: list[str]
    gold: int
    query: str


class _OurChoices(msgspec.Struct):
    choices: list[str]
    answer: int
    context: str


class _Schema(msgspec.Struct):
    context_options: list[str]
    continuation: str
    gold: int


class _Continuation(msgspec.Struct):
    context: str
    continuation: str


class _Answer(msgspec.Struct):
    context: str
    answer: str
    aliases: list[str] = []


def item_of(line: bytes) -> Item:
    """The item of a line of JSON; the names in it tell which kind it is.

    Raises:
        InputError: it is of no kind, or lacks something.

    >>> item_of(b'{"query": "2 + 2 =", "choices": ["4", "5"], "gold": 0}').pairs
    (('2 + 2 =', ' 4'), ('2 + 2 =', ' 5'))
    >>> item_of(b'{"context": "Name a city.", "answer": "Paris", "aliases": ["Lyon"]}').answers
    ('Paris', 'Lyon')
    """
    try:
        names = msgspec.json.decode(line, type=dict[str, msgspec.Raw]).keys()
        if "choices" in names and "gold" in names:
            one = msgspec.json.decode(line, type=_Choices)
            return RankedItem(
                pairs=tuple((one.query, after(one.query, choice)) for choice in one.choices), gold=one.gold
            )
        if "choices" in names:
            ours = msgspec.json.decode(line, type=_OurChoices)
            return RankedItem(
                pairs=tuple((ours.context, choice) for choice in ours.choices), gold=ours.answer
            )
        if "context_options" in names:
            schema = msgspec.json.decode(line, type=_Schema)
            return RankedItem(
                pairs=tuple(
                    (context, after(context, schema.continuation)) for context in schema.context_options
                ),
                gold=schema.gold,
            )
        if "continuation" in names:
            exact = msgspec.json.decode(line, type=_Continuation)
            return ExactItem(context=exact.context, continuation=after(exact.context, exact.continuation))
        if "answer" in names:
            free = msgspec.json.decode(line, type=_Answer)
            return GeneratedItem(
                context=free.context, answers=tuple(dict.fromkeys((free.answer, *free.aliases)))
            )
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError(str(error)) from error
    raise InputError(
        f"an item with {', '.join(names) or 'no names'} is of no known kind: give query, choices and gold; "
        "context, choices and answer; context_options, continuation and gold; context and continuation; or "
        "context and answer"
    )


def after(context: str, continuation: str) -> str:
    """The continuation with the blank that llm-foundry puts before it, unless one of the two has it.

    >>> after("a", "b"), after("a ", "b"), after("a", " b"), after("", "b")
    (' b', 'b', ' b', 'b')
    """
    joined = not context or context[-1].isspace() or continuation[:1].isspace()
    return continuation if joined else f" {continuation}"
