"""Automata against the backtracking engine, which the row functions use."""

from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireside.ml.feature.text.automaton import automaton_of
from fireside.ml.feature.text.java_regex import compile_java, split_as_java
from fireside.ml.feature.text.token_kernel import cut_column

TEXT = st.text(st.sampled_from("aabbc-1 @.é𝒳"), max_size=14)
SETS = st.sampled_from(["a", "b", "c", "-", "1", r"\w", r"\d", r"\S", r"\.", "[ab]", "[^a]", r"[\w.-]", " "])


def larger(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(part, part).map("".join),
        st.tuples(part, part).map(lambda both: f"(?:{both[0]}|{both[1]})"),
        st.tuples(part, st.sampled_from(["*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{2,}?"])).map(
            lambda both: f"({both[0]}){both[1]}"
        ),
    )


PATTERNS = st.recursive(SETS, larger, max_leaves=8)


def check(pattern: str, texts: list[str], gaps: bool, minimum: int) -> None:
    automaton, one = automaton_of(pattern), compile_java(pattern)
    if automaton is None:
        return
    bounds, tokens = cut_column(pa.array(texts, pa.string()), automaton, gaps=gaps, minimum=minimum)
    tokens.validate(full=True)
    found = [tokens.to_pylist()[a:b] for a, b in pairwise(bounds)]
    expected = [
        split_as_java(one, text) if gaps else [match.group() for match in one.finditer(text)]
        for text in texts
    ]
    assert found == [
        [token for token in row if len(token.encode("utf-16-le")) // 2 >= minimum] for row in expected
    ]


@settings(deadline=None, max_examples=300)
@given(pattern=PATTERNS, texts=st.lists(TEXT, max_size=6), gaps=st.booleans(), minimum=st.integers(0, 3))
def test_an_automaton_finds_what_the_backtracking_engine_finds(pattern, texts, gaps, minimum):
    check(pattern, texts, gaps, minimum)


@pytest.mark.parametrize(
    "pattern",
    [
        r"[a-z]+(?:-[a-z]+)*|\d+",
        "a|ab",
        "(a|ab)(c|bcd)",
        r"\S+@\S+",
        r"\W",
        "(ab|a)(bc)?",
        r"\t|[^\s,;]{2,5}",
    ],
)
@pytest.mark.parametrize("gaps", [True, False])
def test_usual_patterns_have_automata(pattern, gaps):
    assert automaton_of(pattern) is not None
    check(pattern, ["", "a", "ab", "abcd-b 12a-@b.c", "éa 𝒳𝒳b", "  a,, b;\t"], gaps, 0)


@pytest.mark.parametrize(
    "pattern",
    ["a*", "^a", "a$", r"\ba", "(a)\\1", "(?=a)b", "(?i)a", "a++", "(a*)*b", "é", "[é]", r"\p{L}", ".", "(a"],
)
def test_what_needs_more_than_an_automaton_has_none(pattern):
    assert automaton_of(pattern) is None


def test_a_slice_of_a_column_is_cut_in_place():
    column = pa.array(["xx", "a1", "b22c"]).slice(1)
    bounds, tokens = cut_column(column, automaton_of(r"\d+"), gaps=True, minimum=1)
    assert bounds.tolist() == [0, 1, 3]
    assert tokens.to_pylist() == ["a", "b", "c"]
