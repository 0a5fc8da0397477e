"""The report of a sweep: a page, `verdict.json`, and its plots as SVG files.

sweep directory -> Sweep -> Verdict -> report.html, verdict.json, plots/*.svg
"""

import os
from pathlib import Path

import msgspec

from fireside.core.atomic import write_bytes, write_text
from fireside.mixing.estimate import Estimate
from fireside.recipes.mix_report.curves import loss_curves
from fireside.recipes.mix_report.findings import findings, headline, percent, signed
from fireside.recipes.mix_report.sweep import Sweep, read_sweep
from fireside.recipes.mix_report.verdict import BranchGain, MeasureFacts, Verdict
from fireside.recipes.mix_report.weighing import verdict_of
from fireside.recipes.report.figure import Figure
from fireside.recipes.report.forest import Difference, forest_chart
from fireside.recipes.report.scatter import Point, trade_off_chart
from fireside.recipes.report.svg import line_chart
from fireside.recipes.report.template import render, style_sheet

__all__ = ["render_sweep", "write_sweep_report"]

FORMAT = 1
LEVELS = 4


def write_sweep_report(directory: str | os.PathLike[str], *, tolerance: float = 0.05) -> tuple[Verdict, Path]:
    """Write the report of a sweep, finished or not, into its directory.

    Args:
        directory: of the sweep.
        tolerance: how much the mean general loss may rise, nats per token.

    Returns:
        the verdict, and the page's path.

    Raises:
        InputError: there is no sweep, a file of it cannot be used, or nothing has ended yet.
    """
    sweep = read_sweep(directory)
    verdict = verdict_of(sweep, tolerance=tolerance)
    document = {
        "format": FORMAT,
        "headline": headline(verdict),
        "findings": findings(verdict),
        **msgspec.to_builtins(verdict),
    }
    write_bytes(
        sweep.directory / "verdict.json", msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"
    )
    figures = figures_of(sweep, verdict)
    for name, figure in figures.items():
        if figure.parts:
            write_text(
                sweep.directory / "plots" / f"{name.replace('_', '-')}.svg", figure.file(style_sheet())
            )
    page = sweep.directory / "report.html"
    write_text(page, render_sweep(sweep, verdict, figures))
    return verdict, page


def render_sweep(sweep: Sweep, verdict: Verdict, figures: dict[str, Figure]) -> str:
    """The whole page as text."""
    plan = sweep.plan
    return render(
        "page.html.jinja",
        package=__package__,
        sweep=sweep.directory.resolve().name,
        plan=plan,
        verdict=verdict,
        headline=headline(verdict),
        findings=findings(verdict),
        figures=figures,
        unmeasured=[name for name in (*plan.target, *plan.general) if name not in sweep.losses],
        benchmarks=any(measure.group == "benchmark" for measure in verdict.measures),
        replicate=loss_curves(sweep)[0],
        part=percent,
        tied=[percent(duration) for duration in verdict.duration.tied],
        shown=shown,
        interval=interval,
        heat=heat,
        largest=largest,
        scientific=scientific,
    )


def figures_of(sweep: Sweep, verdict: Verdict) -> dict[str, Figure]:
    """All plots, by name."""
    plan = sweep.plan
    rows = [row for row in verdict.gains if row.kind == "upsampled"]
    replicate, curves = loss_curves(sweep)
    first = min(branch.start_step for branch in plan.branches)
    return {
        "trade_off": trade_off_chart(
            [_point(row, row.target, verdict) for row in rows if row.target and row.general],
            origin="base mix",
            title="General against target score, by duration of upsampling",
            x_label="target gain: held-out loss lower by, nats per token →",
            y_label="general gain, nats per token →",
            limit=(-verdict.tolerance, f"beyond the tolerance of {verdict.tolerance:g}"),
        ),
        "benchmarks": trade_off_chart(
            [_point(row, row.benchmarks, verdict, 100.0) for row in rows if row.benchmarks and row.general],
            origin="base mix",
            title="General score against benchmarks, by duration of upsampling",
            x_label="benchmark gain: mean accuracy higher by, points →",
            y_label="general gain, nats per token →",
            limit=(-verdict.tolerance, f"beyond the tolerance of {verdict.tolerance:g}"),
        ),
        "utilities": forest_chart(
            [
                Difference(
                    row.data_set,
                    row.target.mean,
                    _ends(row.target),
                    signed(row.target.mean),
                    row.target.holds,
                )
                for row in sorted(
                    verdict.utilities, key=lambda row: row.target.mean if row.target else 0.0, reverse=True
                )
                if row.target
            ],
            title="What each data set is worth to the target score",
            x_label="target loss without it, minus with it; nats per token",
        ),
        "losses": line_chart(
            curves,
            title=f"Training loss around the branch point, {replicate}",
            x_label="step",
            y_label="nats per token",
            marker=(first, "first branch"),
        ),
    }


def _point(row: BranchGain, x: Estimate | None, verdict: Verdict, times: float = 1.0) -> Point:
    assert x is not None
    assert row.general is not None
    assert row.duration is not None
    ends = _ends(x)
    return Point(
        label=percent(row.duration),
        x=times * x.mean,
        y=row.general.mean,
        x_interval=None if ends is None else (times * ends[0], times * ends[1]),
        y_interval=_ends(row.general),
        chosen=row.duration == verdict.duration.best,
        note=row.branch,
    )


def _ends(one: Estimate) -> tuple[float, float] | None:
    return None if one.low is None or one.high is None else (one.low, one.high)


def shown(one: Estimate | None, unit: str = "nats") -> str:
    """A gain as a cell shows it: nats with three digits, accuracies in points.

    >>> shown(Estimate(mean=0.0123, count=3)), shown(Estimate(mean=-0.0123, count=3), "accuracy"), shown(None)
    ('+0.012', '−1.2', '–')
    """
    if one is None:
        return "–"
    return signed(one.mean) if unit == "nats" else signed(100 * one.mean, 1)


def interval(one: Estimate | None, unit: str = "nats") -> str:
    """The interval of a gain, or nothing where it has none.

    >>> interval(Estimate(mean=0.5, count=3, low=0.25, high=0.75))
    '+0.250 … +0.750'
    """
    if one is None or one.low is None or one.high is None:
        return ""
    times, digits = (1, 3) if unit == "nats" else (100, 1)
    return f"{signed(times * one.low, digits)} … {signed(times * one.high, digits)}"


def heat(one: Estimate | None, most: float) -> str:
    """The class that colours a cell: sign and size, only where its own interval excludes 0.

    >>> heat(Estimate(mean=-0.5, count=3, p=0.01), 1.0), heat(Estimate(mean=0.5, count=3, p=0.2), 1.0)
    ('n2', 'unclear')
    """
    if one is None or not one.excludes_zero:
        return "unclear"
    level = max(1, min(LEVELS, round(LEVELS * abs(one.mean) / most))) if most else 1
    return f"{'p' if one.mean > 0 else 'n'}{level}"


def largest(rows: list[tuple[Estimate | None, ...]], measures: tuple[MeasureFacts, ...], unit: str) -> float:
    """The largest mean, without its sign, of all cells of a unit."""
    cells = [
        abs(cell.mean)
        for row in rows
        for cell, measure in zip(row, measures, strict=True)
        if cell is not None and measure.unit == unit
    ]
    return max(cells, default=0.0)


def scientific(value: float) -> str:
    """A large number in few letters.

    >>> scientific(1234567.0), scientific(3.2e15)
    ('1.23 M', '3.2 P')
    """
    for power, letter in ((18, "E"), (15, "P"), (12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if abs(value) >= 10**power:
            return f"{value / 10**power:.3g} {letter}"
    return f"{value:.3g}"
