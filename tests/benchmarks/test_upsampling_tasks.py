"""Tasks made of texts made up here: what is asked, and that the choices alone do not tell the answer."""

import random
from collections import Counter

import msgspec
import pytest

from fireside.core.errors import InputError
from fireside.lm.evaluate.multiple_choice import read_multiple_choice
from upsampling_candidates import Candidate, definitions, facts, phrases, words
from upsampling_tasks import exchange, reorder, write_tasks


def candidates(number=400):
    sizes = [n * 7919 % 97 for n in range(number)]
    return [
        Candidate(f"context {n}", " " + "x" * size + f" {n:03d}", f"topic {n % 50}", size)
        for n, size in enumerate(sizes)
    ]


def exchanged(found, num_items=60, seed=3):
    return exchange(found, num_items, random.Random(seed))


def test_the_answer_of_an_item_is_what_followed_its_context():
    truth = {one.context: one.continuation for one in candidates()}
    items = exchanged(candidates())
    assert len(items) == 60
    assert all(truth[item.context] == item.choices[item.answer] for item in items)


def test_answers_stand_in_every_place_equally_often():
    assert Counter(item.answer for item in exchanged(candidates())) == dict.fromkeys(range(4), 15)
    ordered = reorder([Candidate(str(n), " a b c d e f") for n in range(60)], 60, random.Random(3))
    assert Counter(item.answer for item in ordered) == dict.fromkeys(range(4), 15)


def test_choices_are_near_in_size_about_different_things_and_used_once():
    topics = {one.continuation: one.about for one in candidates()}
    items = exchanged(candidates())
    used = [choice for item in items for choice in item.choices]
    assert len(used) == len(set(used))
    for item in items:
        assert len({topics[choice] for choice in item.choices}) == 4
        lengths = [len(choice) for choice in item.choices]
        assert max(lengths) - min(lengths) <= 5


def test_the_longest_choice_is_right_once_in_four():
    items = [item for seed in range(20) for item in exchanged(candidates(), seed=seed)]
    right = sum(max(item.choices, key=len) == item.choices[item.answer] for item in items)
    assert right / len(items) == pytest.approx(0.25, abs=0.05)


def test_a_seed_gives_the_same_items_and_another_seed_others():
    assert exchanged(candidates(), seed=3) == exchanged(candidates(), seed=3)
    assert exchanged(candidates(), seed=3) != exchanged(candidates(), seed=4)


def test_every_word_for_a_gap_is_followed_by_the_words_after_the_gap():
    gaps = [Candidate(f"context {n}", f" word{n}", str(n), 0, f" rest {n}") for n in range(8)]
    items = exchanged(gaps, num_items=2)
    assert len(items) == 2
    for item in items:
        number = item.context.split()[1]
        assert all(choice.endswith(f" rest {number}") for choice in item.choices)
        assert item.choices[item.answer] == f" word{number} rest {number}"


def test_candidates_about_fewer_than_four_things_make_no_item():
    assert exchanged([one._replace(about=one.about[-1:]) for one in candidates(3)]) == []
    assert exchanged([one._replace(about="same") for one in candidates(50)]) == []


def test_a_wrong_order_has_the_same_words_with_two_neighbours_swapped():
    (item,) = reorder([Candidate("c", " a b c d e f")], 1, random.Random(0))
    assert item.choices[item.answer] == " a b c d e f"
    assert len(set(item.choices)) == 4
    for choice in item.choices:
        assert sorted(choice.split()) == list("abcdef")
        differing = [n for n, (a, b) in enumerate(zip(choice, " a b c d e f", strict=True)) if a != b]
        assert differing in ([], *([n, n + 2] for n in range(1, 11, 2)))


def test_cross_references_and_short_definitions_are_not_asked():
    page = (
        "Ai, n.\nSee under Sloth, where the animal is described.\n\nEm, n.\nA letter.\n\n"
        "Yes, adv.\n1. It is so; a word of assent, as in answers.\n2. Other."
    )
    (found,) = definitions([page])
    assert (found.context, found.about) == ("Yes, adv.", "adv.")
    assert found.continuation == "\nIt is so; a word of"


def test_the_context_is_the_last_24_words_with_their_lines():
    text = "\n".join(f"Line {n} of it." for n in range(50)) + " And so, at last, came the four winds of old."
    found = list(phrases([text]))[-1]
    assert text[: text.index(found.continuation)].endswith(found.context)
    assert len(found.context.split()) == 24
    assert "\n" in found.context


def test_a_field_is_asked_after_the_lines_before_it_and_before_its_value():
    profile = "## Economy\nImports: none\nInflation - rate: 3.1% (2023)\nNote: " + "long " * 20
    first, second = facts([profile])
    assert (first.continuation, first.rest) == ("\nImports", ": none")
    assert (second.continuation, second.rest) == ("\nInflation - rate", ": 3.1% (2023)")
    assert second.context == "## Economy\nImports: none"


def test_a_field_may_be_asked_about_more_than_once():
    found = [one._replace(continuation=f" {one.about}") for one in candidates()]
    once, often = (exchange(found, 60, random.Random(0), repeated=repeated) for repeated in (False, True))
    assert len(once) <= 50 // 4
    assert len(often) == 60


def test_a_rare_word_or_one_that_its_context_has_is_not_asked():
    text = (
        "A harbour is a place; the harbour was of stone and boats were tied to rings there."
        + " boats stone" * 8
    )
    asked = {found.about for found in words([text])}
    assert "boats" in asked
    assert asked.isdisjoint({"harbour", "tied", "rings"})


def name(number):
    return "".join("abcdefghij"[int(digit)] for digit in f"{number:04d}")


def test_what_stands_in_the_training_texts_is_not_asked(tmp_path):
    lines = [f"Field {name(n)}: value {name(n)}" for n in range(100)]
    phrase = "the {0} of a {0}s house was made for {0}m once and no more"
    for part, numbers in (("texts", range(60)), ("held-out", range(40, 100))):
        texts = [f"# Profile\n{lines[n]}\n\nWe know that {phrase.format(name(n))}." for n in numbers]
        (tmp_path / f"{part}.jsonl").write_bytes(
            b"".join(msgspec.json.encode({"text": t}) + b"\n" for t in texts)
        )
    files = write_tasks({"factbook": tmp_path}, tmp_path / "tasks")
    assert sorted(files) == ["facts", "order-factbook"]
    items = read_multiple_choice(files["facts"])
    assert len(items) == 10
    asked = {choice.partition(":")[0] for item in items for choice in item.choices}
    assert asked == {f"\nField {name(n)}" for n in range(60, 100)}


def test_a_domain_without_questions_is_named(tmp_path):
    for part in ("texts", "held-out"):
        (tmp_path / f"{part}.jsonl").write_bytes(b'{"text": "Nothing."}\n')
    with pytest.raises(InputError, match="make no item of order-kernel: hold out more of kernel"):
        write_tasks({"kernel": tmp_path}, tmp_path / "tasks")
