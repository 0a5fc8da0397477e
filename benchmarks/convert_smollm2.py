"""SmolLM2-135M with another layer map: K/V bytes, and perplexity before, after surgery and after healing.

The published checkpoint has 30 layers of full attention, each with keys and values of its own. It is given
another layer map in one process, with each way to initialise shared keys and values. The two best ways are
then healed by as many steps of distilling the full model into it, attention only. Text is the documentation
that every Python brings along; one row in twenty is held out. The quick version has shorter rows, a smaller
window and so few steps that it shows only that the path works.
"""

import math
import sys
import tempfile
from pathlib import Path
from typing import Any

from fireside.core.metrics import read_metrics
from fireside.lm.convert.gguf import find_smollm2
from fireside.recipes.convert_model import ConversionConfig, convert_model
from fireside.recipes.text_domains import python_reference
from harness import bar, run_benchmark

SEED = 3
MAP = "ma-pairs"
INITIALIZATIONS = ("least-squares", "owner", "mean")
HEALED = INITIALIZATIONS[:2]
FULL = {
    "window": 128,
    "sequence_length": 256,
    "batch_size": 4,
    "calibration_rows": 64,
    "held_out_rows": 48,
    "heal_steps": 30,
    "learning_rate": 1e-4,
}
QUICK = {
    "window": 32,
    "sequence_length": 96,
    "batch_size": 2,
    "calibration_rows": 24,
    "held_out_rows": 6,
    "heal_steps": 8,
    "learning_rate": 1e-4,
}
# Characters of text: far more than a run reads, but not what would take minutes to tokenise.
CHARACTERS, QUICK_CHARACTERS = 6_000_000, 150_000


def measure(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All rows and bars."""
    settings = QUICK if quick else FULL
    texts = spread(python_reference(), QUICK_CHARACTERS if quick else CHARACTERS)
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        for initialization in INITIALIZATIONS:
            steps = settings["heal_steps"] if initialization in HEALED else 0
            config = ConversionConfig(
                layer_map=MAP,
                initialization=initialization,
                seed=SEED,
                **{**settings, "heal_steps": steps},  # type: ignore[arg-type]
            )
            out = Path(directory) / initialization
            row = row_of(initialization, convert_model(find_smollm2(), out, config, texts))
            if steps:
                healing = read_metrics(out.with_name(f"{out.name}.healing") / "metrics.jsonl")
                row["divergence_of_first_step"] = healing[0]["train/loss"]
                row["divergence_of_last_step"] = healing[-1]["train/loss"]
            rows.append(row)
            print(row, file=sys.stderr)
    healed = [row for row in rows if row["heal_steps"]]
    best = min(healed, key=lambda row: row["perplexity_after_healing"])
    bars = [
        bar("K/V bytes of a full context as a share of the full model's", "<= 0.25", best["kv_share"]),
        bar(
            "perplexity after healing as a share of that after surgery, all that are healed",
            "< 1",
            max(row["perplexity_after_healing"] / row["perplexity_after_surgery"] for row in healed),
        ),
    ]
    if not quick:
        bars.append(
            bar(
                "perplexity after healing, times the full model's, best initialisation",
                "<= 1.5",
                best["perplexity_after_healing"] / best["perplexity_before"],
            )
        )
    return rows, bars


def row_of(initialization: str, results: dict[str, Any]) -> dict[str, Any]:
    """What one conversion cost and gained."""
    return {
        "initialization": initialization,
        "map": MAP,
        "window": results["settings"]["window"],
        "heal_steps": results["settings"]["heal_steps"],
        "kv_bytes_before": results["kv_bytes_before"],
        "kv_bytes": results["kv_bytes"],
        "kv_share": results["kv_bytes"] / results["kv_bytes_before"],
        **{
            name.replace("loss", "perplexity"): math.exp(results[name])
            for name in ("loss_before", "loss_after_surgery", "loss_after_healing")
            if name in results
        },
    }


def spread(texts: list[str], characters: int) -> list[str]:
    """Every n-th text, so that about so many characters remain."""
    step = max(1, sum(map(len, texts)) // characters)
    return texts[::step]


if __name__ == "__main__":
    run_benchmark("convert_smollm2", measure, packages=("torch",), seeds=(SEED,))
