import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.agents.actions import ACTION_MARK, Answer, Invalid, Search, parse_action


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("Search: capital of Chad", "capital of Chad"),
        ("search:capital of Chad", "capital of Chad"),
        ("**Search:** capital of Chad", "capital of Chad"),
        ("- **Search**: `capital of Chad`", "capital of Chad"),
        ('1. Search: "capital of Chad"', "capital of Chad"),
        ("Search:\n\ncapital of Chad", "capital of Chad"),
        ("QUERY： capital of Chad", "capital of Chad"),
        ("I must look.\nSearch: capital of Chad\nResults: none", "capital of Chad"),
        ("Search: [capital of Chad]", "capital of Chad"),
        ("Search: capital of Chad\nAnswer: Paris", "capital of Chad"),
    ],
)
def test_a_search_is_read_however_it_is_dressed(text: str, query: str) -> None:
    assert parse_action(text) == Search(query)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Answer: Paris", Answer("Paris")),
        ("Final answer: Paris [fr].", Answer("Paris.", ("fr",))),
        ("The final answer: Paris", Answer("Paris")),
        ("Answer:\nParis", Answer("Paris")),
        ("Answer: Paris; Lyon [fr][de, fr]", Answer("Paris; Lyon", ("fr", "de"))),
        ("Answer: - Paris\n- Lyon", Answer("- Paris\n- Lyon")),
        ("Answer: Paris\nSearch: more", Answer("Paris")),
        ("It says so in [fr].\nAnswer: 5.2 million", Answer("5.2 million", ("fr",), "It says so in [fr].")),
        ("Answer: -5 %", Answer("-5 %")),
    ],
)
def test_an_answer_is_read_with_its_citations_and_explanation(text: str, answer: Answer) -> None:
    assert parse_action(text) == answer


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Paris",
        "Search:",
        "Answer:  \n",
        "Search: ?!",
        "Answer: [fr]",
        "We should search: maybe",
        "Research: x",
    ],
)
def test_what_is_neither_is_invalid_and_says_why(text: str) -> None:
    action = parse_action(text)
    assert isinstance(action, Invalid)
    assert "Search:" in action.reason or "Answer:" in action.reason


def test_a_query_has_bounded_length() -> None:
    action = parse_action("Search: " + "word " * 1000)
    assert isinstance(action, Search)
    assert len(action.query) == 200


@given(st.text())
def test_every_text_is_exactly_one_action_with_content(text: str) -> None:
    match parse_action(text):
        case Search(query):
            assert query.strip()
            assert "\n" not in query
        case Answer(answer, citations):
            assert answer.strip()
            assert "" not in citations
        case Invalid(reason):
            assert reason


@given(st.text(alphabet="Search:Answ [fr]\n*x", max_size=60))
def test_a_text_without_a_mark_holds_no_action(text: str) -> None:
    if not ACTION_MARK.search(text):
        assert isinstance(parse_action(text), Invalid)
