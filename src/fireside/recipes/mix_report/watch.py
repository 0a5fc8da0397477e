"""`watch_sweep`: a sweep while it runs, one line a branch.

On a terminal a table that changes in place; elsewhere a line for each change. Only reads.
"""

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fireside.recipes.mix_report.findings import signed
from fireside.recipes.mix_report.progress import BranchProgress, read_progress
from fireside.recipes.mix_report.sweep_plan import SweepPlan, read_plan
from fireside.recipes.report.template import duration

__all__ = ["progress_table", "watch_sweep"]

SILENT_S = 120.0
BAR_LENGTH = 12
FRAME_HEIGHT = 6
ORDER = {"running": 0, "done": 1, "waiting": 2}


def watch_sweep(
    directory: str | os.PathLike[str],
    *,
    console: Console | None = None,
    interval_s: float = 1.0,
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Show a sweep until all its branches have ended.

    Args:
        directory: of the sweep.
        console: where to show it; standard output by default.
        interval_s: seconds between looks.
        wait: lets that time pass.

    Raises:
        InputError: there is no sweep.
    """
    directory, console = Path(directory), console or Console()
    looks = _looks(directory, read_plan(directory), interval_s, wait)
    if console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            for rows in looks:
                live.update(progress_table(rows, height=console.height - FRAME_HEIGHT), refresh=True)
        return
    said: dict[tuple[str, str], tuple[str, int]] = {}
    for rows in looks:
        for row in rows:
            news = (row.state, int(10 * row.part))
            if said.get((row.replicate, row.branch), ("waiting", 0)) != news:
                console.print(_line(row), markup=False, highlight=False, soft_wrap=True)
                said[row.replicate, row.branch] = news


def progress_table(rows: Sequence[BranchProgress], *, height: int) -> Table:
    """The branches as a table; where they are more than `height`, those that run come first.

    Args:
        rows: all branches.
        height: most lines to show.
    """
    shown = list(rows)
    if len(shown) > height:
        shown = sorted(shown, key=lambda row: ORDER[row.state])[: max(1, height)]
    counts = {state: sum(row.state == state for row in rows) for state in ORDER}
    caption = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    if len(shown) < len(rows):
        caption += f"; {len(rows) - len(shown)} not shown"
    if math.isfinite(left := _seconds_left(rows)):
        caption += f"; about {duration(left)} to go"
    table = Table(caption=caption, caption_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("replicate", "branch", "state"):
        table.add_column(heading)
    for heading in ("step", "loss", "tokens/s", "to go", "target", "general"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in shown:
        table.add_row(Text(row.replicate), Text(row.branch), _state(row), *_cells(row))
    return table


def _looks(
    directory: Path, plan: SweepPlan, interval_s: float, wait: Callable[[float], None]
) -> Iterator[list[BranchProgress]]:
    """The sweep now and again, until all has ended."""
    while True:
        rows = read_progress(directory, plan)
        yield rows
        if all(row.state == "done" for row in rows):
            return
        wait(interval_s)


def _seconds_left(rows: Sequence[BranchProgress]) -> float:
    """Until all branches have ended, if as many go on running, as fast as now; NaN where none is running."""
    running = [row for row in rows if row.state == "running" and row.eta_s > 0]
    steps_per_second = sum((row.num_steps - row.step) / row.eta_s for row in running)
    steps = sum(row.num_steps - row.step for row in rows)
    return steps / steps_per_second if steps_per_second > 0 else math.nan


def _state(row: BranchProgress) -> Text:
    if row.state == "done":
        return Text("done", style="green")
    if row.state == "waiting":
        return Text("waiting", style="dim")
    if row.silent_s > SILENT_S:
        return Text(f"silent for {duration(row.silent_s)}", style="yellow")
    filled = round(BAR_LENGTH * row.part)
    return Text("━" * filled, style="cyan").append("━" * (BAR_LENGTH - filled), style="dim")


def _cells(row: BranchProgress) -> tuple[str, ...]:
    running = row.state == "running"
    return (
        f"{row.step:,} of {row.num_steps:,}" if running else "",
        _number(f"{row.loss:.3f}", row.loss),
        _number(f"{row.tokens_per_second:,.0f}", row.tokens_per_second),
        duration(row.eta_s) if running and math.isfinite(row.eta_s) else "",
        _number(signed(row.target), row.target),
        _number(signed(row.general), row.general),
    )


def _line(row: BranchProgress) -> str:
    """A change as a line."""
    words = f"{row.replicate} {row.branch}: {row.state}"
    if row.state == "running":
        words += f", step {row.step:,} of {row.num_steps:,}"
        for value, said in (
            (row.loss, f"loss {row.loss:.3f}"),
            (row.tokens_per_second, f"{row.tokens_per_second:,.0f} tokens/s"),
        ):
            words += f", {said}" if math.isfinite(value) else ""
        words += f", {duration(row.eta_s)} to go" if math.isfinite(row.eta_s) else ""
    if math.isfinite(row.target) and math.isfinite(row.general):
        words += f", target {signed(row.target)}, general {signed(row.general)}"
    return words


def _number(shown: str, value: float) -> str:
    return shown if math.isfinite(value) else ""
