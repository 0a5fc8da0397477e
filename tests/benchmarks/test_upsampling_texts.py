"""Cleaning, cutting and splitting of texts made up here: nothing is fetched."""

import doctest
import importlib

import msgspec
import pytest

from upsampling_domains import DomainSource, dictionary_entries
from upsampling_packages import Package
from upsampling_texts import LONGEST, SHORTEST, cut, read_texts, split, without_repetition, write_texts


@pytest.mark.parametrize("name", ["candidates", "domains", "markup", "tasks", "texts"])
def test_examples_in_docstrings_hold(name):
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    failed, attempted = doctest.testmod(importlib.import_module(f"upsampling_{name}"), optionflags=flags)
    assert attempted > 0
    assert failed == 0


def sentence(number):
    return " ".join(f"word{'abcdefghij'[int(digit)]}{place}" for place, digit in enumerate(f"{number:012d}"))


def document(number, paragraphs=4):
    return "\n\n".join(sentence(100 * number + part) for part in range(paragraphs))


def domain(texts, **settings):
    return DomainSource(
        package="tiny",
        fetch=lambda name, directory: Package(name, "1.0", directory),
        read=lambda folder: iter(texts),
        licence="CC0-1.0",
        **settings,
    )


def test_cutting_loses_nothing_but_the_gaps():
    text = "\n\n".join(document(number) for number in range(40)) + " endless" * 3000 + "x" * 30_000
    pieces = cut(text)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert max(map(len, pieces)) <= LONGEST
    assert len(pieces) > 3


def test_texts_are_cut_between_paragraphs_where_there_are_any():
    text = "\n\n".join(document(number) for number in range(200))
    assert all(piece.startswith("word") and "\n\n" not in piece[-5:] for piece in cut(text))
    paragraphs = set(text.split("\n\n"))
    assert all(paragraph in paragraphs for piece in cut(text) for paragraph in piece.split("\n\n"))


def test_a_paragraph_is_kept_once_and_short_ones_always():
    sources = [
        ("a", "Synopsis\n\n" + sentence(1)),
        ("b", "Synopsis\n\n" + sentence(1) + "\n\n" + sentence(2)),
    ]
    assert dict(without_repetition(sources)) == {
        "a": "Synopsis\n\n" + sentence(1),
        "b": "Synopsis\n\n" + sentence(2),
    }


def test_the_split_depends_on_names_alone():
    sources = [(f"file-{number}", str(number)) for number in range(50)]
    train, held_out = split(sources, every=10)
    assert split(sources[::-1], every=10) == (train, held_out)
    assert len(held_out) == 5
    assert sorted(train + held_out) == sorted(sources)


def test_sources_are_held_out_whole_and_counted(tmp_path):
    long = "\n\n".join(document(number) for number in range(1000, 1400))
    texts = [(f"{number}", document(number)) for number in range(30)] + [
        ("long", long),
        ("short", "too short"),
    ]
    folders = write_texts(tmp_path, {"tiny": domain(texts, every=4)})
    train, held_out = (read_texts(folders["tiny"] / f"{part}.jsonl") for part in ("texts", "held-out"))
    halves = [{text for text in half if text in dict(texts).values()} for half in (train, held_out)]
    assert sorted(map(len, halves)) in ([7, 23], [8, 22])  # eight of 31 sources, the long one apart
    in_train, in_held_out = (sum(text in long for text in half) for half in (train, held_out))
    assert (in_train > 1) != (in_held_out > 1)
    assert min(in_train, in_held_out) == 0
    assert all(SHORTEST <= len(text) <= LONGEST for text in train + held_out)
    record = msgspec.json.decode((tmp_path / "sources.json").read_bytes())["tiny"]
    assert (record["package"], record["version"], record["licence"]) == ("tiny", "1.0", "CC0-1.0")
    assert (record["documents"], record["held_out_documents"]) == (len(train), len(held_out))
    assert record["characters"] == sum(map(len, train))


def test_near_duplicates_are_dropped_before_the_split(tmp_path):
    text = "\n\n".join(document(number) for number in range(10))
    texts = [("a", text), ("b", text.replace("worda0", "other", 1)), ("c", document(77))]
    folders = write_texts(tmp_path, {"tiny": domain(texts, every=3, prose=False)})
    kept = [text for part in ("texts", "held-out") for text in read_texts(folders["tiny"] / f"{part}.jsonl")]
    assert sorted(kept) == sorted([text, document(77)])


def test_training_text_is_capped_and_held_out_text_is_not(tmp_path):
    texts = [(f"{number}", document(number)) for number in range(20)]
    limit = 5 * len(document(0))
    folders = write_texts(tmp_path, {"tiny": domain(texts, every=2, characters=limit)})
    assert sum(map(len, read_texts(folders["tiny"] / "texts.jsonl"))) <= limit
    assert len(read_texts(folders["tiny"] / "texts.jsonl")) == 5
    assert len(read_texts(folders["tiny"] / "held-out.jsonl")) == 10


def test_texts_that_are_there_are_not_made_again(tmp_path):
    texts = [(f"{number}", document(number)) for number in range(4)]
    folders = write_texts(tmp_path, {"tiny": domain(texts)})
    before = (folders["tiny"] / "texts.jsonl").read_bytes()
    write_texts(tmp_path, {"tiny": domain([])})
    assert (folders["tiny"] / "texts.jsonl").read_bytes() == before


def test_entries_of_a_dictionary_keep_headword_speech_and_senses():
    text = (
        "   A preface, indented.\n\n"
        'Coagulate \\Co*ag"u*late\\, v. t. [imp. & p. p. {Coagulated}; p.\n   pr. & vb. n. {Coagulating}.]\n'
        "   To cause (a liquid) to change\n   into curd; to curdle; as, rennet\n   coagulates milk.\n"
        "   [1913 Webster]\n\n"
        "   Syn: To thicken; {curdle}.\n        [1913 Webster]\n\n"
        'Coagulum \\Co*ag"u*lum\\, n.; pl. {Coagula}. [L. See {Coagulate}.]\n   (Med.) A coagulated mass.\n'
    )
    assert list(dictionary_entries(text)) == [
        (
            "Coagulate",
            "Coagulate, v. t.\n"
            "To cause (a liquid) to change into curd; to curdle; as, rennet coagulates milk.\n"
            "Syn: To thicken; curdle.",
        ),
        ("Coagulum", "Coagulum, n.\n(Med.) A coagulated mass."),
    ]
