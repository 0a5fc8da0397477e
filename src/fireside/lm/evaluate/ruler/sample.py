"""A sample of a task: what is drawn once, and the prompt that it becomes at each size of its haystack."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from fireside.core.seeding import RandomStreams
from fireside.lm.evaluate.ruler.questions import QuestionSet

__all__ = ["Draw", "Growing", "RulerPrompt", "RulerTexts"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RulerTexts:
    """What tasks are made of beside random words.

    Attributes:
        sentences: of the essay haystack, in order; see `haystack.sentences_of`.
        single_hop: questions of `qa_1`, SQuAD's in the paper.
        multi_hop: questions of `qa_2`, HotpotQA's in the paper.
    """

    sentences: tuple[str, ...] = ()
    single_hop: QuestionSet | None = None
    multi_hop: QuestionSet | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RulerPrompt:
    """A prompt and what its answer has to hold.

    Attributes:
        text: what the model is asked.
        answer_prefix: how its answer begins; the model goes on from here.
        references: strings that the answer should contain.
    """

    text: str
    answer_prefix: str
    references: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Draw:
    """Which sample of which task: everything random in it is a function of these fields.

    Attributes:
        task: its name.
        length: tokens of prompt and answer together.
        index: of the sample, from 0 on.
        seed: of the run.
        texts: what the task may take text from.
    """

    task: str
    length: int
    index: int
    seed: int
    texts: RulerTexts

    def generator(self, name: str) -> random.Random:
        """A generator at the start of a stream of this sample; the same at each call."""
        return random.Random(
            RandomStreams(self.seed).integer(f"ruler/{self.task}/{name}", self.length, self.index)
        )


@dataclass(frozen=True, slots=True)
class Growing:
    """A sample whose haystack is not filled yet.

    Attributes:
        smallest: the least size, in the task's own unit (sentences, lines, words or documents).
        at: the prompt at a size; references are the same at all sizes.
    """

    smallest: int
    at: Callable[[int], RulerPrompt]
