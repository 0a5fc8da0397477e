"""`fireside mix`: domains, plans, runs, branches and their verdict."""

from pathlib import Path
from typing import Annotated

import typer

from fireside.cli.mix_domains import domains
from fireside.cli.mix_report import report, watch

__all__ = ["mix"]

mix = typer.Typer(
    name="mix",
    help="Mix data sets for language-model training, and find out what each is worth.",
    no_args_is_help=True,
)
mix.command("domains")(domains)
mix.command("report")(report)
mix.command("watch")(watch)


@mix.command("tokenizer")
def tokenizer(
    sources: Annotated[list[Path], typer.Argument(help="Text: folders, JSON Lines, Parquet, CSV, MDS.")],
    out: Annotated[Path, typer.Option(help="The tokenizer's directory.")],
    vocab_size: Annotated[int, typer.Option(min=257, help="Tokens, the 256 bytes included.")] = 4096,
    column: Annotated[str, typer.Option(help="The column that holds text.")] = "text",
) -> None:
    """Train a byte-pair encoding on texts."""
    from fireside.recipes.build_domains import train_tokenizer

    trained = train_tokenizer(sources, out, vocab_size=vocab_size, column=column)
    typer.echo(f"{trained.vocab_size} tokens in {out}")


@mix.command("build")
def build(
    source: Annotated[Path, typer.Argument(help="Text: a folder, JSON Lines, Parquet, CSV, MDS.")],
    out: Annotated[Path, typer.Option(help="The domain's directory.")],
    tokenizer: Annotated[Path, typer.Option(help="The tokenizer's directory; one for all domains.")],
    name: Annotated[str | None, typer.Option(help="What mix files call it; the directory's name.")] = None,
    column: Annotated[str, typer.Option(help="The column that holds text.")] = "text",
    workers: Annotated[int, typer.Option(min=0, help="Processes that tokenise beside this one.")] = 0,
) -> None:
    """Tokenise texts into a domain; one that was interrupted goes on."""
    from fireside.recipes.build_domains import build_from

    built = build_from(source, out, tokenizer, name=name, column=column, num_workers=workers)
    typer.echo(
        f"domain {built.name}: {built.num_documents:,} documents, {built.num_tokens:,} tokens in {out}"
    )


@mix.command("plan")
def plan(file: Annotated[Path, typer.Argument(help="A mix file.")]) -> None:
    """Print tokens and epochs by domain and stage, before any is read; refuse what does not fit."""
    from rich.console import Console
    from rich.table import Table

    from fireside.mixing import plan_file, plan_table

    worked_out = plan_file(file)
    headings, *rows = plan_table(worked_out)
    table = Table(title=f"{worked_out.num_sequences:,} sequences of {worked_out.sequence_length:,} tokens")
    for position, heading in enumerate(headings):
        table.add_column(heading, justify="left" if position < 2 else "right")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


@mix.command("train")
def train(
    file: Annotated[Path, typer.Argument(help="A run file: mix, tokenizer, model, training.")],
    out: Annotated[Path, typer.Option(help="The run's directory.")],
    until: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Stop at this part of the run, to branch from there.")
    ] = 1.0,
) -> None:
    """Train a run to its end or to a branch point; one that was interrupted goes on."""
    from fireside.recipes.training_run import read_run_file, train_run

    run = read_run_file(file)
    checkpoint = train_run(run, out, until_step=round(until * run.num_steps))
    typer.echo(f"checkpoint: {checkpoint}")


@mix.command("branch")
def branch(
    checkpoints: Annotated[list[Path], typer.Argument(help="Checkpoints of runs that differ in their seed.")],
    out: Annotated[Path, typer.Option(help="The sweep's directory.")],
    durations: Annotated[str, typer.Option(help="Parts of the run to upsample, in per cent.")] = "5,10,20,30",
    leave_one_out: Annotated[
        bool, typer.Option("--leave-one-out", help="Also leave out each domain in turn.")
    ] = False,
    removal_duration: Annotated[
        float, typer.Option(help="The duration, in per cent, for which domains are left out.")
    ] = 20.0,
    leave_out: Annotated[
        list[str] | None, typer.Option(help="Leave out this domain only; may be given again.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Orders of the data after each checkpoint.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Branches that are trained at the same time.")] = 1,
) -> None:
    """Train every branch of one or more runs; a sweep that was interrupted goes on."""
    from rich.console import Console

    from fireside.mixing import BranchConfig
    from fireside.recipes.branch_sweep import SweepConfig, run_sweep

    removing = leave_one_out or bool(leave_out)
    branches = BranchConfig(
        durations=tuple(percents(durations)),
        removal_duration=removal_duration / 100 if removing else None,
        removed=tuple(leave_out or ()),
    )
    console = Console()
    for result in run_sweep(checkpoints, out, SweepConfig(branches=branches, orders=seeds, jobs=jobs)):
        losses = ", ".join(f"{name} {loss:.3f}" for name, loss in result["losses"].items())
        console.print(
            f"{result['replicate']} {result['branch']}: {losses} ({result['seconds']:.0f} s)",
            highlight=False,
            markup=False,
        )
    console.print(f"now: fireside mix report {out}", highlight=False, markup=False)


def percents(text: str) -> list[float]:
    """Parts of a run from a list of per cents.

    Raises:
        ConfigError: something that is no number.

    >>> percents("5, 12.5")
    [0.05, 0.125]
    """
    from fireside.core.errors import ConfigError

    try:
        return [float(part) / 100 for part in text.split(",")]
    except ValueError as error:
        raise ConfigError(f"durations are per cents such as 5,10,20,30, got {text!r}") from error
