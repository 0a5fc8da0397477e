"""The plot of K/V bytes against loss, as an SVG or PNG file. Needs matplotlib."""

from collections.abc import Sequence
from pathlib import Path

from fireside.core.extras import require
from fireside.recipes.pareto_table import ParetoRow

__all__ = ["plot_pareto"]


def plot_pareto(
    rows: Sequence[ParetoRow], path: Path, *, title: str, loss: str = "loss, nats a token"
) -> None:
    """Every model with its interval, the front as a line, baselines as hollow marks.

    Args:
        rows: of `pareto_rows`.
        path: its suffix decides the format.
        title: above the plot.
        loss: what the vertical axis shows.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    matplotlib = require("matplotlib", extra="plots")
    figures = require("matplotlib.figure", extra="plots")
    figure = figures.Figure(figsize=(7.2, 4.6), layout="constrained")
    axes = figure.subplots()
    baselines = {row.baseline for row in rows}
    front = [row for row in rows if row.on_front]
    axes.step([row.kv_bytes for row in front], [row.loss.mean for row in front], where="post", color="0.75")
    for place, row in enumerate(rows):
        error = None if row.loss.low is None else [[row.loss.mean - row.loss.low]] * 2
        axes.errorbar(
            row.kv_bytes,
            row.loss.mean,
            yerr=error,
            fmt="o",
            color="tab:red" if row.on_front else "tab:blue",
            markerfacecolor="white" if row.model in baselines else None,
            capsize=3,
        )
        # Neighbours in cost are labelled above and below in turn.
        axes.annotate(
            row.model,
            (row.kv_bytes, row.loss.mean),
            xytext=(6, -11 if place % 2 else 5),
            textcoords="offset points",
            fontsize=8,
        )
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda num_bytes, _: f"{num_bytes / 1024:g} KiB")
    axes.margins(x=0.15, y=0.12)
    axes.set_xlabel("keys and values of a sequence that fills the context")
    axes.set_ylabel(loss)
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.3)
    # Equal rows give an equal file: no date, and ids from a fixed salt.
    with matplotlib.rc_context({"svg.hashsalt": "fireside"}):
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=150)
