"""Questions whose answers stand in documents, from SQuAD's and HotpotQA's own files or from elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from fireside.core.errors import InputError

__all__ = ["DocumentQuestion", "QuestionSet", "read_hotpotqa", "read_squad"]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentQuestion:
    """A question.

    Attributes:
        text: the question.
        answers: strings of which an answer should contain one.
        supporting: numbers of the documents that answer it together.
        related: numbers of documents that are near it and do not answer it.
    """

    text: str
    answers: tuple[str, ...]
    supporting: tuple[int, ...]
    related: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.text.strip() or not self.supporting:
            raise InputError(f"the question {self.text!r} has no text or no document that answers it")
        if not self.answers or not all(answer.strip() for answer in self.answers):
            raise InputError(f"the question {self.text!r} has no answer, or an empty one")


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """Questions and the documents that they are asked over.

    Raises:
        InputError: no question, or one that names a document which is not there.
    """

    questions: tuple[DocumentQuestion, ...]
    documents: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.questions:
            raise InputError("there is no question that can be answered: give at least one")
        for question in self.questions:
            for document in (*question.supporting, *question.related):
                if not 0 <= document < len(self.documents):
                    raise InputError(
                        f"{question.text!r} names document {document} of {len(self.documents)}: count from 0"
                    )


class _SquadAnswer(msgspec.Struct):
    text: str


class _SquadQuestion(msgspec.Struct):
    question: str
    answers: list[_SquadAnswer] = []
    is_impossible: bool = False


class _SquadParagraph(msgspec.Struct):
    context: str
    qas: list[_SquadQuestion]


class _SquadArticle(msgspec.Struct):
    paragraphs: list[_SquadParagraph]


class _Squad(msgspec.Struct):
    data: list[_SquadArticle]


class _Hotpot(msgspec.Struct):
    question: str
    answer: str
    supporting_facts: list[tuple[str, int]]
    context: list[tuple[str, list[str]]]


def read_squad(path: Path) -> QuestionSet:
    """Questions of a file of SQuAD's, version 1.1 or 2.0; those that cannot be answered are left out.

    Raises:
        InputError: the file cannot be read, is of another format, or has no question with an answer.
    """
    documents: dict[str, int] = {}
    questions = []
    for article in _decode(path, _Squad, "SQuAD").data:
        numbers = [documents.setdefault(one.context, len(documents)) for one in article.paragraphs]
        for number, paragraph in zip(numbers, article.paragraphs, strict=True):
            related = tuple(dict.fromkeys(other for other in numbers if other != number))
            questions += [
                DocumentQuestion(text=one.question, answers=answers, supporting=(number,), related=related)
                for one in paragraph.qas
                if not one.is_impossible and (answers := _different([answer.text for answer in one.answers]))
            ]
    return _question_set(path, questions, documents)


def read_hotpotqa(path: Path) -> QuestionSet:
    """Questions of a file of HotpotQA's (distractor setting): documents are a title and its sentences.

    Raises:
        InputError: the file cannot be read, is of another format, or has no question.
    """
    documents: dict[str, int] = {}
    questions = []
    for one in _decode(path, list[_Hotpot], "HotpotQA"):
        titles = {title for title, _ in one.supporting_facts}
        numbers = {
            title: documents.setdefault(f"{title}\n{''.join(sentences)}", len(documents))
            for title, sentences in one.context
        }
        supporting = tuple(dict.fromkeys(number for title, number in numbers.items() if title in titles))
        related = tuple(dict.fromkeys(number for number in numbers.values() if number not in supporting))
        answers = _different([one.answer])
        if answers and supporting:
            questions.append(
                DocumentQuestion(text=one.question, answers=answers, supporting=supporting, related=related)
            )
    return _question_set(path, questions, documents)


def _question_set(
    path: Path, questions: Sequence[DocumentQuestion], documents: dict[str, int]
) -> QuestionSet:
    if not questions:
        raise InputError(f"{path} has no question with an answer: give a file that has some")
    return QuestionSet(tuple(questions), tuple(documents))


def _different(answers: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(answer.strip() for answer in answers if answer.strip()))


def _decode(path: Path, kind: type[T], name: str) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error}): give a file of {name}'s format") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not of {name}'s format: {error}") from error
