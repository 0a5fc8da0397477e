from pathlib import Path

import pytest

from fireside.agents.question import Nugget, Question, read_questions, write_questions
from fireside.core.errors import InputError


def _question(question_id: str = "q1") -> Question:
    return Question(
        question_id=question_id,
        text="How many people live in Côte d'Ivoire?",
        kind="numeric",
        nuggets=(
            Nugget("29.3 million", aliases=("29,344,847",), number=29_344_847, unit="people", tolerance=3e5),
        ),
        document_ids=("iv",),
        split="heldout",
    )


def test_questions_come_back_from_disk_as_they_were(tmp_path: Path) -> None:
    questions = [_question("a"), _question("b")]
    write_questions(tmp_path / "q.jsonl", questions)
    assert read_questions(tmp_path / "q.jsonl") == questions
    first = (tmp_path / "q.jsonl").read_bytes()
    write_questions(tmp_path / "q.jsonl", read_questions(tmp_path / "q.jsonl"))
    assert (tmp_path / "q.jsonl").read_bytes() == first


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    write_questions(tmp_path / "q.jsonl", [_question()])
    with (tmp_path / "q.jsonl").open("ab") as file:
        file.write(b'{"question_id": "half\n')
    with pytest.raises(InputError, match="line 2"):
        read_questions(tmp_path / "q.jsonl")


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a file of questions"):
        read_questions(tmp_path / "none.jsonl")


def test_a_question_that_could_never_be_scored_is_refused() -> None:
    with pytest.raises(InputError, match="no nuggets"):
        Question(question_id="q", text="What?", kind="lookup", nuggets=(), document_ids=(), split="train")
    with pytest.raises(InputError, match="empty text"):
        Nugget(" ")
    with pytest.raises(InputError, match="tolerance"):
        Nugget("3", number=3, tolerance=-1)
