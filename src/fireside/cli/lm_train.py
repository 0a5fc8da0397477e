"""`fireside lm train`: a model trained in stages."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["train"]


def train(
    file: Annotated[
        Path, typer.Argument(help="A stages file: tokenizer, model, and what each stage trains.")
    ],
    out: Annotated[Path, typer.Option(help="The run's directory; the model will be in OUT/model.")],
) -> None:
    """Train a model in stages, each from the weights of the one before; one that was interrupted goes on."""
    from fireside.recipes.staged_run import read_stages_file, train_stages

    for stage in train_stages(read_stages_file(file), out):
        typer.echo(
            f"{stage['stage']}: {stage['steps']:,} steps, {stage['tokens']:,} tokens, "
            f"loss {stage['first_loss']:.3f} -> {stage['last_loss']:.3f}"
        )
    typer.echo(f"model: {out / 'model'}")
