"""Question answering among distracting documents: `qa_1` and `qa_2` (RULER, 3.4).

RULER takes SQuAD (one document holds the answer) and HotpotQA (two do). Their files can be read
(`questions`); any other set of questions whose answers stand in documents serves as well, but scores of
different sets cannot be compared. HotpotQA's eight other documents of a question are the first distractors
here and not part of what every prompt holds, so that short lengths have room; with ten documents and more the
prompts are RULER's.
"""

from collections.abc import Callable
from itertools import cycle, islice

import numpy as np

from fireside.core.errors import InputError
from fireside.core.seeding import RandomStreams
from fireside.lm.evaluate.ruler.questions import QuestionSet
from fireside.lm.evaluate.ruler.sample import Draw, Growing, RulerPrompt, RulerTexts

__all__ = ["question_answering"]

ONLY = (
    "Answer the question based on the given documents. Only give me the answer and do not output any other "
    "words."
)
TEMPLATE = f"{ONLY}\n\nThe following are given documents.\n\n{{context}}\n\n{ONLY}\n\nQuestion: {{query}}"
PREFIX = " Answer:"


def question_answering(choose: Callable[[RulerTexts], QuestionSet | None]) -> Callable[[Draw], Growing]:
    """The task over one set of questions, each asked once before any is asked again."""

    def growing(draw: Draw) -> Growing:
        questions = choose(draw.texts)
        if questions is None:
            raise InputError(f"{draw.task} needs questions: give a file of SQuAD's or HotpotQA's format")
        order = RandomStreams(draw.seed).generator(f"ruler/{draw.task}/questions")
        asked = order.permutation(len(questions.questions))[draw.index % len(questions.questions)]
        question = questions.questions[int(asked)]
        others = _distractors(questions, int(asked), draw)

        def at(size: int) -> RulerPrompt:
            # More documents than there are: distractors come again, as in RULER.
            taken = [*question.supporting, *islice(cycle(others), size - len(question.supporting))]
            draw.generator("order").shuffle(taken)
            context = "\n\n".join(
                f"Document {number}:\n{questions.documents[document]}"
                for number, document in enumerate(taken, 1)
            )
            return RulerPrompt(
                text=TEMPLATE.format(context=context, query=question.text),
                answer_prefix=PREFIX,
                references=question.answers,
            )

        return Growing(len(question.supporting), at)

    return growing


def _distractors(questions: QuestionSet, asked: int, draw: Draw) -> list[int]:
    """Documents near the question first, then all others in random order; at least one."""
    question = questions.questions[asked]
    first = {*question.supporting, *question.related}
    order = RandomStreams(draw.seed).generator(f"ruler/{draw.task}/documents", draw.length, draw.index)
    shuffled = order.permutation(len(questions.documents))
    near = [int(document) for document in order.permutation(np.array(question.related, dtype=np.int64))]
    others = near + [int(document) for document in shuffled if int(document) not in first]
    if not others:
        raise InputError("all documents support the question: give at least one that does not")
    return others
