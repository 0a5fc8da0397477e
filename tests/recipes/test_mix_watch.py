"""A sweep looked at while it runs, with files that come, grow and are half there."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from fireside.cli import mix_report
from fireside.core.errors import InputError
from fireside.recipes.mix_report.progress import read_progress
from fireside.recipes.mix_report.sweep_plan import read_plan
from fireside.recipes.mix_report.watch import progress_table, watch_sweep
from fireside.recipes.report.template import duration
from tests.recipes.example_sweep import example_sweep

REPLICATE = "prefix-0-order-0"


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def acting(*steps: Callable[[], object]) -> Callable[[float], None]:
    """What happens while the watcher waits, one step a wait."""
    coming: Iterator[Callable[[], object]] = iter(steps)
    return lambda _: next(coming)()  # type: ignore[func-returns-value]


def test_a_branch_waits_runs_and_is_done(tmp_path: Path) -> None:
    directory = example_sweep(tmp_path / "s", num_prefixes=1, noise=0.0)
    folder = directory / "runs" / REPLICATE / "upsampled-20"
    done = (folder / "result.json").read_bytes()
    (folder / "result.json").unlink()
    metrics = (folder / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "metrics.jsonl").unlink()
    plan = read_plan(directory)

    def row() -> tuple[str, int, float]:
        one = next(one for one in read_progress(directory, plan) if one.branch == "upsampled-20")
        return one.state, one.step, one.part

    assert row() == ("waiting", 1600, 0.0)
    # Steps 1600, 1610 and the beginning of the next line.
    (folder / "metrics.jsonl").write_bytes(b"".join(metrics[:2]) + metrics[2][:9])
    assert row() == ("running", 1610, 10 / 400)
    (folder / "result.json").write_bytes(done[:40])
    assert row()[0] == "running"
    (folder / "result.json").write_bytes(done)
    assert row() == ("done", 2000, 1.0)


def test_time_to_go_is_the_tokens_left_at_the_last_speed(tmp_path: Path) -> None:
    directory = example_sweep(tmp_path / "s", num_prefixes=1)
    folder = directory / "runs" / REPLICATE / "upsampled-20"
    (folder / "result.json").unlink()
    row = next(one for one in read_progress(directory, read_plan(directory)) if one.state == "running")
    assert row.step == 1990
    assert row.eta_s == pytest.approx(10 * 4096 / 20_000)


def test_gains_are_told_when_the_base_has_ended(tmp_path: Path) -> None:
    directory = example_sweep(tmp_path / "s", num_prefixes=1, noise=0.0)
    plan = read_plan(directory)
    row = next(one for one in read_progress(directory, plan) if one.branch == "upsampled-20")
    assert (row.target, row.general) == (pytest.approx(0.21), pytest.approx(-0.035))
    (directory / "runs" / REPLICATE / "base" / "result.json").unlink()
    row = next(one for one in read_progress(directory, plan) if one.branch == "upsampled-20")
    assert row.target != row.target  # not a number: nothing to compare with


def test_the_time_of_the_whole_sweep_counts_what_waits(tmp_path: Path) -> None:
    directory = example_sweep(tmp_path / "s", num_prefixes=1)
    (directory / "runs" / REPLICATE / "upsampled-20" / "result.json").unlink()
    for file in ("result.json", "metrics.jsonl"):
        (directory / "runs" / REPLICATE / "without-1-20" / file).unlink()
    table = progress_table(read_progress(directory, read_plan(directory)), height=30)
    # 10 steps are left of the one and 400 of the other, of 4096 tokens, at 20,000 tokens a second.
    assert table.caption == f"1 running, 6 done, 1 waiting; about {duration(410 * 4096 / 20_000)} to go"


def test_away_from_a_terminal_every_change_is_a_line(tmp_path: Path) -> None:
    directory = example_sweep(tmp_path / "s", num_prefixes=1)
    folder = directory / "runs" / REPLICATE / "without-3-20"
    done = (folder / "result.json").read_bytes()
    metrics = (folder / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    for file in ("result.json", "metrics.jsonl"):
        (folder / file).unlink()
    console = Console(file=io.StringIO(), width=60)
    watch_sweep(
        directory,
        console=console,
        wait=acting(
            lambda: (folder / "metrics.jsonl").write_bytes(b"".join(metrics[:20])),
            lambda: None,
            lambda: (folder / "result.json").write_bytes(done),
        ),
    )
    lines = shown(console).splitlines()
    mine = [line for line in lines if "without-3-20" in line]
    assert len(lines) == 7 + 2
    assert mine[0].startswith(f"{REPLICATE} without-3-20: running, step 1,790 of 2,000, loss 3.0")
    assert "20,000 tokens/s, 43 s to go" in mine[0]
    assert mine[1].startswith(f"{REPLICATE} without-3-20: done, target +0.2")


def test_a_terminal_has_a_line_a_branch_and_ends_when_all_have(tmp_path: Path) -> None:
    directory = example_sweep(tmp_path / "s", num_prefixes=2)
    console = Console(file=io.StringIO(), force_terminal=True, width=120, height=60)
    watch_sweep(directory, console=console, wait=acting())
    last_frame = shown(console).rpartition("replicate")[2]
    assert last_frame.count("upsampled-20") == 2
    assert "16 done" in shown(console)


def test_what_does_not_fit_a_terminal_is_counted_and_what_runs_comes_first(tmp_path: Path) -> None:
    directory = example_sweep(tmp_path / "s", num_prefixes=3)
    (directory / "runs" / "prefix-2-order-0" / "without-3-20" / "result.json").unlink()
    table = progress_table(read_progress(directory, read_plan(directory)), height=5)
    console = Console(file=io.StringIO(), width=120)
    console.print(table)
    assert table.row_count == 5
    assert "without-3-20" in shown(console)
    assert "1 running, 23 done; 19 not shown; about " in shown(console)


def test_a_branch_that_is_silent_is_said_to_be(tmp_path: Path) -> None:
    directory = example_sweep(tmp_path / "s", num_prefixes=1)
    folder = directory / "runs" / REPLICATE / "base"
    (folder / "result.json").unlink()
    (folder / "metrics.jsonl").write_text('{"step": 1500, "time": 1000.0}\n')
    console = Console(file=io.StringIO(), width=140)
    console.print(progress_table(read_progress(directory, read_plan(directory)), height=30))
    assert "silent for" in shown(console)


def test_watching_nothing_is_a_clear_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=r"has no sweep\.json"):
        mix_report.watch(tmp_path)
    mix_report.watch(example_sweep(tmp_path / "s", num_prefixes=1), interval=0.1)
    assert len(capsys.readouterr().out.splitlines()) == 8
