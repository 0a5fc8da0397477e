"""`fireside lm eval` and `fireside lm compare`: how good a model is, and models side by side."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["compare", "evaluate"]


def evaluate(
    model: Annotated[
        Path | None,
        typer.Argument(
            help="A directory in Hugging Face's format, a GGUF file or a training checkpoint.",
            show_default="SmolLM2-135M-Instruct",
        ),
    ] = None,
    text: Annotated[Path | None, typer.Option(help="A file or folder: perplexity of its text.")] = None,
    gauntlet: Annotated[
        Path | None, typer.Option(help="A folder: benchmarks as CATEGORY/NAME.jsonl, averaged above chance.")
    ] = None,
    ruler: Annotated[bool, typer.Option("--ruler", help="RULER's tasks.")] = False,
    lengths: Annotated[
        str, typer.Option(help="RULER: tokens of prompt and answer, with commas.")
    ] = "1024,2048",
    tasks: Annotated[str, typer.Option(help="RULER: names with commas; all 13 if empty.")] = "",
    samples: Annotated[int, typer.Option(help="RULER: prompts of each task at each length.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="RULER: of the prompts.")] = 0,
    haystack: Annotated[Path | None, typer.Option(help="RULER: text to hide needles in.")] = None,
    squad: Annotated[Path | None, typer.Option(help="RULER: questions of qa_1, SQuAD's format.")] = None,
    hotpotqa: Annotated[
        Path | None, typer.Option(help="RULER: questions of qa_2, HotpotQA's format.")
    ] = None,
    sequence_length: Annotated[int, typer.Option(min=1, help="Text: tokens seen at a time.")] = 512,
    endpoint: Annotated[
        str | None,
        typer.Option(help="RULER over an OpenAI-compatible address instead; MODEL's tokenizer counts."),
    ] = None,
    endpoint_model: Annotated[str | None, typer.Option(help="The model's name at the endpoint.")] = None,
    name: Annotated[str | None, typer.Option(help="What tables call the model.")] = None,
    out: Annotated[Path | None, typer.Option(help="A JSON file to write, answers included.")] = None,
) -> None:
    """Measure a model: perplexity of a text, benchmarks of a folder, RULER at any lengths."""
    from rich.console import Console

    from fireside.core.errors import ConfigError, InputError
    from fireside.recipes.endpoint import open_endpoint
    from fireside.recipes.evaluate_model import RulerConfig, evaluate_endpoint, evaluate_model
    from fireside.recipes.evaluation_file import write_evaluation
    from fireside.recipes.evaluation_tables import evaluation_tables
    from fireside.recipes.ruler_texts import RulerFiles

    console = Console()

    def told(what: str, score: float) -> None:
        console.print(f"{what}: {score:.3f}", style="dim", highlight=False, markup=False)

    prompts = RulerConfig(lengths=lengths_of(lengths), tasks=names_of(tasks), num_samples=samples, seed=seed)
    files = RulerFiles(haystack=haystack, squad=squad, hotpotqa=hotpotqa)
    if out is not None and not out.parent.is_dir():
        raise InputError(f"{out.parent} is not a folder: make it first, or write elsewhere")
    sampler = open_endpoint(endpoint, endpoint_model)
    if sampler is None:
        results = evaluate_model(
            model,
            name=name,
            text=text,
            sequence_length=sequence_length,
            gauntlet=gauntlet,
            ruler=prompts if ruler else None,
            files=files,
            on_done=told,
        )
    else:
        with closing(sampler):
            if not ruler or text is not None or gauntlet is not None:
                raise ConfigError("an endpoint tells no probabilities of a text: ask for --ruler alone")
            results = evaluate_endpoint(sampler, model, ruler=prompts, files=files, on_done=told)
    for table in evaluation_tables([results]):
        console.print(table.rich())
    if out is not None:
        write_evaluation(out, results)
        console.print(f"results: {out}", highlight=False, markup=False, soft_wrap=True)


def compare(
    evaluations: Annotated[list[Path], typer.Argument(help="Files that `fireside lm eval --out` wrote.")],
    out: Annotated[Path | None, typer.Option(help="A Markdown file to write; a plot goes beside it.")] = None,
) -> None:
    """Show evaluations side by side."""
    from rich.console import Console

    from fireside.recipes.evaluation_file import read_evaluation, write_comparison
    from fireside.recipes.evaluation_tables import evaluation_tables

    results = [read_evaluation(path) for path in evaluations]
    console = Console()
    for table in evaluation_tables(results):
        console.print(table.rich())
    if out is not None:
        written = " ".join(map(str, write_comparison(out, results)))
        console.print(f"written: {written}", highlight=False, markup=False, soft_wrap=True)


def names_of(listed: str) -> tuple[str, ...]:
    """Names between commas or blanks.

    >>> names_of("vt, cwe fwe")
    ('vt', 'cwe', 'fwe')
    """
    return tuple(listed.replace(",", " ").split())


def lengths_of(listed: str) -> tuple[int, ...]:
    """Numbers between commas or blanks.

    Raises:
        ConfigError: something else.

    >>> lengths_of("512,1024")
    (512, 1024)
    """
    from fireside.core.errors import ConfigError

    try:
        return tuple(int(one) for one in names_of(listed))
    except ValueError as error:
        raise ConfigError(f"--lengths takes numbers such as 512,1024, got {listed!r}") from error
