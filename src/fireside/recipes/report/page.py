"""The page: `results.json` rendered into one file that needs nothing beside it.

Everything from documents, models and users is escaped (`template`), and the plots escape their own text.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from fireside.core.atomic import write_bytes, write_text
from fireside.core.errors import InputError
from fireside.recipes.report.svg import Bar, bar_chart, grouped_bar_chart, line_chart
from fireside.recipes.report.template import render

__all__ = ["read_results", "render_page", "write_report"]


def write_report(results: Mapping[str, Any], directory: str | os.PathLike[str]) -> Path:
    """Write `results.json` and `report.html` into a directory; returns the page's path."""
    directory = Path(directory)
    write_bytes(
        directory / "results.json", msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n"
    )
    page = directory / "report.html"
    write_text(page, render_page(results))
    return page


def read_results(directory: str | os.PathLike[str]) -> dict[str, Any]:
    """The results of a run that has ended.

    Raises:
        InputError: there is no such run, it has not ended, or its results cannot be read.
    """
    file = Path(directory) / "results.json"
    if not file.parent.is_dir():
        raise InputError(f"there is no run at {directory}")
    if not file.is_file():
        raise InputError(f"{directory} has no results.json: the run has not ended; run it again to go on")
    try:
        return dict(msgspec.json.decode(file.read_bytes(), type=dict[str, Any]))
    except msgspec.DecodeError as error:
        raise InputError(f"{file} cannot be read ({error}): delete it, and run again") from error


def render_page(results: Mapping[str, Any]) -> str:
    """The whole page as text."""
    return render("page.html.jinja", **results, plots=plots(results))


def plots(results: Mapping[str, Any]) -> dict[str, Any]:
    """All the plots of the page, by name."""
    clusters, pretrain, agent = results["documents"]["clusters"], results["pretrain"], results["agent"]
    return {
        "clusters": bar_chart(
            [Bar(cluster["name"], cluster["chunks"]) for cluster in clusters], title="Chunks in each domain"
        ),
        "loss_curve": line_chart(
            {name: [(x, y) for x, y in points] for name, points in pretrain["curves"].items()},
            title="Training loss, nats per token (mean over neighbouring steps)",
            x_label="training tokens",
            y_label="loss",
            marker=(pretrain["branch_tokens"], "branch"),
        ),
        "domain_losses": grouped_bar_chart(
            pretrain["domains"],
            {
                branch: [losses[domain] for domain in pretrain["domains"]]
                for branch, losses in pretrain["losses"].items()
            },
            title="Held-out loss by domain, nats per token (shorter is better)",
        ),
        "scores": bar_chart(
            [
                Bar(row["name"], 100 * row["score"], 100 * row["low"], 100 * row["high"])
                for row in agent["systems"]
            ],
            title="Nuggets found on the held-out questions, with 95 % bootstrap intervals",
            unit=" %",
        ),
        "pass_rates": bar_chart(
            [Bar(row["pass_rate"], row["groups"]) for row in agent["training"]["pass_rates"]],
            title="Groups by pass rate; only mixed groups teach",
        ),
        "stages": bar_chart(
            [Bar(stage["title"], stage["seconds"]) for stage in results["stages"]],
            title="Where the time went",
            unit=" s",
        ),
    }
