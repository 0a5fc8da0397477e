"""What the model is told before it acts: the syntax, worked examples, the question.

Every rollout starts with the same tokens, so the engine reads them once. Three examples, of three kinds of
answers, triple what a model of 135M parameters gets right beside one (docs/lab-notes.md).
Knows nothing about how a rollout goes on.
"""

from collections.abc import Sequence

from fireside.agents.types import Turn
from fireside.core.config import config

__all__ = ["Prompt", "aggregation_opening", "question_line", "solving_opening"]

SYSTEM = (
    "You answer questions by searching documents. Each turn write one line.\n"
    "First look it up: Search: keywords\n"
    "Then copy the answer from the results: Answer: the exact answer [document]\n"
    "Separate several answers with ;"
)


def worked(question: str, query: str, result: str, answer: str) -> tuple[Turn, ...]:
    """The four turns of a rollout that goes well."""
    return (
        Turn(role="user", content=f"Question: {question}"),
        Turn(role="assistant", content=f"Search: {query}"),
        Turn(role="user", content=f"{result}\nSearches left: 1\nQuestion: {question}"),
        Turn(role="assistant", content=f"Answer: {answer}"),
    )


EXAMPLES = (
    *worked(
        "What is the capital of Freedonia?",
        "capital of Freedonia",
        "[freedonia] Freedonia: Capital: Glenville; time: UTC+1",
        "Glenville [freedonia]",
    ),
    *worked(
        "Name the countries that border Sylvania.",
        "countries that border Sylvania",
        "[sylvania] Sylvania: Land boundaries - border countries: Osterlich 120 km; Freedonia 85 km",
        "Osterlich; Freedonia [sylvania]",
    ),
    *worked(
        "How long is the coast of Osterlich?",
        "length of the coast of Osterlich",
        "[osterlich] Osterlich: Coastline: 1,340 km",
        "1,340 km [osterlich]",
    ),
)


@config
class Prompt:
    """The fixed part of every opening.

    Attributes:
        system: says what the task is and how to write an action.
        example: worked turns, shown before the question.
    """

    system: str = SYSTEM
    example: tuple[Turn, ...] = EXAMPLES


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
