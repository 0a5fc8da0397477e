"""`fireside lm pareto`: which layer map for a text, by K/V bytes and quality."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["pareto"]


def pareto(
    source: Annotated[Path, typer.Argument(help="Text to train on and measure with: a folder or a file.")],
    out: Annotated[Path, typer.Option(help="Takes runs, table and plot; an interrupted call goes on there.")],
    maps: Annotated[
        str, typer.Option(help="Presets or maps written out, separated by commas.")
    ] = "standard,sliding,ma-offset,ma-pairs",
    seeds: Annotated[int, typer.Option(min=1, help="Runs of every map.")] = 3,
    baselines: Annotated[
        bool, typer.Option(help="Also train smaller standard models of equal K/V bytes.")
    ] = True,
    tokenizer: Annotated[
        Path | None, typer.Option(help="A tokenizer's directory; one is trained if left out.")
    ] = None,
    column: Annotated[str, typer.Option(help="The column that holds text.")] = "text",
    layers: Annotated[int, typer.Option(help="Layers of the model.")] = 12,
    hidden: Annotated[int, typer.Option(help="Width of the model.")] = 96,
    head_dim: Annotated[int, typer.Option(help="Width of a head.")] = 16,
    kv_heads: Annotated[int, typer.Option(help="Key/value heads of a layer.")] = 2,
    window: Annotated[int, typer.Option(help="Tokens that a sliding layer sees.")] = 32,
    context: Annotated[int, typer.Option(help="Tokens of a sequence, in training and in the table.")] = 512,
    steps: Annotated[int, typer.Option(help="Steps of a run.")] = 400,
    batch_size: Annotated[int, typer.Option(help="Sequences in a step.")] = 8,
    learning_rate: Annotated[float, typer.Option(help="At its peak.")] = 3e-3,
    jobs: Annotated[int, typer.Option(help="Runs at the same time.")] = 1,
) -> None:
    """Train small models with different layer maps on your text: K/V bytes against held-out loss."""
    from rich.console import Console
    from rich.table import Table

    from fireside.lm.tokenizer import Tokenizer
    from fireside.recipes.convert_model import read_texts
    from fireside.recipes.pareto import ParetoConfig
    from fireside.recipes.pareto import pareto as run_pareto
    from fireside.recipes.pareto_table import shown

    settings = ParetoConfig(
        maps=tuple(maps.split(",")),
        seeds=tuple(range(seeds)),
        baselines=baselines,
        num_layers=layers,
        hidden_size=hidden,
        head_dim=head_dim,
        num_kv_heads=kv_heads,
        window=window,
        context_length=context,
        num_steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        jobs=jobs,
    )
    given = None if tokenizer is None else Tokenizer.load(tokenizer)
    rows = run_pareto(out, read_texts(source, column=column), settings, given)
    table = Table()
    for heading in ("model", "K/V bytes", "parameters", "loss", "against equal K/V", "on the front"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for row in rows:
        table.add_row(
            row.model,
            f"{row.kv_bytes:,}",
            f"{row.parameters:,}",
            shown(row.loss),
            "" if row.against_baseline is None else shown(row.against_baseline, sign="+"),
            "yes" if row.on_front else "",
        )
    console = Console()
    console.print(table)
    console.print(f"table, plot and all runs: {out}", highlight=False, markup=False, soft_wrap=True)
