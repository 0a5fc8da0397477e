"""Tables and plots of docs/lm/mixattention-maps.md, made from benchmarks/results/mixattention_maps.json.

python benchmarks/mixattention_page.py    writes the plots, and the tables between their marks on the page
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from fireside.lm.layer_map import LayerMap
from fireside.mixing.estimate import Estimate, estimate
from fireside.recipes.pareto_plot import plot_pareto
from fireside.recipes.pareto_table import pareto_markdown, pareto_rows
from harness import RESULTS
from mixattention_maps import BASELINES, CONTEXT
from mixattention_task import BINS, GROUPS

PAGES = Path(__file__).parents[1] / "docs" / "lm"
PAGE = "mixattention-maps.md"
KINDS = {"records": "records alone", "needles": "records in text"}
SHALLOW, DEEP = ("#b2182b", "#ef8a62"), ("#006d2c", "#2b8cbe", "#7bccc4", "#542788", "#a6d96a")
"""Colours of maps whose deepest full owner is layer 0, and of those where it lies deeper."""


def main() -> None:
    """Write everything."""
    told: dict[str, Any] = msgspec.json.decode((RESULTS / "mixattention_maps.json").read_bytes())
    results = told["rows"]
    names = list(dict.fromkeys(one["model"] for one in results))
    compared = pareto_rows(results, score="text_loss", baselines=BASELINES)
    page = (PAGES / PAGE).read_text("utf-8")
    page = with_table(page, "recall", recall_table(results, names))
    page = with_table(page, "seeds", seeds_table(results, names))
    page = with_table(page, "loss", pareto_markdown(compared))
    (PAGES / PAGE).write_text(page, "utf-8")
    plot_pareto(compared, PAGES / "mixattention-pareto.svg", title="K/V bytes against the loss on text")
    plot_recall(results, names, PAGES / "mixattention-recall.svg")


def with_table(page: str, name: str, table: str) -> str:
    """The page with a table between its marks.

    >>> with_table("<!-- table x -->old<!-- end -->", "x", "new")
    '<!-- table x -->\\nnew\\n<!-- end -->'
    """
    mark = f"<!-- table {name} -->"
    pattern = re.compile(re.escape(mark) + ".*?<!-- end -->", re.DOTALL)
    assert pattern.search(page), f"the page has no place for the table {name}"
    return pattern.sub(lambda _: f"{mark}\n{table}\n<!-- end -->", page)


def recall_table(results: Sequence[dict[str, Any]], names: Sequence[str]) -> str:
    """Recall by kind of row and distance, and K/V bytes per token, one line a model."""
    columns = [(kind, group) for kind in KINDS for group in GROUPS]
    head = [f"{KINDS[kind]}, {group}" for kind, group in columns]
    lines = [
        f"| map | full owners | K/V bytes a token | {' | '.join(head)} |",
        "|" + "---|" * (len(columns) + 3),
    ]
    for name in names:
        runs = [one for one in results if one["model"] == name]
        cells = [percent(over_seeds(runs, f"{kind}/{group}")) for kind, group in columns]
        cells = [name, full_owners(runs[0]["layer_map"]), f"{runs[0]['kv_bytes'] / CONTEXT:.0f}", *cells]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def seeds_table(results: Sequence[dict[str, Any]], names: Sequence[str]) -> str:
    """What lies beyond four windows, records alone and in text, seed by seed."""
    seeds = sorted({one["seed"] for one in results})
    lines = [f"| map | {' | '.join(f'seed {seed}' for seed in seeds)} |", "|" + "---|" * (len(seeds) + 1)]
    for name in names:
        of = {one["seed"]: one["scores"] for one in results if one["model"] == name}
        cells = [
            f"{100 * of[seed]['records/far']:.0f}, {100 * of[seed]['needles/far']:.0f}" if seed in of else ""
            for seed in seeds
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def full_owners(layer_map: str) -> str:
    """Which layers compute the K/V of full layers.

    >>> full_owners("0_1s_0"), full_owners("0s_0s"), full_owners("0_1_2_3")
    ('0', 'none', 'all')
    """
    layers = LayerMap.parse(layer_map)
    if len(layers.full_owners) == layers.num_layers:
        return "all"
    return ", ".join(map(str, layers.full_owners)) or "none"


def over_seeds(runs: Sequence[dict[str, Any]], score: str) -> Estimate:
    """The mean of a score with its interval."""
    one = estimate(np.array([run["scores"][score] for run in runs]))
    assert one is not None
    return one


def percent(one: Estimate) -> str:
    """A recall with its interval, which is cut at 0 and 100 %.

    >>> percent(Estimate(mean=0.5, count=3, low=-0.1, high=0.75))
    '50 (0 to 75)'
    """
    if one.low is None or one.high is None:
        return f"{100 * one.mean:.0f}"
    return f"{100 * one.mean:.0f} ({100 * max(one.low, 0):.0f} to {100 * min(one.high, 1):.0f})"


def plot_recall(results: Sequence[dict[str, Any]], names: Sequence[str], path: Path) -> None:
    """Recall by distance, one line a model, in two panels."""
    looks = looks_of({one["model"]: one["layer_map"] for one in results})
    figure = Figure(figsize=(9.5, 4.4), layout="constrained")
    for axes, (kind, title) in zip(figure.subplots(1, 2, sharey=True), KINDS.items(), strict=True):
        for place, name in enumerate(names):
            runs = [one for one in results if one["model"] == name]
            means = [100 * over_seeds(runs, f"{kind}/{part}").mean for part in BINS]
            colour, line = looks[name]
            marker = "o^sDvP*Xd<>"[place % 11]
            axes.plot(range(len(BINS)), means, line, color=colour, marker=marker, markersize=5, label=name)
        axes.set_xticks(range(len(BINS)), BINS, fontsize=8)
        axes.set_xlabel("tokens back")
        axes.set_title(title, fontsize=10)
        axes.set_ylim(-3, 103)
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("recalled, per cent")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside right center", fontsize=8)
    with rc_context({"svg.hashsalt": "fireside"}):
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def looks_of(layer_maps: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Colour and line of every model: by the depth of its deepest full owner."""
    shallow, deep = iter(SHALLOW), iter(DEEP)
    looks = {}
    for name, layer_map in layer_maps.items():
        owners = full_owners(layer_map)
        if owners == "all":
            looks[name] = ("black", "-" if name == "standard" else ":")
        elif owners == "none":
            looks[name] = ("tab:gray", "-")
        else:
            looks[name] = (next(shallow), "--") if owners == "0" else (next(deep), "-")
    return looks


if __name__ == "__main__":
    main()
