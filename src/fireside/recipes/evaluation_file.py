"""Evaluations on disk: one JSON file each, and a comparison of several as Markdown with a plot."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from fireside.core.atomic import write_bytes
from fireside.core.errors import InputError
from fireside.recipes.evaluation_tables import evaluation_tables, model_names
from fireside.recipes.report.svg import line_chart
from fireside.recipes.report.template import style_sheet

__all__ = ["read_evaluation", "write_comparison", "write_evaluation"]

Results = dict[str, Any]


def write_evaluation(path: Path, results: Results) -> None:
    """Write results as JSON."""
    write_bytes(path, msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")


def read_evaluation(path: Path) -> Results:
    """What `write_evaluation` wrote.

    Raises:
        InputError: it is not there, or something else.
    """
    try:
        results = msgspec.json.decode(path.read_bytes(), type=dict[str, dict[str, Any]])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no evaluation ({error}): write one with `fireside lm eval`") from error
    if "name" not in results.get("model", {}):
        raise InputError(f"{path} names no model: write one with `fireside lm eval --out`")
    return results


def write_comparison(path: Path, evaluations: Sequence[Results]) -> list[Path]:
    """Write Markdown, and beside it a plot where RULER was run at several lengths.

    Returns:
        the files.
    """
    names = model_names(evaluations)
    curves = {
        name: [(int(length), 100 * cell["score"]) for length, cell in one["ruler"]["averages"].items()]
        for name, one in zip(names, evaluations, strict=True)
        if "ruler" in one
    }
    curves = {name: sorted(points) for name, points in curves.items() if len(points) > 1}
    parts = [f"# {' and '.join(names)}", *(table.markdown() for table in evaluation_tables(evaluations))]
    written = [path]
    if curves:
        plot = path.with_suffix(".svg")
        chart = line_chart(
            curves, title="RULER, mean of its tasks", x_label="tokens", y_label="score (per cent)"
        )
        write_bytes(plot, chart.file(style_sheet()).encode())
        parts.append(f"![RULER by length]({plot.name})")
        written.append(plot)
    write_bytes(path, ("\n\n".join(parts) + "\n").encode())
    return written
