"""RULER run over anything that answers: prompts are made, answered greedily, and scored."""

from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from fireside.core.errors import InputError
from fireside.core.protocols import SampleRequest, SamplingParams, TokenSampler
from fireside.lm.evaluate.ruler.prompting import Prompting
from fireside.lm.evaluate.ruler.sample import RulerTexts
from fireside.lm.evaluate.ruler.score import score
from fireside.lm.evaluate.ruler.tasks import RULER_TASKS, ruler_prompts, tasks_named

__all__ = ["RulerResult", "run_ruler"]


class RulerResult(msgspec.Struct, frozen=True, kw_only=True):
    """One answered prompt.

    Attributes:
        task: a name in `RULER_TASKS`.
        length: tokens of prompt and answer together that were asked for.
        index: of the sample.
        num_tokens: of the prompt and the beginning of its answer.
        answer: what the model wrote.
        references: what it should contain.
        score: 0 to 1.
    """

    task: str
    length: int
    index: int
    num_tokens: int
    answer: str
    references: tuple[str, ...]
    score: float


def run_ruler(
    sampler: TokenSampler,
    prompting: Prompting,
    *,
    lengths: Sequence[int],
    num_samples: int,
    texts: RulerTexts,
    tasks: Sequence[str] = (),
    seed: int = 0,
    on_done: Callable[[str, int, list[RulerResult]], None] = lambda task, length, results: None,
) -> list[RulerResult]:
    """Every sample of every task at every length, shortest first.

    Args:
        sampler: answers, greedily.
        prompting: how prompts become its tokens.
        lengths: in tokens of the model.
        num_samples: of each task at each length; the paper takes 500.
        texts: what tasks are made of.
        tasks: names; all thirteen where there are none.
        seed: of the prompts.
        on_done: called with task, length and results when a task has ended.

    Raises:
        InputError: no length, an unknown task, a length that a task or the model has no room for, or text
            that a task needs and has not got.
    """
    names = tasks_named(tuple(tasks))
    if not lengths:
        raise InputError("there is no length: give at least one, such as 1024")
    prompts = partial(ruler_prompts, texts=texts, count=prompting.count, seed=seed)
    for task in names:
        # A task without room or text shows now, not after hours of answers to the others.
        prompts(task, length=min(lengths), num_samples=1)
    results = []
    for length in sorted(set(lengths)):
        for task in names:
            kind = RULER_TASKS[task]
            fitted = prompts(task, length=length, num_samples=num_samples)
            params = SamplingParams(max_tokens=kind.answer_tokens, temperature=0.0)
            samples = sampler.sample(
                [
                    SampleRequest(prompting.tokens(one.prompt.text, one.prompt.answer_prefix), params)
                    for one in fitted
                ]
            )
            done = [
                RulerResult(
                    task=task,
                    length=length,
                    index=index,
                    num_tokens=one.num_tokens,
                    answer=sample.text,
                    references=one.prompt.references,
                    score=score(sample.text, one.prompt.references, kind.match),
                )
                for index, (one, sample) in enumerate(zip(fitted, samples, strict=True))
            ]
            results += done
            on_done(task, length, done)
    return results
