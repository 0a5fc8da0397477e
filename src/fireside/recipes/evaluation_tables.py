"""Evaluations as tables: of one model for the terminal, of several side by side in Markdown.

Knows the form of the results and nothing of how they came about.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import rich.box
import rich.table

__all__ = ["EvaluationTable", "evaluation_tables", "model_names"]

Results = dict[str, Any]
NOTHING = "–"


@dataclass(frozen=True, slots=True)
class EvaluationTable:
    """Rows of text under headings; the first column is a name, the others are numbers."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """The table in Markdown, below its title.

        >>> print(EvaluationTable("Sums", ("", "score"), (("one", "80 %"),)).markdown())
        ## Sums
        <BLANKLINE>
        |  | score |
        |---|---:|
        | one | 80 % |
        """
        lines = (
            f"| {' | '.join(self.headings)} |",
            f"|---{'|---:' * (len(self.headings) - 1)}|",
            *(f"| {' | '.join(row)} |" for row in self.rows),
        )
        return f"## {self.title}\n\n" + "\n".join(lines)

    def rich(self) -> rich.table.Table:
        """The table for a terminal."""
        table = rich.table.Table(title=self.title, title_justify="left", box=rich.box.SIMPLE_HEAD)
        for place, heading in enumerate(self.headings):
            table.add_column(heading, justify="right" if place else "left")
        for row in self.rows:
            table.add_row(*row)
        return table


def evaluation_tables(evaluations: Sequence[Results]) -> list[EvaluationTable]:
    """One table for each thing that any of the models was measured by; what a model lacks is a dash."""
    names = model_names(evaluations)
    tables = [
        _perplexities(names, [one.get("perplexity") for one in evaluations]),
        *_gauntlets(names, [one.get("gauntlet") for one in evaluations]),
        _rulers(names, [one.get("ruler") for one in evaluations]),
    ]
    return [table for table in tables if table.rows]


def model_names(evaluations: Sequence[Results]) -> list[str]:
    """Names of the models; numbered where two are alike."""
    names = [str(one["model"]["name"]) for one in evaluations]
    return [
        name if names.count(name) == 1 else f"{name} ({1 + names[:place].count(name)})"
        for place, name in enumerate(names)
    ]


def _perplexities(names: Sequence[str], measured: Sequence[Results | None]) -> EvaluationTable:
    headings = ("", "perplexity", "bits per byte", "tokens", "seen at a time")
    rows = [
        (
            name,
            f"{one['perplexity']:.2f}",
            f"{one['bits_per_byte']:.3f}",
            f"{one['num_tokens']:,}",
            f"{one['sequence_length']:,}",
        )
        for name, one in zip(names, measured, strict=True)
        if one is not None
    ]
    return EvaluationTable("Perplexity", headings, tuple(rows))


def _gauntlets(names: Sequence[str], measured: Sequence[Results | None]) -> list[EvaluationTable]:
    """Averages above chance by category, and the accuracies they are made of."""
    categories = [{} if one is None else one["categories"] for one in measured]
    above = [
        (category, *(_percent(scores.get(category)) for scores in categories))
        for category in _all(categories)
    ]
    if above:
        averages = (None if one is None else one["average"] for one in measured)
        above.append(("average", *map(_percent, averages)))
    by_benchmark = [
        {} if one is None else {_benchmark(score): score for score in one["benchmarks"]} for one in measured
    ]
    accuracies = []
    for benchmark in _all(by_benchmark):
        scores = [one.get(benchmark) for one in by_benchmark]
        known = next(score for score in scores if score is not None)
        cells = (_percent(None if score is None else score["accuracy"]) for score in scores)
        accuracies.append((benchmark, f"{known['num_items']:,}", _percent(known["chance"]), *cells))
    return [
        EvaluationTable("Above chance", ("category", *names), tuple(above)),
        EvaluationTable("Accuracy", ("benchmark", "items", "chance", *names), tuple(accuracies)),
    ]


def _rulers(names: Sequence[str], measured: Sequence[Results | None]) -> EvaluationTable:
    """Every task at every length; of several models, their columns stand side by side at each length."""
    tables = [{} if one is None else {**one["tasks"], "average": one["averages"]} for one in measured]
    lengths = sorted({int(length) for table in tables for cells in table.values() for length in cells})
    tasks = [task for task in _all(tables) if task != "average"]
    rows = [
        (
            task,
            *(_with_interval(table.get(task, {}).get(str(length))) for length in lengths for table in tables),
        )
        for task in (*tasks, *(["average"] if tasks else []))
    ]
    headings = [
        f"{length:,} tokens" if len(names) == 1 else f"{name}, {length:,}"
        for length in lengths
        for name in names
    ]
    return EvaluationTable("RULER, with 95 % intervals", ("task", *headings), tuple(rows))


def _all(tables: Sequence[dict[str, Any]]) -> list[str]:
    """The names in all tables, each once, in their order."""
    return list(dict.fromkeys(name for table in tables for name in table))


def _benchmark(score: Results) -> str:
    shots = f" ({score['num_shots']}-shot)" if score["num_shots"] else ""
    return f"{score['category']}/{score['name']}{shots}"


def _percent(share: float | None) -> str:
    return NOTHING if share is None else f"{100 * share:.1f} %"


def _with_interval(cell: Results | None) -> str:
    if cell is None:
        return NOTHING
    return f"{100 * cell['score']:.0f} % ({100 * cell['low']:.0f} to {100 * cell['high']:.0f})"
