"""A run keeps what is done, and refuses what does not belong to it."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from fireside.core.errors import ResumeError
from fireside.recipes.run import PeakMemory, Run, latest_unfinished


def quiet() -> Console:
    return Console(file=io.StringIO())


def test_a_stage_that_has_ended_is_not_done_again(tmp_path: Path) -> None:
    calls = []

    def work() -> dict[str, Any]:
        calls.append(1)
        return {"n": len(calls)}

    first = Run(tmp_path / "r", {"seed": 1}, console=quiet())
    assert first.stage("count", work, title="Counting") == {"n": 1}
    first.close()
    again = Run(tmp_path / "r", {"seed": 1}, console=quiet())
    assert again.stage("count", work, title="Counting") == {"n": 1}
    assert again.record("count").seconds >= 0
    again.close()


def test_a_stage_that_fails_leaves_nothing_and_is_done_again(tmp_path: Path) -> None:
    run = Run(tmp_path / "r", {}, console=quiet())

    def fail() -> dict[str, Any]:
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        run.stage("count", fail, title="Counting")
    with pytest.raises(ResumeError, match="has not come to the stage 'count'"):
        run.record("count")
    assert run.stage("count", lambda: {"n": 2}, title="Counting") == {"n": 2}
    run.close()


def test_other_settings_are_refused_with_the_difference(tmp_path: Path) -> None:
    Run(tmp_path / "r", {"seed": 1, "minutes": 12.0}, console=quiet()).close()
    with pytest.raises(ResumeError, match="seed: 1 then, 2 now"):
        Run(tmp_path / "r", {"seed": 2, "minutes": 12.0}, console=quiet())


def test_two_processes_cannot_work_in_one_run(tmp_path: Path) -> None:
    run = Run(tmp_path / "r", {}, console=quiet())
    with pytest.raises(ResumeError, match="another process"):
        Run(tmp_path / "r", {}, console=quiet())
    run.close()
    Run(tmp_path / "r", {}, console=quiet()).close()


def test_a_damaged_stage_says_what_to_delete(tmp_path: Path) -> None:
    run = Run(tmp_path / "r", {}, console=quiet())
    run.stage("count", lambda: {"n": 1}, title="Counting")
    (tmp_path / "r" / "stages" / "count.json").write_text("{")
    with pytest.raises(ResumeError, match=r"count\.json cannot be read .* delete it"):
        run.stage("count", lambda: {"n": 1}, title="Counting")
    run.close()


def test_the_newest_unfinished_run_of_these_settings_is_found(tmp_path: Path) -> None:
    for name, settings, stages in [
        ("demo-1", {"seed": 1}, ["first"]),
        ("demo-2", {"seed": 1}, ["first"]),
        ("demo-3", {"seed": 1}, ["first", "report"]),
        ("demo-4", {"seed": 2}, ["first"]),
    ]:
        run = Run(tmp_path / name, settings, console=quiet())
        for stage in stages:
            run.stage(stage, dict, title=stage)
        run.close()
    assert latest_unfinished(tmp_path, "demo", {"seed": 1}, "report") == tmp_path / "demo-2"
    assert latest_unfinished(tmp_path, "demo", {"seed": 3}, "report") is None


def test_peak_memory_sees_what_was_allocated_and_freed() -> None:
    with PeakMemory() as before:
        pass
    with PeakMemory() as peak:
        block = bytearray(64 << 20)
        for i in range(0, len(block), 4096):
            block[i] = 1
        peak._done.wait(3 * PeakMemory.INTERVAL_S)
        del block
    assert peak.mib - before.mib > 60
