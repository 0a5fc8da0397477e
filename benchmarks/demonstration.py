"""The demonstration from documents to report: how long each stage takes, its memory, and what came out.

The same as `fireside demo` with its default settings, models and data already there. The quick version asks
for the smallest sizes.
"""

import tempfile
from pathlib import Path
from typing import Any

from fireside.recipes.demo import DemoConfig, run_demo
from harness import Bar, Row, bar, run_benchmark

SETTINGS, QUICK = DemoConfig(), DemoConfig(minutes=2.0)


def measure(quick: bool) -> tuple[list[Row], list[Bar]]:
    """All stages, then all systems, differences and losses."""
    settings = QUICK if quick else SETTINGS
    with tempfile.TemporaryDirectory() as runs:
        results, _ = run_demo(settings, runs=Path(runs))
    agent, pretraining = results["agent"], results["pretrain"]
    rows: list[Row] = [{"part": "stage", **stage} for stage in results["stages"]]
    rows += [{"part": "system", "questions": agent["num_questions"], **row} for row in agent["systems"]]
    rows += [{"part": "difference", **row} for row in agent["differences"]]
    rows += [
        {"part": "held-out loss, nats per token", "domain": domain, **losses_of(pretraining, domain)}
        for domain in pretraining["domains"]
    ]
    run = results["run"]
    return rows, [
        bar("minutes, as a share of those given", "<= 1", run["seconds"] / 60 / settings.minutes),
        bar("peak memory, GiB", "<= 8", run["peak_memory_mib"] / 1024),
    ]


def losses_of(pretraining: dict[str, Any], domain: str) -> dict[str, float]:
    """Those of both mixtures."""
    return {mixture: losses[domain] for mixture, losses in pretraining["losses"].items()}


if __name__ == "__main__":
    run_benchmark("demonstration", measure, packages=("torch", "onnxruntime"), seeds=(SETTINGS.seed,))
