"""`fireside lm eval` and `compare` over a random model on disk, and over the same model behind a server."""

import json
import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fireside.cli.main import main
from fireside.lm.config import ModelConfig
from fireside.lm.convert.hugging_face import save_hugging_face
from fireside.lm.engine.engine import Engine
from fireside.lm.engine.engine_config import EngineConfig
from fireside.lm.evaluate.ruler.haystack import NOISE
from fireside.lm.evaluate.ruler.words import ADJECTIVES, NOUNS
from fireside.lm.server.http_server import HttpServer
from fireside.lm.server.server_config import ServerConfig
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer

Run = Callable[..., str]
TEMPLATE = "{% for m in messages %}{{ m.content }}{% endfor %} "
PROSE = " ".join([NOISE, *ADJECTIVES, *NOUNS])


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Transformer, Tokenizer]:
    folder = tmp_path_factory.mktemp("tokenizer")
    Tokenizer.train_bpe([PROSE] * 3, vocab_size=1200).save(folder)
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    tokenizer = Tokenizer.load(folder)
    config = ModelConfig(
        vocab_size=tokenizer.vocab_size, hidden_size=16, intermediate_size=16, num_heads=2, num_kv_heads=1,
        head_dim=8, layer_map="0_1s_1s", window=16, context_length=2048, initializer_range=0.3,
    )  # fmt: skip
    return Transformer(config, seed=5), tokenizer


@pytest.fixture(scope="module")
def model(parts: tuple[Transformer, Tokenizer], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny"
    save_hugging_face(path, *parts)
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: Any) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["lm", *map(str, arguments)])
        shown = capsys.readouterr()
        assert ended.value.code == 0, shown.err
        return shown.out

    return call


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: Any) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["lm", *map(str, arguments)])
        assert ended.value.code == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        return line

    return call


def row_of(shown: str, name: str) -> list[str]:
    (line,) = [line for line in shown.splitlines() if line.strip().startswith(name)]
    return line.split()


RULER = ("--ruler", "--lengths", "800,1100", "--tasks", "vt,fwe,niah_single_1", "--samples", 2)


def test_everything_is_measured_shown_and_written(
    model: Path, parts: tuple[Transformer, Tokenizer], run: Run, tmp_path: Path
) -> None:
    (tmp_path / "all" / "words").mkdir(parents=True)
    items = [{"context": "the", "choices": [f" {word}", " zebra"], "answer": 0} for word in NOUNS[:12]]
    (tmp_path / "all" / "words" / "nouns.jsonl").write_text("\n".join(map(json.dumps, items)))
    (tmp_path / "text.txt").write_text(PROSE * 4)
    out = tmp_path / "one.json"
    shown = run(
        "eval", model, "--text", tmp_path / "text.txt", "--sequence-length", 64, "--gauntlet",
        tmp_path / "all", *RULER, "--out", out,
    )  # fmt: skip
    results = json.loads(out.read_text())
    assert results["model"]["layer_map"] == "0_1s_1s"

    # Perplexity by hand: rows of 64 tokens and the one after, each by itself.
    network, tokenizer = parts
    tokens = [*tokenizer.encode(PROSE * 4), tokenizer.eos_id]
    rows = torch.tensor(tokens[: len(tokens) // 65 * 65]).view(-1, 65)
    with torch.no_grad():
        logprobs = network.logits(network(rows[:, :-1])).log_softmax(-1)
    loss = -logprobs.gather(2, rows[:, 1:, None]).mean().item()
    measured = results["perplexity"]
    assert measured["perplexity"] == pytest.approx(math.exp(loss), rel=1e-4)
    num_bytes = sum(len(tokenizer.decode(row[1:])) for row in rows.tolist())
    assert measured["bits_per_byte"] == pytest.approx(loss * rows[:, 1:].numel() / math.log(2) / num_bytes)
    assert f"{measured['perplexity']:.2f}" in row_of(shown, "tiny")

    (nouns,) = results["gauntlet"]["benchmarks"]
    assert (nouns["num_items"], nouns["chance"]) == (12, 0.5)
    assert results["gauntlet"]["average"] == pytest.approx(2 * nouns["accuracy"] - 1)
    assert row_of(shown, "words/nouns ")[1:3] == ["12", "50.0"]

    ruler = results["ruler"]
    assert len(ruler["answers"]) == 3 * 2 * 2
    for answer in ruler["answers"]:
        assert answer["num_tokens"] <= answer["length"]
        found = [reference.lower() in answer["answer"].lower() for reference in answer["references"]]
        assert answer["score"] == pytest.approx(np.mean(found))
    for length in ("800", "1100"):
        cell = ruler["averages"][length]
        mean = np.mean([one["score"] for one in ruler["answers"] if str(one["length"]) == length])
        assert cell["score"] == pytest.approx(mean)
        assert cell["low"] <= cell["score"] <= cell["high"]


def test_an_endpoint_is_asked_the_same_way(
    parts: tuple[Transformer, Tokenizer], model: Path, run: Run, refusal: Run, tmp_path: Path
) -> None:
    server = HttpServer(Engine(*parts, EngineConfig(model_name="there")), ServerConfig())
    started = threading.Event()
    thread = threading.Thread(target=server.run, args=(started.set,))
    thread.start()
    try:
        assert started.wait(30)
        there = ("--endpoint", f"{server.url}/v1", "--endpoint-model", "there")
        run("eval", model, *there, *RULER, "--out", tmp_path / "there.json")
        results = json.loads((tmp_path / "there.json").read_text())
        assert results["model"] == {"name": "there"}
        assert len(results["ruler"]["answers"]) == 12
        # Counted with room for the turn's marks: the server's own limit, its context, is never met.
        run("eval", model, *there, "--ruler", "--lengths", 2048, "--tasks", "vt", "--samples", 1)
        assert "--ruler alone" in refusal("eval", model, *there, "--text", model)
    finally:
        server.stop()
        thread.join(60)


def test_evaluations_are_compared_side_by_side(run: Run, refusal: Run, tmp_path: Path) -> None:
    def saved(name: str, average: float, **more: Any) -> Path:
        cell = {"score": average, "low": average / 2, "high": 1.0, "count": 5}
        cells = {"512": cell, "1024": cell}
        ruler = {"tasks": {"vt": cells}, "averages": cells, "effective_length": None}
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({"model": {"name": "m"}, "ruler": ruler, **more}))
        return path

    gauntlet = {
        "categories": {"words": 0.25},
        "average": 0.25,
        "benchmarks": [
            {
                "category": "words",
                "name": "a",
                "num_shots": 5,
                "num_items": 8,
                "accuracy": 0.625,
                "chance": 0.5,
            }
        ],
    }
    one, two = saved("one", 0.5), saved("two", 0.75, gauntlet=gauntlet)
    shown = run("compare", one, two, "--out", tmp_path / "both.md")
    assert row_of(shown, "words ")[1:] == ["–", "25.0", "%"]
    written = (tmp_path / "both.md").read_text()
    assert "| words/a (5-shot) | 8 | 50.0 % | – | 62.5 % |" in written
    assert "| task | m (1), 512 | m (2), 512 | m (1), 1,024 | m (2), 1,024 |" in written
    assert "| vt | 50 % (25 to 100) | 75 % (38 to 100) | 50 % (25 to 100) | 75 % (38 to 100) |" in written
    assert "![RULER by length](both.svg)" in written
    assert (tmp_path / "both.svg").read_text().startswith("<svg")
    (tmp_path / "none.json").write_text("[]")
    assert "is no evaluation" in refusal("compare", tmp_path / "none.json")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ((), "nothing to measure"),
        (("--text", "nowhere"), "nowhere does not exist"),
        (("--gauntlet", "nowhere"), "nowhere is not a folder"),
        (("--ruler", "--lengths", "many"), "--lengths takes numbers such as 512,1024, got 'many'"),
        (("--ruler", "--lengths", "0"), "at least 1"),
        (("--ruler", "--samples", "0"), "at least 1"),
        (("--ruler", "--tasks", "vt,niah"), "no task 'niah'"),
        (("--ruler", "--tasks", "vt", "--lengths", "4096"), "4096 exceeds the model's context of 2048"),
        (("--ruler", "--tasks", "vt", "--lengths", "64"), "vt needs about"),
        (("--ruler", "--tasks", "qa_1", "--squad", "nowhere"), "nowhere cannot be read"),
        (("--ruler", "--tasks", "vt", "--endpoint", "http://localhost:1/v1"), "an address and the name"),
        (("--ruler", "--tasks", "vt", "--out", "nowhere/x.json"), "nowhere is not a folder"),
    ],
)
def test_what_cannot_be_measured_is_one_clear_line(
    model: Path, refusal: Run, options: tuple[str, ...], complaint: str
) -> None:
    assert complaint in refusal("eval", model, *options)


def test_a_broken_line_of_a_benchmark_is_named(model: Path, refusal: Run, tmp_path: Path) -> None:
    (tmp_path / "words").mkdir()
    good = '{"context": "a", "choices": [" b", " c"], "answer": 0}'
    (tmp_path / "words" / "x.jsonl").write_text(f"{good}\n\n{good[:-5]}\n")
    said = refusal("eval", model, "--gauntlet", tmp_path)
    assert f"{tmp_path}/words/x.jsonl, line 3: " in said
