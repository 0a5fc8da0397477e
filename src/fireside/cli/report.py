"""`fireside report`: the page and the table of a run, made again from its results."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["report"]


def report(run: Annotated[Path, typer.Argument(help="A run's directory, such as runs/demo-…")]) -> None:
    """Write a run's report again, and show its table."""
    from rich.console import Console

    from fireside.recipes.report import read_results, summary_table, write_report

    results = read_results(run)
    page = write_report(results, run)
    console = Console()
    console.print(summary_table(results))
    console.print(f"report: {page}", highlight=False, markup=False)
