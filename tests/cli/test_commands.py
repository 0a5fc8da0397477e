"""The commands, run as a user runs them: what they say, their exit codes, what they leave behind."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

FIRESIDE = Path(sys.executable).parent / "fireside"


def run(*arguments: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [FIRESIDE, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, **environment},
    )


def assert_one_clear_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2
    lines = done.stderr.strip().splitlines()
    assert lines[-1].startswith("fireside: ")
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in lines[-1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder: two readable files, an empty one, a binary one, and one that is not what it says."""
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "lighthouse.md").write_text(
        "# Lighthouse\n\nHeight: 42 m\nKeeper: Ada Lindqvist\n\nIt was built in 1874 on the northern cape.\n"
    )
    (folder / "harbour.txt").write_text(
        "Harbour\n\nDepth: 9 m\nMaster: Bo Ek\n\nThe harbour freezes in January.\n"
    )
    (folder / "empty.txt").write_text("")
    (folder / "photo.txt").write_bytes(bytes(range(256)) * 8)
    (folder / "scan.pdf").write_bytes(b"not a pdf")
    return folder


def test_help_names_every_command(tmp_path: Path) -> None:
    done = run("--help", cwd=tmp_path)
    assert done.returncode == 0
    for command in ("demo", "index", "ask", "report", "serve"):
        assert command in done.stdout


def test_an_empty_folder_is_one_clear_line_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    assert_one_clear_line(run("index", "docs", cwd=tmp_path), "docs")
    assert not (tmp_path / ".fireside").exists()


def test_a_missing_folder_is_one_clear_line(tmp_path: Path) -> None:
    assert_one_clear_line(run("index", "nowhere", cwd=tmp_path), "nowhere")


def test_an_endpoint_that_cannot_be_reached_is_one_clear_line_before_anything_begins(
    folder: Path, tmp_path: Path
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        judge = ("--judge-endpoint", url, "--judge-model", "large")
        assert_one_clear_line(run("demo", "--docs", folder, *judge, cwd=tmp_path), url, "cannot be reached")
        assert not (tmp_path / "runs").exists()
        told = run("ask", "Who?", "--endpoint", url, "--model", "large", cwd=tmp_path)
        assert_one_clear_line(told, url, "cannot be reached")
    assert_one_clear_line(run("ask", "Who?", "--endpoint", url, cwd=tmp_path), "the name of its model")


def test_asking_without_an_index_says_how_to_make_one(tmp_path: Path) -> None:
    assert_one_clear_line(run("ask", "How tall is the lighthouse?", cwd=tmp_path), "fireside index")


def test_a_report_of_no_run_is_one_clear_line_and_verbose_shows_the_traceback(tmp_path: Path) -> None:
    assert_one_clear_line(run("report", "runs/none", cwd=tmp_path), "runs/none")
    verbose = run("report", "runs/none", "-v", cwd=tmp_path)
    assert verbose.returncode != 0
    assert "Traceback" in verbose.stderr


def test_an_index_lists_what_it_could_not_read_and_damage_to_it_is_named(
    folder: Path, tmp_path: Path
) -> None:
    done = run("index", "docs", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2 documents" in done.stdout
    for name in ("empty.txt", "photo.txt", "scan.pdf"):
        assert f"not read: {name}" in done.stdout
    victim = tmp_path / ".fireside" / "index" / "chunks.arrow"
    victim.write_bytes(b"")
    assert_one_clear_line(run("ask", "How tall is the lighthouse?", cwd=tmp_path), "chunks.arrow", "index")


def test_an_index_never_replaces_a_folder_that_is_none(folder: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("keep")
    assert_one_clear_line(run("index", "docs", "--out", "precious", cwd=tmp_path), "precious")
    assert (precious / "file").read_text() == "keep"


@pytest.mark.slow
def test_a_question_about_one_s_own_folder_is_searched_and_answered(folder: Path, tmp_path: Path) -> None:
    assert run("index", "docs", cwd=tmp_path).returncode == 0
    done = run("ask", "How high is the Lighthouse?", "--trace", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "searched:" in done.stdout
    assert "42 m" in done.stdout  # in the search's result at least, whatever the model makes of it
