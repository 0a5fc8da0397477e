"""The thirteen tasks, and prompts of a task that fill a length in tokens."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from fireside.core.errors import InputError
from fireside.lm.evaluate.ruler.common_words import common_words
from fireside.lm.evaluate.ruler.fit import largest_fitting
from fireside.lm.evaluate.ruler.frequent_words import frequent_words
from fireside.lm.evaluate.ruler.needles import Needles
from fireside.lm.evaluate.ruler.question_answering import question_answering
from fireside.lm.evaluate.ruler.sample import Draw, Growing, RulerPrompt, RulerTexts
from fireside.lm.evaluate.ruler.score import Match
from fireside.lm.evaluate.ruler.variable_tracking import variable_tracking

__all__ = ["RULER_TASKS", "Category", "FittedPrompt", "RulerTask", "ruler_prompts", "tasks_named"]

Category = Literal["retrieval", "tracing", "aggregation", "question answering"]

# A question whose documents do not fit is passed over for the next; after so many in a row the length is to
# blame.
_MOST_PASSED_OVER = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class RulerTask:
    """One task.

    Attributes:
        category: of the paper's four.
        answer_tokens: room for the answer.
        match: how it is scored.
        growing: draws a sample.
        needs: the field of `RulerTexts` that it takes text from, if any.
    """

    category: Category
    answer_tokens: int
    match: Match
    growing: Callable[[Draw], Growing]
    needs: Literal["sentences", "single_hop", "multi_hop"] | None = None


@dataclass(frozen=True, slots=True)
class FittedPrompt:
    """A prompt of a length.

    Attributes:
        prompt: the prompt.
        num_tokens: of the prompt and the beginning of its answer.
    """

    prompt: RulerPrompt
    num_tokens: int


def _retrieval(needles: Needles) -> RulerTask:
    needs: Literal["sentences"] | None = "sentences" if needles.haystack == "essay" else None
    return RulerTask(category="retrieval", answer_tokens=128, match="all", growing=needles, needs=needs)


RULER_TASKS: dict[str, RulerTask] = {
    "niah_single_1": _retrieval(Needles(haystack="noise")),
    "niah_single_2": _retrieval(Needles(haystack="essay")),
    "niah_single_3": _retrieval(Needles(haystack="essay", values="uuids")),
    "niah_multikey_1": _retrieval(Needles(haystack="essay", num_keys=4)),
    "niah_multikey_2": _retrieval(Needles(haystack="needles")),
    "niah_multikey_3": _retrieval(Needles(haystack="needles", keys="uuids", values="uuids")),
    "niah_multivalue": _retrieval(Needles(haystack="essay", num_values=4)),
    "niah_multiquery": _retrieval(Needles(haystack="essay", num_keys=4, num_queries=4)),
    "vt": RulerTask(category="tracing", answer_tokens=30, match="all", growing=variable_tracking),
    "cwe": RulerTask(category="aggregation", answer_tokens=120, match="all", growing=common_words),
    "fwe": RulerTask(category="aggregation", answer_tokens=50, match="all", growing=frequent_words),
    "qa_1": RulerTask(
        category="question answering",
        answer_tokens=32,
        match="part",
        growing=question_answering(lambda texts: texts.single_hop),
        needs="single_hop",
    ),
    "qa_2": RulerTask(
        category="question answering",
        answer_tokens=32,
        match="part",
        growing=question_answering(lambda texts: texts.multi_hop),
        needs="multi_hop",
    ),
}


def tasks_named(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, checked; all thirteen where there are none.

    Raises:
        InputError: a name that no task has.

    >>> tasks_named(("vt",)), len(tasks_named(()))
    (('vt',), 13)
    """
    for name in names:
        if name not in RULER_TASKS:
            raise InputError(f"RULER has no task {name!r}: its tasks are {', '.join(RULER_TASKS)}")
    return tuple(dict.fromkeys(names)) or tuple(RULER_TASKS)


def ruler_prompts(
    task: str,
    *,
    length: int,
    num_samples: int,
    texts: RulerTexts,
    count: Callable[[str, str], int],
    seed: int = 0,
) -> list[FittedPrompt]:
    """Prompts of a task, each with as much haystack as its length has room for.

    Args:
        task: a name in `RULER_TASKS`.
        length: tokens of prompt and answer together; no prompt exceeds it.
        num_samples: how many prompts.
        texts: what the task is made of.
        count: tokens of a prompt and the beginning of its answer, as `Prompting.count`.
        seed: equal seeds give equal prompts.

    Raises:
        InputError: an unknown task, a length too small for it, or text that it needs and has not got.

    >>> (one,) = ruler_prompts("vt", length=2000, num_samples=1, texts=RulerTexts(),
    ...                        count=lambda prompt, prefix: len(prompt) + len(prefix))
    >>> one.num_tokens <= 2000 - 30, len(one.prompt.references)
    (True, 5)
    """
    (name,) = tasks_named((task,))
    kind = RULER_TASKS[name]
    if num_samples < 1:
        raise InputError(f"num_samples is {num_samples}: give at least 1")
    most = length - kind.answer_tokens
    fitted: list[FittedPrompt] = []
    size: int | None = None
    index = passed_over = 0
    while len(fitted) < num_samples:
        growing = kind.growing(Draw(task=name, length=length, index=index, seed=seed, texts=texts))
        counted: dict[int, FittedPrompt] = {}

        def tokens(size: int, growing: Growing = growing, counted: dict[int, FittedPrompt] = counted) -> int:
            prompt = growing.at(size)
            counted[size] = FittedPrompt(prompt, count(prompt.text, prompt.answer_prefix))
            return counted[size].num_tokens

        found = largest_fitting(tokens, most, smallest=growing.smallest, guess=size)
        index += 1
        if found is not None:
            size = found
            fitted.append(counted[found])
            passed_over = 0
            continue
        passed_over += 1
        if passed_over > _MOST_PASSED_OVER:
            least = counted[growing.smallest].num_tokens + kind.answer_tokens
            raise InputError(
                f"{name} needs about {least} tokens without any haystack, {length} were given: "
                "give a greater length or leave the task out"
            )
    return fitted
