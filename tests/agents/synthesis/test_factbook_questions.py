import re
from collections import Counter
from itertools import pairwise

import pytest

from fireside.agents.benchmark.judge import ExactJudge
from fireside.agents.corpus import Document, read_factbook
from fireside.agents.question import Question
from fireside.agents.synthesis import SynthesisConfig, factbook_questions
from fireside.agents.synthesis.factbook.conditions import all_constraints
from fireside.agents.synthesis.factbook.constraint import Constraint, meeting, places
from fireside.agents.synthesis.factbook.names import NOT_PLACES
from fireside.agents.synthesis.factbook.profile import Profile, read_profiles
from fireside.agents.synthesis.factbook.quantities import QUANTITIES, amount
from fireside.core.errors import DocumentsError


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    return read_factbook()


@pytest.fixture(scope="module")
def profiles(documents: list[Document]) -> dict[str, Profile]:
    return {profile.document_id: profile for profile in read_profiles(documents)}


@pytest.fixture(scope="module")
def constraints(profiles: dict[str, Profile]) -> dict[str, Constraint]:
    return {constraint.phrase: constraint for constraint in all_constraints(list(profiles.values()))}


@pytest.fixture(scope="module")
def questions(documents: list[Document]) -> list[Question]:
    return factbook_questions(documents, SynthesisConfig(num_train=800, num_heldout=400))


def test_there_are_as_many_as_asked_for_and_all_kinds_are_equally_many(questions: list[Question]) -> None:
    counts = Counter((question.split, question.kind) for question in questions)
    assert len(questions) == 1200
    assert {split for split, _ in counts} == {"train", "heldout"}
    for split, wanted in (("train", 200), ("heldout", 100)):
        assert all(counts[split, kind] == wanted for kind in ("entity", "exhaustive", "numeric", "lookup"))


def test_no_document_supports_both_splits_and_no_question_stands_twice(questions: list[Question]) -> None:
    held = {split: set[str]() for split in ("train", "heldout")}
    for question in questions:
        held[question.split] |= set(question.document_ids)
    assert not held["train"] & held["heldout"]
    assert len({question.text.casefold() for question in questions}) == len(questions)
    assert len({question.question_id for question in questions}) == len(questions)


def test_the_same_seed_gives_the_same_questions_and_another_gives_others(documents: list[Document]) -> None:
    first, again, other = (
        factbook_questions(documents, SynthesisConfig(num_train=40, num_heldout=20, seed=seed))
        for seed in (1, 1, 2)
    )
    assert first == again
    assert {question.text for question in first} != {question.text for question in other}


def test_every_answer_is_judged_right_and_the_next_one_wrong(questions: list[Question]) -> None:
    judge = ExactJudge()
    for question, following in pairwise(questions):
        answer = ", ".join(nugget.text for nugget in question.nuggets)
        assert judge.judge(question, answer).score == 1, (question.text, answer)
        wrong = ", ".join(nugget.text for nugget in following.nuggets)
        same = {n.text for n in question.nuggets} & {n.text for n in following.nuggets}
        numeric = question.nuggets[0].number is not None and following.nuggets[0].number is not None
        if not same and not numeric:
            assert judge.judge(question, wrong).score == 0, (question.text, wrong)


def test_entities_and_lists_hold_for_the_answer_and_are_refuted_for_everything_else(
    profiles: dict[str, Profile], constraints: dict[str, Constraint], questions: list[Question]
) -> None:
    everything = list(profiles.values())
    checked = 0
    for question in questions:
        if question.kind not in ("entity", "exhaustive"):
            continue
        used = _constraints_of(question.text, constraints)
        sure, maybe = meeting(used)
        assert sure == maybe, question.text
        assert tuple(sorted(everything[place].document_id for place in places(sure))) == question.document_ids
        assert len(question.nuggets) == len(question.document_ids)
        assert not NOT_PLACES & set(question.document_ids)
        checked += 1
    assert checked == 600


def _constraints_of(text: str, constraints: dict[str, Constraint]) -> list[Constraint]:
    """The conditions that a question names: the longest phrases that together say all of it."""
    rest = text
    used: list[Constraint] = []
    for phrase in sorted((phrase for phrase in constraints if phrase in text), key=len, reverse=True):
        if re.search(rf"\b{re.escape(phrase)}(?=[,.?]| and )", rest):
            used.append(constraints[phrase])
            rest = rest.replace(phrase, "")
    assert used, text
    return used


def test_entity_questions_need_every_one_of_their_conditions(
    constraints: dict[str, Constraint], questions: list[Question]
) -> None:
    for question in questions:
        if question.kind == "entity":
            used = _constraints_of(question.text, constraints)
            assert len(used) in (2, 3), question.text
            for left_out in used:
                assert meeting([one for one in used if one is not left_out])[1].bit_count() > 1, question.text


def test_numbers_can_be_recomputed_from_the_profiles(
    profiles: dict[str, Profile], questions: list[Question]
) -> None:
    by_label = {quantity.label: quantity for quantity in QUANTITIES}
    checked = 0
    for question in questions:
        if question.kind != "numeric" or question.nuggets[0].number is None:
            continue
        label = max((label for label in by_label if label in question.text), key=len)
        values = [amount(by_label[label], profiles[name].fields) for name in question.document_ids]
        assert None not in values
        known = [value for value in values if value is not None]
        joint = {1: known[0], 2: sum(known)}[len(known)]
        if len(known) == 2 and not re.search("together|sum", question.text):
            joint = max(known) - min(known)
        assert question.nuggets[0].number == pytest.approx(joint), question.text
        assert question.nuggets[0].tolerance <= max(0.011 * abs(joint), 0.05)
        checked += 1
    assert checked > 150


def test_lookups_state_what_the_profile_says_and_do_not_give_it_away(
    profiles: dict[str, Profile], questions: list[Question]
) -> None:
    for question in questions:
        if question.kind == "lookup":
            profile = profiles[question.document_ids[0]]
            (nugget,) = question.nuggets
            assert any(nugget.text in value for value in profile.fields.values()), question.text
            assert nugget.text not in question.text.split()


@pytest.mark.parametrize(
    ("document_id", "attribute", "value"),
    [
        ("chad", "landlocked", True),
        ("france", "landlocked", False),
        ("france", "currency_code", "EUR"),
        ("france", "internet_code", ""),
        ("peru", "internet_code", ".pe"),
        ("chad", "independence", (1960, "France")),
        ("guam", "independence", (0, "nobody")),
        ("peru", "height", 6746),
        ("monaco", "neighbours", frozenset({"france"})),
        ("iceland", "neighbours", frozenset()),
        ("ireland", "neighbours", frozenset({"united-kingdom"})),
        ("algeria", "languages", frozenset({"Arabic", "Tamazight"})),
        ("chad", "colors", ("blue", "red", "yellow")),
    ],
)
def test_facts_are_read_as_the_book_states_them(
    profiles: dict[str, Profile], document_id: str, attribute: str, value: object
) -> None:
    assert getattr(profiles[document_id], attribute) == value


def test_what_is_not_plain_is_unclear(profiles: dict[str, Profile]) -> None:
    assert "capital" in profiles["bolivia"].unclear, "it has two"
    assert "independence" in profiles["france"].unclear, "it has no official date"
    assert "internet_code" in profiles["france"].unclear, "it has six"
    assert "capital" not in profiles["chad"].unclear
    assert profiles["kosovo"].capital is not None
    assert profiles["kosovo"].capital.aliases == ("Prishtine", "Prishtina")
    assert profiles["united-states"].capital is not None
    assert "Washington" in profiles["united-states"].capital.aliases


def test_borders_that_only_one_side_names_are_unknown(
    profiles: dict[str, Profile], constraints: dict[str, Constraint]
) -> None:
    at = {document_id: place for place, document_id in enumerate(profiles)}
    chad = constraints["borders Chad"]
    assert chad.sure >> at["niger"] & 1
    assert not chad.maybe >> at["nigeria"] & 1 or chad.sure >> at["nigeria"] & 1
    morocco = constraints["borders Morocco"]
    assert not morocco.sure >> at["western-sahara"] & 1
    assert morocco.maybe >> at["western-sahara"] & 1, "the book contradicts itself here"


def test_too_few_profiles_are_one_clear_error(documents: list[Document]) -> None:
    with pytest.raises(DocumentsError, match="only 0 train questions can be made from 1 profiles"):
        factbook_questions([document for document in documents if document.document_id == "world"])
