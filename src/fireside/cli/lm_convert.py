"""`fireside lm convert`: another layer map for a trained model."""

import math
from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = ["convert"]


def convert(
    source: Annotated[
        Path,
        typer.Argument(help="A directory in Hugging Face's format, a GGUF file or a training checkpoint."),
    ],
    out: Annotated[Path, typer.Argument(help="The new model's directory.")],
    layer_map: Annotated[
        str, typer.Option("--map", help="A preset, such as ma-pairs, or a map written out: 0_1s_1s_0.")
    ],
    window: Annotated[int, typer.Option(help="Tokens that a sliding layer sees.")] = 1024,
    text: Annotated[
        Path | None, typer.Option(help="Text to calibrate, heal and measure with: a folder or file.")
    ] = None,
    column: Annotated[str, typer.Option(help="The column that holds text.")] = "text",
    initialization: Annotated[
        Literal["owner", "mean", "least-squares"] | None,
        typer.Option("--init", help="What shared K/V is made of; least squares where there is text."),
    ] = None,
    heal_steps: Annotated[int, typer.Option(help="Steps of healing; 0: none.")] = 0,
    learning_rate: Annotated[float, typer.Option(help="Of healing, at its peak.")] = 1e-4,
    batch_size: Annotated[int, typer.Option(help="Sequences in a step of healing.")] = 8,
    sequence_length: Annotated[int, typer.Option(help="Tokens in a sequence.")] = 512,
) -> None:
    """Give a trained model another layer map, heal it by distillation, and say what that cost."""
    from fireside.recipes.convert_model import ConversionConfig, convert_model, read_texts

    settings = ConversionConfig(
        layer_map=layer_map,
        window=window,
        initialization=initialization,
        heal_steps=heal_steps,
        learning_rate=learning_rate,
        batch_size=batch_size,
        sequence_length=sequence_length,
    )
    texts = [] if text is None else read_texts(text, column=column)
    results = convert_model(source, out, settings, texts)
    before, after = results["kv_bytes_before"], results["kv_bytes"]
    typer.echo(f"map: {results['layer_map']}")
    typer.echo(f"K/V bytes of a full context: {before:,} -> {after:,} ({after / before:.1%})")
    for name in ("loss_before", "loss_after_surgery", "loss_after_healing"):
        if name in results:
            words = name.removeprefix("loss_").replace("_", " ")
            typer.echo(f"perplexity {words}: {math.exp(results[name]):.2f}")
    typer.echo(f"model: {out}")
