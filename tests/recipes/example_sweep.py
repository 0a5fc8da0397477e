"""A sweep made up on paper: known effects, a little noise, the files of `fireside mix branch`."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

NUM_STEPS = 2000
TOKENS_PER_STEP = 4096
FLOPS_PER_TOKEN = 6e6
DOMAINS = ("web", "code", "papers", "forum")
BASE_SHARES = (0.82, 0.06, 0.06, 0.06)
UPSAMPLED_SHARES = (0.3, 0.3, 0.25, 0.15)
BASE_LOSSES = (3.1, 2.4, 2.9, 3.3)
BENCHMARKS = ("definitions", "arithmetic")

# The gain in the last x of training: target domains saturate, web loses in proportion.
TARGET_GAINS = {0.05: 0.10, 0.1: 0.16, 0.2: 0.21, 0.3: 0.22}
WEB_GAINS = {0.05: -0.008, 0.1: -0.018, 0.2: -0.035, 0.3: -0.08}
# Worth of a data set to itself and to the others, when it is left out for 20 %.
OWN = {"code": 0.2, "papers": 0.18, "forum": 0.01}
OTHERS = {"code": 0.02, "papers": 0.01, "forum": -0.03}


def example_sweep(
    directory: Path,
    *,
    num_prefixes: int = 3,
    num_orders: int = 1,
    noise: float = 0.004,
    domains: Sequence[str] = DOMAINS,
    ended: Callable[[str, str], bool] = lambda replicate, branch: True,
) -> Path:
    """Write a sweep directory.

    Args:
        directory: takes it; made if it is not there.
        num_prefixes: independent runs.
        num_orders: orders of the data after each.
        noise: standard deviation of a loss, nats per token; runs differ by far more, which cancels.
        domains: other names for web, code, papers and forum.
        ended: whether a branch of a replicate has a result.
    """
    directory.mkdir(parents=True, exist_ok=True)
    replicates = [f"prefix-{p}-order-{o}" for p in range(num_prefixes) for o in range(num_orders)]
    plan = sweep_plan(domains, replicates)
    write_json(directory / "sweep.json", plan)
    generator = np.random.default_rng(11)
    for replicate in replicates:
        luck = generator.normal(scale=0.1)
        for branch in plan["branches"]:
            wiggle = generator.normal(scale=noise, size=len(DOMAINS) + len(BENCHMARKS))
            folder = directory / "runs" / replicate / branch["name"]
            if ended(replicate, branch["name"]):
                write_json(folder / "result.json", result(branch, replicate, domains, luck, wiggle))
                write_metrics(folder / "metrics.jsonl", branch, NUM_STEPS)
    return directory


def sweep_plan(domains: Sequence[str], replicates: Sequence[str]) -> dict[str, Any]:
    """`sweep.json`."""
    starts = {duration: round((1 - duration) * NUM_STEPS) for duration in TARGET_GAINS}
    branches = [branch_of("base", "base", min(starts.values()))]
    branches += [
        branch_of(f"upsampled-{100 * duration:g}", "upsampled", start, duration)
        for duration, start in starts.items()
    ]
    branches += [
        branch_of(f"without-{i}-20", "without", starts[0.2], 0.2, domain)
        for i, domain in enumerate(domains)
        if i
    ]
    return {
        "format": 1,
        "num_steps": NUM_STEPS,
        "tokens_per_step": TOKENS_PER_STEP,
        "domains": list(domains),
        "base_shares": dict(zip(domains, BASE_SHARES, strict=True)),
        "upsampled_shares": dict(zip(domains, UPSAMPLED_SHARES, strict=True)),
        "general": [domains[0]],
        "target": list(domains[1:]),
        "durations": list(TARGET_GAINS),
        "removal_duration": 0.2,
        "replicates": list(replicates),
        "checkpoints": [f"/runs/{name.split('-order-')[0]}/checkpoints/step-00001400" for name in replicates],
        "branches": branches,
        "benchmarks": list(BENCHMARKS),
    }


def branch_of(
    name: str, kind: str, start: int, duration: float | None = None, without: str | None = None
) -> dict[str, Any]:
    return {"name": name, "kind": kind, "start_step": start, "duration": duration, "without": without}


def result(
    branch: dict[str, Any], replicate: str, domains: Sequence[str], luck: float, wiggle: np.ndarray
) -> dict[str, Any]:
    """`result.json`: the base's losses, less what the branch gains."""
    gains = np.zeros(len(DOMAINS))
    accuracy = 0.3
    if branch["duration"] is not None:
        gains[:] = [WEB_GAINS[branch["duration"]], *[TARGET_GAINS[branch["duration"]]] * 3]
        accuracy += 0.3 * TARGET_GAINS[branch["duration"]]
    if branch["without"] is not None:
        left_out = list(domains).index(branch["without"])
        name = DOMAINS[left_out]
        gains[1:] -= OTHERS[name]
        gains[left_out] -= OWN[name] - OTHERS[name]
        accuracy -= 0.2 * OWN[name]
    own_steps = NUM_STEPS - branch["start_step"]
    losses = np.array(BASE_LOSSES) + luck - gains + wiggle[: len(DOMAINS)]
    accuracies = accuracy + wiggle[len(DOMAINS) :]
    return {
        "branch": branch["name"],
        "replicate": replicate,
        "steps": NUM_STEPS,
        "tokens": NUM_STEPS * TOKENS_PER_STEP,
        "flops": NUM_STEPS * TOKENS_PER_STEP * FLOPS_PER_TOKEN,
        "own_tokens": own_steps * TOKENS_PER_STEP,
        "own_flops": own_steps * TOKENS_PER_STEP * FLOPS_PER_TOKEN,
        "losses": dict(zip(domains, losses.tolist(), strict=True)),
        "accuracies": dict(zip(BENCHMARKS, accuracies.tolist(), strict=True)),
        "seconds": own_steps / 10,
    }


def write_metrics(file: Path, branch: dict[str, Any], until: int) -> None:
    """`metrics.jsonl` from where the branch left, the base a little earlier."""
    start = branch["start_step"] - (200 if branch["kind"] == "base" else 0)
    file.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(start)
    with file.open("w") as opened:
        for step in range(start, until, 10):
            loss = 3.2 - 0.2 * step / NUM_STEPS - 0.1 * (branch["kind"] == "upsampled")
            line = {
                "step": step,
                "train/loss": loss + float(generator.normal(scale=0.02)),
                "train/tokens": step * TOKENS_PER_STEP,
                "train/tokens_per_second": 20_000.0,
            }
            opened.write(json.dumps(line) + "\n")


def write_json(file: Path, value: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value))
