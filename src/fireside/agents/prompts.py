"""What the model is told before it acts: the syntax, one worked example, the question.

Kept short, because a model on two cores reads a few hundred tokens a second, and every rollout starts here.
Knows nothing about how a rollout goes on.
"""

from collections.abc import Sequence

from fireside.agents.types import Turn
from fireside.core.config import config

__all__ = ["Prompt", "aggregation_opening", "question_line", "solving_opening"]

SYSTEM = (
    "You answer questions from documents. Each turn write one line.\n"
    "To look something up: Search: keywords\n"
    "When you have the answer: Answer: the exact answer [document]\n"
    "Copy names and numbers from the search results. Separate several answers with ;"
)

EXAMPLE = (
    Turn(role="user", content="Question: What is the capital of Freedonia?"),
    Turn(role="assistant", content="Search: capital of Freedonia"),
    Turn(
        role="user",
        content="[freedonia] Freedonia: Capital - name: Glenville\n"
        "[sylvania] Sylvania: Capital - name: Marxburg\n"
        "Question: What is the capital of Freedonia?",
    ),
    Turn(role="assistant", content="Answer: Glenville [freedonia]"),
)


@config
class Prompt:
    """The fixed part of every opening.

    Attributes:
        system: says what the task is and how to write an action.
        example: worked turns, shown before the question.
    """

    system: str = SYSTEM
    example: tuple[Turn, ...] = EXAMPLE


def question_line(question: str) -> str:
    """How a question is put, at the beginning and as a reminder.

    >>> question_line("Capital\\nof Chad?")
    'Question: Capital of Chad?'
    """
    return f"Question: {' '.join(question.split())}"


def solving_opening(prompt: Prompt, question: str) -> tuple[Turn, ...]:
    """The turns that open a rollout on a question."""
    return (
        Turn(role="system", content=prompt.system),
        *prompt.example,
        Turn(role="user", content=question_line(question)),
    )


def aggregation_opening(prompt: Prompt, question: str, answers: Sequence[str]) -> tuple[Turn, ...]:
    """The turns that open a rollout which makes one answer of several (parallel thinking).

    The answers were written by the model under the influence of documents, so they are flattened like those.
    Where there are none, the question is asked as if for the first time.

    >>> aggregation_opening(Prompt(example=()), "Capital of Chad?", ["N'Djamena", "Abeche"])[-1].content
    "Question: Capital of Chad?\\nAnswers found so far: N'Djamena | Abeche\\nCheck and write the best."
    """
    *before, asked = solving_opening(prompt, question)
    if not answers:
        return (*before, asked)
    candidates = " | ".join(" ".join(answer.split()) for answer in answers)
    return (
        *before,
        Turn(
            role="user",
            content=f"{asked.content}\nAnswers found so far: {candidates}\nCheck and write the best.",
        ),
    )
