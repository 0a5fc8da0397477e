"""`fireside index`: a folder of documents to something that can be searched."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["index"]

DEFAULT_INDEX = Path(".fireside/index")


def index(
    folder: Annotated[Path, typer.Argument(help="A folder of txt, md, rst, html, pdf, json, csv.")],
    out: Annotated[Path, typer.Option(help="Where the index goes.")] = DEFAULT_INDEX,
) -> None:
    """Read, clean, chunk, deduplicate and index a folder of documents."""
    from rich.console import Console

    from fireside.recipes.index_documents import index_folder

    summary = index_folder(folder, out)
    console = Console()
    for file in summary.unreadable:
        console.print(f"not read: {file.path}: {file.reason}", style="yellow", highlight=False, markup=False)
    console.print(
        f"{summary.num_documents} documents, {summary.num_chunks} chunks "
        f"({summary.num_duplicates} near-duplicates dropped) in {out}",
        highlight=False,
        markup=False,
    )
