from pathlib import Path

import pytest

from fireside.agents.benchmark.judge import ExactJudge
from fireside.agents.corpus import Document, read_folder
from fireside.agents.question import Question
from fireside.agents.synthesis import SynthesisConfig, document_questions
from fireside.agents.synthesis.anywhere.definitions import definitions_in
from fireside.agents.synthesis.anywhere.mentions import names_in
from fireside.core.errors import ConfigError, DocumentsError

DEPOTS = ("Vila", "Aden", "Oslo", "Lome", "Riga", "Bern", "Lima", "Doha")
TOWNS = ("Uppsala", "Coimbra", "Leuven", "Padua")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, depot in enumerate(DEPOTS):
        keeper = "Ada Byron" if number % 2 else "Max Born"
        (tmp_path / f"{depot.lower()}.md").write_text(
            f"# Depot {depot}\n\nOwner: {keeper}\nOpened: {1990 + number}\n\n"
            f"The depot is kept by {keeper}, who trained in {TOWNS[number // 2]} and in {TOWNS[number % 4]}. "
            f"A {depot.lower()}bolt is a fastener with a square head that the depot makes itself.\n\n"
            "| Part | Weight | Stock |\n|---|---|---|\n"
            f"| bolt | {number + 3} g | {number * 7 + 40} |\n| nut | {number + 1} g | {number * 3 + 15} |\n"
        )
    (tmp_path / "prices.csv").write_text("Article,Price\nlamp,12.50\nrope,3.20\nsaw,20\n")
    (tmp_path / "plan.json").write_text('{"name": "Plan", "budget": {"tools": 1200, "wages": 5400}}')
    return tmp_path


@pytest.fixture
def documents(folder: Path) -> list[Document]:
    return read_folder(folder)[0]


@pytest.fixture
def questions(documents: list[Document]) -> list[Question]:
    return document_questions(documents, SynthesisConfig(num_train=500, num_heldout=500))


def test_a_folder_gives_questions_of_every_kind_for_both_splits(questions: list[Question]) -> None:
    assert {question.kind for question in questions} == {"entity", "exhaustive", "numeric", "lookup"}
    held = {split: set[str]() for split in ("train", "heldout")}
    for question in questions:
        held[question.split] |= set(question.document_ids)
    assert held["train"]
    assert held["heldout"]
    assert not held["train"] & held["heldout"]


def test_every_answer_is_judged_right_and_stands_in_its_documents(
    documents: list[Document], questions: list[Question]
) -> None:
    texts = {document.document_id: f"{document.title}\n{document.text}" for document in documents}
    for question in questions:
        answer = ", ".join(nugget.text for nugget in question.nuggets)
        assert ExactJudge().judge(question, answer).score == 1, (question.text, answer)
        computed = "add up" in question.text or "exceed" in question.text
        if question.kind in ("lookup", "numeric") and not computed:
            assert question.nuggets[0].text in texts[question.document_ids[0]]


def test_mentions_are_exact_over_all_documents(documents: list[Document], questions: list[Question]) -> None:
    asked = [question for question in questions if " mention" in question.text]
    assert asked
    for question in asked:
        names = question.text.split('"')[1::2]
        holding = {
            document.document_id
            for document in documents
            if all(name in f"{document.title}\n{document.text}" for name in names)
        }
        assert holding == set(question.document_ids), question.text


def test_sums_and_differences_are_exact(questions: list[Question]) -> None:
    found = [question for question in questions if "add up" in question.text or "exceed" in question.text]
    assert found
    for question in found:
        assert question.nuggets[0].number is not None
        assert question.nuggets[0].number >= 0


def test_the_same_seed_gives_the_same_questions(documents: list[Document], questions: list[Question]) -> None:
    assert document_questions(documents, SynthesisConfig(num_train=500, num_heldout=500)) == questions


def test_documents_with_one_title_are_told_apart_by_their_ids() -> None:
    twins = [
        Document(f"{name}/notes.md", "Notes", "x", {"Owner": owner})
        for name, owner in zip("abcd", "WXYZ", strict=True)
    ]
    questions = document_questions(twins, SynthesisConfig(min_questions=1))
    assert len(questions) == 4
    assert all(f'"{question.document_ids[0]}"' in question.text for question in questions)


def test_names_are_what_is_written_with_capitals_inside_sentences() -> None:
    assert names_in("Today the depot of Ada Byron opens in Port-Vila.\nMonday: closed") == {
        "Ada Byron",
        "Port-Vila",
    }


def test_a_name_that_is_a_common_word_elsewhere_is_not_asked_about() -> None:
    texts = (
        "We go in March to Riga.",
        "They went in March to Riga.",
        "The long march ends.",
        "Nothing here.",
    )
    documents = [Document(f"{at}.txt", f"Note {at}", text) for at, text in enumerate(texts)]
    settings = SynthesisConfig(min_questions=1, heldout_share=0.3)
    try:
        questions = document_questions(documents, settings)
    except DocumentsError:
        questions = []
    assert not any("March" in question.text for question in questions)


def test_definitions_are_sentences_that_say_what_a_term_is() -> None:
    text = (
        "A ledger is a book in which all accounts of a house are kept. It is a thing that one should have. "
        "The bolt is the part of the ledger that nobody wants to lose. This is an example of a sentence."
    )
    assert [term for term, _ in definitions_in(text)] == ["ledger", "bolt"]


def test_too_little_to_ask_about_is_one_clear_error() -> None:
    documents = [Document("a.txt", "A", "hello there"), Document("b.txt", "B", "nothing")]
    with pytest.raises(
        DocumentsError, match=r"only 0 train questions can be made from 2 documents .*Key: value"
    ):
        document_questions(documents)


def test_settings_that_make_no_sense_are_refused() -> None:
    for wrong in ({"num_train": 0}, {"heldout_share": 1.0}, {"min_questions": 0}):
        with pytest.raises(ConfigError):
            SynthesisConfig(**wrong)  # type: ignore[arg-type]
