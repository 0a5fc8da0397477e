"""The report in a few lines, for the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table

__all__ = ["summary_table"]


def summary_table(results: Mapping[str, Any]) -> Table:
    """One line a system: its score on the held-out questions, the interval, and what a question costs."""
    agent = results["agent"]
    table = Table(
        title=f"{agent['num_questions']} held-out questions, {agent['model']}", title_justify="left"
    )
    table.add_column("system")
    table.add_column("nuggets found", justify="right")
    table.add_column("95 % interval", justify="right")
    table.add_column("searches", justify="right")
    table.add_column("tokens", justify="right")
    table.add_column("seconds", justify="right")
    for row in agent["systems"]:
        table.add_row(
            row["name"],
            f"{100 * row['score']:.1f} %",
            f"{100 * row['low']:.1f} – {100 * row['high']:.1f} %",
            f"{row['searches']:.1f}",
            f"{row['tokens']:.0f}",
            f"{row['seconds']:.1f}",
        )
    return table
