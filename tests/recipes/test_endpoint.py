"""Endpoints that a user names: as the agent's model, and as its judge."""

from pathlib import Path
from typing import Any

import pytest

from fireside.agents.question import Nugget, Question
from fireside.core.errors import ConfigError, EndpointError, InputError
from fireside.recipes.ask import answer_question
from fireside.recipes.endpoint import API_KEY_VARIABLE, open_endpoint
from fireside.recipes.index_documents import index_folder
from fireside.recipes.local_agent import LocalAgent
from tests.agents.test_endpoint import endpoint


def reply(text: str) -> tuple[int, dict[str, Any]]:
    return 200, {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    (folder / "lighthouse.md").write_text("# Lighthouse\n\nHeight: 42 m\nKeeper: Ada Lindqvist\n")
    index_folder(folder, folder / "index")
    return folder / "index"


def test_an_endpoint_answers_over_the_index_with_the_key_of_the_environment(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    def answer(body: dict[str, Any]) -> tuple[int, Any]:
        asked.append(body)
        last = body["messages"][-1]["content"]
        return reply("Answer: Ada Lindqvist [lighthouse]" if "Ada Lindqvist" in last else "Search: keeper")

    monkeypatch.setenv(API_KEY_VARIABLE, "not-a-real-key")
    with endpoint(answer) as url:
        model = open_endpoint(url, "large")
        found = answer_question("Who keeps the lighthouse?", index=index, model=model)
    assert found.text == "Ada Lindqvist"
    assert found.searches == ("keeper",)
    assert {body["authorization"] for body in asked} == {"Bearer not-a-real-key"}
    assert {body["model"] for body in asked} == {"large"}


def test_an_endpoint_judges_in_place_of_exact_matching(index: Path) -> None:
    with endpoint(lambda body: reply('{"labels": ["support"]}')) as url:
        agent = LocalAgent(index, judge=open_endpoint(url, "large"))
        question = Question(
            question_id="q",
            text="How high?",
            kind="lookup",
            nuggets=(Nugget(text="42 m"),),
            document_ids=("lighthouse",),
            split="heldout",
        )
        assert agent.judge.name == "model:large"
        assert agent.judge.judge(question, "about forty").score == 1.0


def test_what_is_no_endpoint_is_refused(index: Path) -> None:
    assert open_endpoint(None, None) is None
    with pytest.raises(ConfigError, match="an address and the name of its model"):
        open_endpoint(None, "large")
    with pytest.raises(ConfigError, match="begins with http"):
        open_endpoint("localhost:8000", "large")
    with (
        endpoint(lambda body: (401, {"error": "no"})) as url,
        pytest.raises(EndpointError, match="answered 401"),
    ):
        open_endpoint(url, "large")
    with endpoint(lambda body: reply("yes")) as url, pytest.raises(InputError, match="not both"):
        answer_question("Who?", index=index, run=index, model=open_endpoint(url, "large"))
