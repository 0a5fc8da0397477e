"""Tables and plots of docs/lm/mixattention-maps.md, made from benchmarks/results/mixattention_maps.json.

python benchmarks/mixattention_page.py      writes the plots, prints the tables
"""

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
from fireside.recipes.pareto_table import pareto_markdown, pareto_rows, shown
from harness import RESULTS
from mixattention_maps import BASELINES, CONTEXT
from mixattention_task import BINS, GROUPS

PAGES = Path(__file__).parents[1] / "docs" / "lm"
KINDS = {"records": "records alone", "needles": "records in text"}
FAMILIES = {"no full owner": "tab:gray", "shallow full owner": "tab:red", "deep full owner": "tab:green"}


def main() -> None:
    """Write and print everything."""
    told: dict[str, Any] = msgspec.json.decode((RESULTS / "mixattention_maps.json").read_bytes())
    results = told["rows"]
    names = list(dict.fromkeys(one["model"] for one in results))
    print(recall_table(results, names))
    compared = pareto_rows(results, score="text_loss", baselines=BASELINES)
    print(pareto_markdown(compared))
    PAGES.mkdir(parents=True, exist_ok=True)
    plot_pareto(compared, PAGES / "mixattention-pareto.svg", title="K/V bytes against the loss on text")
    plot_recall(results, names, PAGES / "mixattention-recall.svg")


def recall_table(results: Sequence[dict[str, Any]], names: Sequence[str]) -> str:
    """Recall by kind of row and distance, the loss on text, and K/V bytes per token, one line a model."""
    columns = [(kind, group) for kind in KINDS for group in GROUPS]
    head = [f"{KINDS[kind]}, {group}" for kind, group in columns]
    lines = [
        f"| map | full owners | K/V bytes a token | {' | '.join(head)} | loss on text |",
        "|" + "---|" * (len(columns) + 4),
    ]
    for name in names:
        runs = [one for one in results if one["model"] == name]
        owners = LayerMap.parse(runs[0]["layer_map"]).full_owners
        cells = [percent(over_seeds(runs, f"{kind}/{group}")) for kind, group in columns]
        depths = "all" if len(owners) > 2 else ", ".join(map(str, owners)) or "none"
        cells = [name, depths, f"{runs[0]['kv_bytes'] / CONTEXT:.0f}", *cells]
        lines.append(f"| {' | '.join(cells)} | {shown(over_seeds(runs, 'text_loss'))} |")
    return "\n".join(lines) + "\n"


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
    figure = Figure(figsize=(9.5, 4.4), layout="constrained")
    for axes, (kind, title) in zip(figure.subplots(1, 2, sharey=True), KINDS.items(), strict=True):
        for place, name in enumerate(names):
            runs = [one for one in results if one["model"] == name]
            means = [over_seeds(runs, f"{kind}/{part}") for part in BINS]
            colour, line = _look(name, runs[0]["layer_map"])
            axes.plot(
                range(len(BINS)),
                [100 * one.mean for one in means],
                line,
                color=colour,
                marker="o^sDvP*Xd<>"[place % 11],
                markersize=5,
                label=name,
            )
        axes.set_xticks(range(len(BINS)), BINS, fontsize=8)
        axes.set_xlabel("tokens back")
        axes.set_title(title, fontsize=10)
        axes.set_ylim(-3, 103)
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("recalled, per cent")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside right center", fontsize=8)
    with rc_context({"svg.hashsalt": "fireside"}):
        figure.savefig(path, metadata={"Date": None})


def _look(name: str, layer_map: str) -> tuple[str, str]:
    """Colour by the deepest full owner; baselines dotted, standard black."""
    if name == "standard":
        return "black", "-"
    if name in BASELINES.values():
        return "tab:orange", ":"
    owners = LayerMap.parse(layer_map).full_owners
    family = "no full owner" if not owners else "deep full owner" if max(owners) else "shallow full owner"
    return FAMILIES[family], "-"


if __name__ == "__main__":
    main()
