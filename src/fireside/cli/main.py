"""The `fireside` command: its options, and the boundary at which errors become one line and exit code 2."""

import logging
import os
import sys
from typing import Annotated

import typer

from fireside.cli.ask import ask
from fireside.cli.demo import demo
from fireside.cli.index import index
from fireside.cli.lm import lm
from fireside.cli.mix import mix
from fireside.cli.ml import ml
from fireside.cli.report import report
from fireside.cli.serve import serve
from fireside.core.errors import FiresideError
from fireside.core.printable import printable

__all__ = ["app", "main"]

VERBOSE = ("-v", "--verbose")

app = typer.Typer(
    name="fireside",
    help="From an organisation's own documents and tables to a trained, served and measured agent.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo)
app.command("index")(index)
app.command("ask")(ask)
app.command("report")(report)
app.command("serve")(serve)
app.add_typer(lm)
app.add_typer(mix)
app.add_typer(ml)


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log, and show tracebacks.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version, and end.")] = False,
) -> None:
    """Options of every command."""
    if version:
        from fireside import __version__

        typer.echo(f"fireside {__version__}")
        raise typer.Exit
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(name)s: %(message)s")
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit: 0 done, 2 bad input, 130 interrupted, 1 a defect of ours."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # `-v` is welcome before and after the command's name.
    verbose = any(word in VERBOSE for word in given)
    given = (["--verbose"] if verbose else []) + [word for word in given if word not in VERBOSE]
    # Models and data are installed with the package; nothing may be fetched behind the user's back.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        app(given, prog_name="fireside")
    except FiresideError as error:
        if verbose:
            raise
        end(str(error), 2)
    except KeyboardInterrupt:
        if verbose:
            raise
        end("interrupted; run the same command again to go on", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def end(message: str, code: int) -> None:
    """Say one line on standard error, and exit."""
    line = printable(" ".join(message.split()))
    sys.stderr.write(f"fireside: {line}\n")
    sys.exit(code)
