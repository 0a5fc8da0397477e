import pytest

from fireside.agents.index.terms import terms_of


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Côte d'Ivoire", "COTE D’IVOIRE"),
        ("countries", "country"),
        ("borders", "border"),
        ("68,512,806", "68512806"),
        ("the capital of Chad", "Capital, Chad"),
    ],
)
def test_spellings_of_one_thing_give_the_same_terms(left: str, right: str) -> None:
    assert terms_of(left) == terms_of(right)


@pytest.mark.parametrize("word", ["status", "glass", "analysis", "gas", "mali"])
def test_words_that_are_no_plurals_stay(word: str) -> None:
    assert terms_of(word) == [word]


def test_stop_words_alone_leave_nothing() -> None:
    assert terms_of("what is the of a?") == []
