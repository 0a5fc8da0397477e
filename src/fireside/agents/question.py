"""Questions with checked answers: what synthesis makes, agents answer and the judge scores.

A question's answer is a set of nuggets, the facts that a full answer states. Questions are plain records that
live in JSON lines. Knows nothing about how a question was made or how an answer is scored.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from fireside.core.atomic import writing_file
from fireside.core.errors import InputError

__all__ = ["Kind", "Nugget", "Question", "Split", "read_questions", "write_questions"]

Kind = Literal["entity", "exhaustive", "numeric", "lookup"]
Split = Literal["train", "heldout"]


class Nugget(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One fact that a full answer states.

    Attributes:
        text: the canonical answer, as a person would write it.
        aliases: other ways to write it that count as much.
        number: the value, where the fact is a number; `text` is then only for reading.
        unit: what the number counts or measures, such as `"km"` or `"%"`; empty for a pure number.
        tolerance: the largest |stated - number| that still counts, in the same unit.

    >>> Nugget("68.5 million", number=68_512_806, unit="people", tolerance=700_000).number
    68512806.0
    """

    text: str
    aliases: tuple[str, ...] = ()
    number: float | None = None
    unit: str = ""
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise InputError("a nugget has an empty text: give the canonical answer")
        if self.tolerance < 0:
            raise InputError(f"the tolerance of nugget {self.text!r} is {self.tolerance}: give 0 or more")
        if self.number is not None:
            # An integer would be written as one and read back as a float: equal, but not the same bytes.
            msgspec.structs.force_setattr(self, "number", float(self.number))


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A question, the facts that answer it, and the documents that hold them.

    Attributes:
        question_id: unique in its set.
        text: the question.
        kind: `"entity"` (constraints that one thing meets), `"exhaustive"` (all the things that meet them),
            `"numeric"` (a number, looked up or computed) or `"lookup"` (one field of one document).
        nuggets: at least one; for `"exhaustive"` one for each thing.
        document_ids: the documents that support the answer.
        split: `"train"` or `"heldout"`; no document supports questions of both.
    """

    question_id: str
    text: str
    kind: Kind
    nuggets: tuple[Nugget, ...]
    document_ids: tuple[str, ...]
    split: Split

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise InputError(f"question {self.question_id!r} has an empty text")
        if not self.nuggets:
            raise InputError(f"question {self.question_id!r} has no nuggets: it could never be scored")


def write_questions(path: str | os.PathLike[str], questions: Iterable[Question]) -> None:
    """Write questions, one JSON object a line, all or nothing.

    >>> import tempfile
    >>> question = Question(question_id="q1", text="What is the capital of Chad?", kind="lookup",
    ...     nuggets=(Nugget("N'Djamena"),), document_ids=("cd",), split="train")
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     write_questions(Path(directory) / "questions.jsonl", [question])
    ...     read_questions(Path(directory) / "questions.jsonl") == [question]
    True
    """
    encoder = msgspec.json.Encoder()
    with writing_file(path) as file:
        for question in questions:
            file.write(encoder.encode(question) + b"\n")


def read_questions(path: str | os.PathLike[str]) -> list[Question]:
    """Read what `write_questions` wrote.

    Raises:
        InputError: there is no such file, or a line is not a question; the message names the line.
    """
    path = Path(path)
    decoder = msgspec.json.Decoder(Question)
    questions = []
    try:
        lines = path.read_bytes().splitlines()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputError(f"{path} is not a file of questions: write one with `write_questions`") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            questions.append(decoder.decode(line))
        except (msgspec.MsgspecError, UnicodeDecodeError, InputError) as error:
            raise InputError(f"{path}, line {number}, is not a question: {error}") from error
    return questions
