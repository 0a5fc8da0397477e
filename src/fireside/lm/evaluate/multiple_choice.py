"""Multiple choice: which of a few continuations of a context a model finds the most probable.

Nothing is generated: a choice is scored by ln p(choice | context), the sum over its tokens, as the field's
harnesses do. Longer choices have more tokens to pay for, so the sum is also taken per byte of the choice:
that is the accuracy usually reported, `acc_norm`.

Shape legend: N items, C choices of one item.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from fireside.core.errors import InputError
from fireside.lm.evaluate.continuation import continuation_scores
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer

__all__ = [
    "MultipleChoiceItem",
    "MultipleChoiceScore",
    "choice_logprobs",
    "multiple_choice",
    "read_multiple_choice",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class MultipleChoiceItem:
    """One question.

    Attributes:
        context: the text before the choices; may be empty.
        choices: at least two different continuations, exactly as they follow the context, so that one which
            starts with a word usually starts with a space.
        answer: the index of the right one.

    Raises:
        InputError: fewer than two choices, an empty or repeated one, or an answer that is not among them.
    """

    context: str
    choices: list[str]
    answer: int

    def __post_init__(self) -> None:
        if len(self.choices) < 2 or not all(self.choices) or len(set(self.choices)) < len(self.choices):
            raise InputError(f"at least two different choices with text are needed, got {self.choices!r}")
        if not 0 <= self.answer < len(self.choices):
            raise InputError(f"answer {self.answer} is not among {len(self.choices)} choices counted from 0")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class MultipleChoiceScore:
    """How a model did.

    Attributes:
        correct_N: bool[N], whether the right choice had the highest log-probability per byte.
        correct_by_sum_N: bool[N], whether it had the highest log-probability.
        chance: the accuracy to expect of guesses.
    """

    correct_N: np.ndarray
    correct_by_sum_N: np.ndarray
    chance: float

    @property
    def accuracy(self) -> float:
        """The share of right answers by log-probability per byte, the harnesses' `acc_norm`.

        >>> right = np.array([True, False])
        >>> MultipleChoiceScore(correct_N=right, correct_by_sum_N=~right, chance=0.25).accuracy
        0.5
        """
        return float(self.correct_N.mean())

    @property
    def accuracy_by_sum(self) -> float:
        """The share of right answers by log-probability, the harnesses' `acc`."""
        return float(self.correct_by_sum_N.mean())


def read_multiple_choice(path: Path) -> list[MultipleChoiceItem]:
    """Items from a JSONL file, one a line: `{"context": "2 + 2 =", "choices": [" 4", " 5"], "answer": 0}`.

    Raises:
        InputError: there is no such file or no item in it, or a line is not an item; the message names it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = Path(directory) / "sums.jsonl"
    ...     _ = path.write_text('{"context": "2 + 2 =", "choices": [" 4", " 5"], "answer": 0}\\n')
    ...     read_multiple_choice(path)
    [MultipleChoiceItem(context='2 + 2 =', choices=[' 4', ' 5'], answer=0)]
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error}): give a JSONL file") from error
    items = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            items.append(msgspec.json.decode(line, type=MultipleChoiceItem))
        except (msgspec.MsgspecError, InputError) as error:
            raise InputError(
                f'{path}, line {number}: {error}. An item is {{"context": text, "choices": [text, ...], '
                '"answer": number from 0}'
            ) from error
    if not items:
        raise InputError(f"{path} holds no item: give at least one")
    return items


def multiple_choice(
    model: Transformer, tokenizer: Tokenizer, items: Sequence[MultipleChoiceItem]
) -> MultipleChoiceScore:
    """Which items a model answers correctly; among equal choices the first counts as its answer.

    Args:
        model: left as it is; its training continues bit for bit.
        tokenizer: the one the model was trained with.
        items: at least one.

    Raises:
        InputError: no item, a choice too long for the model's context, or a token outside its vocabulary.
    """
    if not items:
        raise InputError("there is no item: give at least one")
    logprobs_NC = choice_logprobs(model, tokenizer, items)
    correct, correct_by_sum = [], []
    for item, logprobs_C in zip(items, logprobs_NC, strict=True):
        bytes_C = np.array([len(choice.encode()) for choice in item.choices])
        correct.append(int((logprobs_C / bytes_C).argmax()) == item.answer)
        correct_by_sum.append(int(logprobs_C.argmax()) == item.answer)
    return MultipleChoiceScore(
        correct_N=np.array(correct),
        correct_by_sum_N=np.array(correct_by_sum),
        chance=float(np.mean([1 / len(item.choices) for item in items])),
    )


def choice_logprobs(
    model: Transformer, tokenizer: Tokenizer, items: Sequence[MultipleChoiceItem]
) -> list[np.ndarray]:
    """ln p(choice | context) in nats, float64[C] for each item; see `continuation_scores`.

    Raises:
        InputError: a choice does not fit the model's context, or a token is outside its vocabulary.
    """
    pairs = [(item.context, choice) for item in items for choice in item.choices]
    logprobs = np.array([one.logprob for one in continuation_scores(model, tokenizer, pairs)])
    ends = np.cumsum([len(item.choices) for item in items])
    return np.split(logprobs, ends[:-1])
