"""`fireside ml`: what saved pipelines are, and predictions over HTTP."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["ml"]

ml = typer.Typer(
    name="ml",
    help="Look at saved pipelines of fireside.ml or Spark ML, and serve them.",
    no_args_is_help=True,
)


@ml.command("show")
def show(
    model: Annotated[Path, typer.Argument(help="The directory of a saved pipeline or stage.")],
    defaults: Annotated[bool, typer.Option(help="Also list the params that have their default.")] = True,
) -> None:
    """Print the stages of a saved pipeline: columns, params set and by default, and sizes."""
    from rich.console import Console

    from fireside.ml.serving.description import describe, load_any
    from fireside.ml.serving.description_text import description_lines

    stage = load_any(model)
    console = Console()
    for line in description_lines(stage, describe(stage, model), defaults=defaults):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


@ml.command("serve")
def serve(
    model: Annotated[Path, typer.Argument(help="The directory of a saved pipeline model.")],
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8400,
    api_key: Annotated[
        str | None,
        typer.Option(envvar="FIRESIDE_API_KEY", help="What clients must send; needed beyond this machine."),
    ] = None,
    output: Annotated[
        list[str] | None, typer.Option(help="A column to answer; may be given again. Else all final ones.")
    ] = None,
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            metavar="COLUMN=TYPE",
            help="What a column's JSON numbers are, double or long, where the model does not tell.",
        ),
    ] = None,
    max_rows: Annotated[int, typer.Option(min=1, help="Of one request.")] = 10_000,
    max_vector_entries: Annotated[
        int, typer.Option(min=1, help="Of the sparse vectors of one request, zeros included.")
    ] = 1 << 22,
    max_body_mib: Annotated[float, typer.Option(help="Of one request.")] = 4.0,
) -> None:
    """Serve a saved pipeline: JSON rows to POST /predict; also /schema, /health and /metrics."""
    from fireside.ml.serving.serve import serve as serve_directory
    from fireside.ml.serving.server_config import PredictionServerConfig, stated_types

    limits = PredictionServerConfig(
        api_key=api_key,
        outputs=tuple(output) if output else None,
        types=stated_types(types or []),
        max_rows=max_rows,
        max_vector_entries=max_vector_entries,
        max_body_bytes=int(max_body_mib * 2**20),
    )
    serve_directory(model, host=host, port=port, limits=limits)
