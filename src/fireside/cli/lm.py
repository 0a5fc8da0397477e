"""`fireside lm`: what a layer map costs, models that get another, and how good models are."""

from typing import Annotated, Literal

import typer

from fireside.cli.lm_convert import convert
from fireside.cli.lm_eval import compare, evaluate
from fireside.cli.lm_pareto import pareto
from fireside.cli.lm_train import train

__all__ = ["lm"]

lm = typer.Typer(
    name="lm",
    help="Language models with sliding windows and shared keys and values.",
    no_args_is_help=True,
)
lm.command("train")(train)
lm.command("convert")(convert)
lm.command("eval")(evaluate)
lm.command("compare")(compare)
lm.command("pareto")(pareto)


@lm.command("plan")
def plan(
    layers: Annotated[int, typer.Option(help="Layers of the model.")],
    kv_heads: Annotated[int, typer.Option(help="Key/value heads of a layer.")],
    head_dim: Annotated[int, typer.Option(help="Width of a head.")],
    layer_map: Annotated[
        str, typer.Option("--map", help="A preset, such as ma-offset, or a map written out: 0_1s_1s_0.")
    ] = "ma-offset",
    window: Annotated[int, typer.Option(help="Tokens that a sliding layer sees.")] = 1024,
    context: Annotated[int, typer.Option(help="The longest sequence; shorter ones are shown too.")] = 32_768,
    dtype: Annotated[Literal["fp32", "bf16"], typer.Option(help="How keys and values are stored.")] = "fp32",
    block: Annotated[int, typer.Option(help="Room is taken in multiples of so many tokens.")] = 16,
) -> None:
    """Print the K/V bytes of a layer map, exactly as the engine allocates them, against the standard map."""
    from rich.console import Console
    from rich.filesize import decimal
    from rich.table import Table

    from fireside.lm.engine.kv_format import KVFormat
    from fireside.lm.engine.planner import KVPlan, against_standard, halvings
    from fireside.lm.layer_map import LayerMap

    planned = KVPlan(
        layers=LayerMap.read(layer_map, layers, window),
        num_kv_heads=kv_heads,
        head_dim=head_dim,
        kv_format=KVFormat(dtype=dtype, block_tokens=block),
    )
    rows = against_standard(planned, halvings(context))
    console = Console()
    for line in (
        f"map {planned.layers}",
        f"owners of K/V: {len(planned.layers.full_owners)} full, "
        f"{len(planned.layers.sliding_owners)} sliding, of {layers} layers",
        f"bytes a token: {planned.token_bytes:,} and {planned.window_bytes:,} for full windows; "
        f"standard {planned.standard().token_bytes:,}",
    ):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    table = Table()
    for heading in ("tokens", "bytes", "", "of standard", "per GiB", "standard per GiB"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            f"{row.tokens:,}",
            f"{row.sequence_bytes:,}",
            decimal(row.sequence_bytes),
            f"{row.share:.1%}",
            f"{row.per_gib:,.1f}",
            f"{row.standard_per_gib:,.1f}",
        )
    console.print(table)
