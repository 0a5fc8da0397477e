"""`fireside ask`: a question to the agent, over an index."""

from pathlib import Path
from typing import Annotated

import typer

from fireside.cli.index import DEFAULT_INDEX

__all__ = ["ask"]


def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    index: Annotated[Path, typer.Option(help="An index made by `fireside index`.")] = DEFAULT_INDEX,
    run: Annotated[Path | None, typer.Option(help="A demo run whose trained agent should answer.")] = None,
    parallel: Annotated[int, typer.Option(min=1, max=32, help="Rollouts to think in parallel.")] = 1,
    endpoint: Annotated[
        str | None, typer.Option(help="An OpenAI-compatible address that answers, such as http://…/v1.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model's name at the endpoint.")] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Show every search and what it found.")] = False,
) -> None:
    """Ask the agent a question about the indexed documents; an endpoint's key is FIRESIDE_API_KEY."""
    from rich.console import Console

    from fireside.recipes.ask import answer_question
    from fireside.recipes.endpoint import open_endpoint

    answer = answer_question(
        question, index=index, run=run, model=open_endpoint(endpoint, model), parallel=parallel
    )
    console = Console()
    if trace:
        for turn in answer.turns:
            console.print(turn["role"], style="bold", markup=False)
            console.print(turn["text"], highlight=False, markup=False)
    console.print(answer.text or "no answer", style="bold" if answer.text else "yellow", markup=False)
    for citation in answer.citations:
        console.print(f"  {citation.document_id}: {citation.title}", highlight=False, markup=False)
    for query in answer.searches:
        console.print(f"  searched: {query}", style="dim", highlight=False, markup=False)
