"""`fireside mix report` and `fireside mix watch`: what a sweep says, and how it is going."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["report", "watch"]


def report(
    sweep: Annotated[Path, typer.Argument(help="A directory that `fireside mix branch` wrote.")],
    tolerance: Annotated[
        float, typer.Option(min=0.0, help="How much the general loss may rise, nats per token.")
    ] = 0.05,
) -> None:
    """Write the report of a sweep, finished or not: report.html, verdict.json, plots."""
    from rich.console import Console

    from fireside.recipes.mix_report import findings, headline, verdict_tables, write_sweep_report

    verdict, page = write_sweep_report(sweep, tolerance=tolerance)
    console = Console()
    console.print(headline(verdict), style="bold", highlight=False, markup=False)
    for table in verdict_tables(verdict):
        console.print(table)
    for finding in findings(verdict):
        console.print(finding, highlight=False, markup=False)
    console.print(f"report: {page}", highlight=False, markup=False)


def watch(
    sweep: Annotated[Path, typer.Argument(help="A directory that `fireside mix branch` writes.")],
    interval: Annotated[float, typer.Option(min=0.1, max=60.0, help="Seconds between looks.")] = 1.0,
) -> None:
    """Show a sweep while it runs, until all its branches have ended."""
    from fireside.recipes.mix_report import watch_sweep

    watch_sweep(sweep, interval_s=interval)
