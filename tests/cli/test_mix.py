"""`fireside mix`, as a user types it: from texts to a verdict, and every wrong turn on the way."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.recipes.mix_files import QUESTIONS, WORDS, write_run_file, write_texts

FIRESIDE = Path(sys.executable).parent / "fireside"


def run(*arguments: object, code: int = 0) -> str:
    """What a command prints; its errors, where it should end with another code."""
    command = [FIRESIDE, "mix", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, done.stderr
    if code:
        assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr if code else done.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts made into domains by the commands alone."""
    home = tmp_path_factory.mktemp("mix")
    write_texts(home)
    texts = home / "texts"
    run(
        "tokenizer",
        *(texts / f"{name}.jsonl" for name in WORDS),
        "--out",
        home / "tokenizer",
        "--vocab-size",
        300,
    )
    for name in WORDS:
        for part, suffix in (("domains", ""), ("held-out", "-held-out")):
            source, out = texts / f"{name}{suffix}.jsonl", home / part / name
            told = run("build", source, "--out", out, "--tokenizer", home / "tokenizer", "--name", name)
            assert f"domain {name}: " in told
    (home / "endings.jsonl").write_text(QUESTIONS)
    return home


def test_texts_become_domains_a_plan_a_run_branches_and_a_verdict(home: Path) -> None:
    file = write_run_file(home)
    plan = run("plan", home / "mix-1.toml")
    assert "160 sequences of 16 tokens" in plan
    assert "80.00 %" in plan
    told = run("train", file, "--out", home / "run", "--until", 0.7)
    checkpoint = home / "run" / "checkpoints" / "step-00000028"
    assert str(checkpoint) in told.replace("\n", "")
    sweep = home / "sweep"
    told = run("branch", checkpoint, "--out", sweep, "--durations", "30", "--leave-out",
        "code",
               "--removal-duration", "30", "--seeds", "2", "--jobs", "2")  # fmt: skip
    assert told.count("prefix-0-order-") == 2 * 3
    told = run("report", sweep)
    assert (sweep / "report.html").exists()
    verdict = msgspec.json.decode((sweep / "verdict.json").read_bytes())
    assert verdict["headline"] in " ".join(told.split())
    assert (verdict["num_replicates"], verdict["missing"]) == (2, [])
    told = run("watch", sweep)
    assert told.count("prefix-0-order-1") >= 3


def test_a_domain_is_built_in_several_processes_alike(home: Path) -> None:
    source = home / "texts" / "code.jsonl"
    run(
        "build",
        source,
        "--out",
        home / "parallel",
        "--tokenizer",
        home / "tokenizer",
        "--name",
        "code",
        "--workers",
        2,
    )
    manifests = [
        msgspec.json.decode((home / place / "manifest.json").read_bytes())["files"]
        for place in ("parallel", "domains/code")
    ]
    assert manifests[0] == manifests[1]


def test_what_does_not_fit_is_one_line_with_numbers(home: Path) -> None:
    file = home / "greedy.toml"
    write_run_file(home)
    file.write_text((home / "mix-1.toml").read_text().replace("tokens = 2560", "tokens = 2560000"))
    told = run("plan", file, code=2)
    assert "domain 'web' would be read" in told
    assert "its cap is 4" in told
    file.write_text((home / "mix-1.toml").read_text().replace('code = "domains/code"', 'code = "nowhere"'))
    assert "nowhere" in run("plan", file, code=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("branch", "nowhere/checkpoints/step-00000001", "--out", "sweep"),
            "has no run.json two folders above",
        ),
        (
            ("branch", "x", "--out", "sweep", "--durations", "5,ten"),
            "per cents such as 5,10,20,30, got '5,ten'",
        ),
        (("branch", "x", "--out", "sweep", "--durations", "0"), "between 0 and 1"),
        (("report", "nowhere"), "nowhere"),
        (("watch", "nowhere"), "nowhere"),
        (("train", "nowhere.toml", "--out", "run"), "cannot read the run file"),
        (("build", "nowhere.jsonl", "--out", "d", "--tokenizer", "t"), "t has no tokenizer.json"),
    ],
)
def test_a_wrong_turn_is_one_line(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in run(*arguments, code=2)
    assert list(tmp_path.iterdir()) == []
