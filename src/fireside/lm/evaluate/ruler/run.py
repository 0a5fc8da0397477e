"""RULER run over anything that answers: prompts are made, answered greedily, and scored."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec

from fireside.core.errors import InputError
from fireside.core.protocols import SampleRequest, SamplingParams, TokenSampler
from fireside.lm.evaluate.ruler.prompting import Prompting
from fireside.lm.evaluate.ruler.sample import RulerTexts
from fireside.lm.evaluate.ruler.score import score
from fireside.lm.evaluate.ruler.tasks import RULER_TASKS, FittedPrompt, ruler_prompts, tasks_named

__all__ = ["RulerResult", "run_ruler"]

# Enough to keep a sampler busy, few enough to hear from the first tasks soon.
_PROMPTS_AT_ONCE = 64


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
        on_done: called with task, length and results of each task when it and those asked with it have ended.

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
        waiting: dict[str, list[FittedPrompt]] = {}
        for task in names:
            waiting[task] = prompts(task, length=length, num_samples=num_samples)
            if len(waiting) * num_samples >= _PROMPTS_AT_ONCE or task == names[-1]:
                for answered, done in _answered(sampler, prompting, length, waiting).items():
                    results += done
                    on_done(answered, length, done)
                waiting = {}
    return results


def _answered(
    sampler: TokenSampler, prompting: Prompting, length: int, fitted: Mapping[str, Sequence[FittedPrompt]]
) -> dict[str, list[RulerResult]]:
    """The results of some tasks, answered together."""
    requests = [
        SampleRequest(
            prompting.tokens(one.prompt.text, one.prompt.answer_prefix),
            SamplingParams(max_tokens=RULER_TASKS[task].answer_tokens, temperature=0.0),
        )
        for task, prompts in fitted.items()
        for one in prompts
    ]
    samples = iter(sampler.sample(requests))
    return {
        task: [
            RulerResult(
                task=task,
                length=length,
                index=index,
                num_tokens=one.num_tokens,
                answer=(answer := next(samples).text),
                references=one.prompt.references,
                score=score(answer, one.prompt.references, RULER_TASKS[task].match),
            )
            for index, one in enumerate(prompts)
        ]
        for task, prompts in fitted.items()
    }
