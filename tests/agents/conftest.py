"""A scripted model, a small corpus and a plain judge, all through the public protocols."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from fireside.agents.question import Nugget, Question
from fireside.core.protocols import Message, Passage, Sample, SampleRequest

START, END = 256, 257
ROLES = {"system": 258, "user": 259, "assistant": 260, "tool": 261}
NAMES = {token: role for role, token in ROLES.items()}

Script = Callable[[list[tuple[str, str]], int], str]


def read_dialogue(tokens: Sequence[int]) -> list[tuple[str, str]]:
    """The turns that some tokens hold; raises where they are not well-formed chat."""
    turns: list[tuple[str, str]] = []
    position = 0
    while position < len(tokens):
        assert tokens[position] == START
        role = NAMES[tokens[position + 1]]
        end = position + 2
        while end < len(tokens) and tokens[end] != END:
            assert tokens[end] < START, "a turn begins inside another"
            end += 1
        turns.append((role, bytes(tokens[position + 2 : end]).decode()))
        position = end + 1
    return turns


class ScriptedSampler:
    """A `TokenSampler` whose tokens are UTF-8 bytes and whose words come from a function of the dialogue."""

    def __init__(self, script: Script, context_length: int = 100_000, version: int = 0) -> None:
        self.script = script
        self.context_length = context_length
        self.version = version
        self.model_name = "scripted"
        self.batches: list[list[SampleRequest]] = []

    def chat_tokens(self, messages: Sequence[Message], *, first: bool) -> tuple[int, ...]:
        tokens: list[int] = []
        for message in messages:
            tokens += [START, ROLES[message.role], *message.content.encode(), END]
        return (*tokens, START, ROLES["assistant"])

    def end_of_turn(self) -> tuple[int, ...]:
        return (END,)

    def sample(self, requests: Sequence[SampleRequest]) -> list[Sample]:
        self.batches.append(list(requests))
        return [self._answer(request) for request in requests]

    def _answer(self, request: SampleRequest) -> Sample:
        dialogue = read_dialogue(request.prompt_tokens)
        assert dialogue[-1] == ("assistant", "")
        text = self.script(dialogue[:-1], request.params.seed)
        tokens, shown, ended = text.encode(), text, True
        for stop in request.params.stop:
            if (at := text.find(stop)) >= 0:
                tokens, shown, ended = text[: at + len(stop)].encode(), text[:at], False
        ids = (*tokens, END) if ended else tuple(tokens)
        if len(ids) > request.params.max_tokens:
            ids = ids[: request.params.max_tokens]
            shown = bytes(ids).decode()
            reason = "length"
        else:
            reason = "stop"
        logprobs = tuple(
            -(1 + hashlib.blake2b(f"{i} {token} {request.params.seed}".encode()).digest()[0]) / 256
            for i, token in enumerate(ids)
        )
        return Sample(ids, logprobs, shown, reason, self.version)


class WordRetriever:
    """Ranks documents by words shared with the query."""

    def __init__(self, documents: dict[str, tuple[str, str]]) -> None:
        self.documents = documents

    def search(self, query: str, k: int) -> list[Passage]:
        words = set(query.lower().split())
        passages = [
            Passage(i, name, title, text, float(len(words & set(f"{title} {text}".lower().split()))))
            for i, (name, (title, text)) in enumerate(self.documents.items())
        ]
        return sorted(passages, key=lambda p: (-p.score, p.chunk_id))[:k]

    def search_many(self, queries: Sequence[str], k: int) -> list[list[Passage]]:
        return [self.search(query, k) for query in queries]

    def __len__(self) -> int:
        return len(self.documents)


@dataclass
class PlainVerdict:
    labels: tuple[str, ...]
    score: float


class PlainJudge:
    """A nugget is supported where its text is in the answer."""

    name = "plain"

    def judge(self, question: Question, answer: str) -> PlainVerdict:
        found = [nugget.text.lower() in answer.lower() for nugget in question.nuggets]
        return PlainVerdict(tuple("support" if f else "not_support" for f in found), sum(found) / len(found))


CAPITALS = {"td": ("Chad", "N'Djamena"), "fr": ("France", "Paris"), "pe": ("Peru", "Lima")}


@pytest.fixture
def scripted() -> type[ScriptedSampler]:
    return ScriptedSampler


@pytest.fixture
def dialogue() -> Callable[[Sequence[int]], list[tuple[str, str]]]:
    return read_dialogue


@pytest.fixture
def retriever() -> WordRetriever:
    return WordRetriever(
        {name: (land, f"Flag: striped. Capital: {city}.") for name, (land, city) in CAPITALS.items()}
    )


@pytest.fixture
def word_retriever() -> type[WordRetriever]:
    return WordRetriever


@pytest.fixture
def judge() -> PlainJudge:
    return PlainJudge()


@pytest.fixture
def questions() -> list[Question]:
    return [
        Question(
            question_id=f"capital-{name}",
            text=f"What is the capital of {land}?",
            kind="lookup",
            nuggets=(Nugget(city),),
            document_ids=(name,),
            split="train",
        )
        for name, (land, city) in CAPITALS.items()
    ]


@pytest.fixture
def good_script() -> Script:
    """Searches for what is asked, then copies the capital from the first line of the result."""

    def script(turns: list[tuple[str, str]], seed: int) -> str:
        asked = [text for role, text in turns if text.startswith("Question:")][-1]
        land = asked.split("?")[0].split()[-1]
        last = turns[-1][1]
        if not last.startswith("["):
            return f"Search: capital {land}"
        document, _, rest = last.split("\n")[0][1:].partition("]")
        return f"Answer: {rest.split('Capital: ')[-1].rstrip('.')} [{document}]"

    return script


@pytest.fixture
def coin_script(good_script: Script) -> Script:
    """Like `good_script`, but its answer is wrong for odd seeds."""

    def script(turns: list[tuple[str, str]], seed: int) -> str:
        said = good_script(turns, seed)
        return "Answer: Atlantis" if said.startswith("Answer") and seed % 2 else said

    return script
