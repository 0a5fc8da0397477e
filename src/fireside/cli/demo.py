"""`fireside demo`: real documents to an answered, scored and improved agent."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["demo"]


def demo(
    docs: Annotated[
        Path | None,
        typer.Option(help="A folder of txt, md, rst, html, pdf, json, csv; the World Factbook if not given."),
    ] = None,
    minutes: Annotated[float, typer.Option(min=2.0, max=600.0, help="Time to spend on two cores.")] = 12.0,
    seed: Annotated[int, typer.Option(min=0, help="All randomness comes from this.")] = 17,
    runs: Annotated[Path, typer.Option(help="Where runs are kept.")] = Path("runs"),
    judge_endpoint: Annotated[
        str | None, typer.Option(help="An OpenAI-compatible address that judges in place of exact matching.")
    ] = None,
    judge_model: Annotated[str | None, typer.Option(help="The model's name at that endpoint.")] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin anew, even if a run was interrupted.")
    ] = False,
) -> None:
    """Take documents to an agent that answers, is scored, and improves; write a report.

    The key of an endpoint is read from FIRESIDE_API_KEY.
    """
    from rich.console import Console

    from fireside.recipes.demo import DemoConfig, run_demo
    from fireside.recipes.report import summary_table

    settings = DemoConfig(
        docs=docs, minutes=minutes, seed=seed, judge_endpoint=judge_endpoint, judge_model=judge_model
    )
    results, page = run_demo(settings, runs=runs, fresh=fresh)
    console = Console()
    console.print(summary_table(results))
    for finding in results["findings"]:
        console.print(finding, highlight=False, markup=False)
    console.print(f"report: {page}", highlight=False, markup=False)
