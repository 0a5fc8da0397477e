"""Domain upsampling at small scale: is there a best duration, and what is each data set worth?

Real text that packages ship; the kernel's documentation plays the web scrape, five small domains the rest. A
model of 1.2M parameters is trained on the base mix to 70 %, then branched: base mix, upsampling for the last
5, 10, 20 and 30 %, and for the last 20 % with each domain left out. Each seed has weights, an order, and so
everything from the first step on, of its own.

All of it lies in build/upsampling; a run that was interrupted goes on there. The page is
build/upsampling/sweep/report.html.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
import torch

from fireside.mixing import BranchConfig
from fireside.recipes.branch_sweep import SweepConfig, run_sweep
from fireside.recipes.build_domains import build_from, train_tokenizer
from fireside.recipes.mix_report import write_sweep_report
from fireside.recipes.training_run import read_run_file, train_run
from harness import Bar, Row, run_benchmark
from upsampling_tasks import write_tasks
from upsampling_texts import write_texts

HOME = Path(__file__).parents[1] / "build" / "upsampling"
SEEDS = (17, 18, 19)
GENERAL = "kernel"
DURATIONS = (0.05, 0.1, 0.2, 0.3)
JOBS = 2

MIX = """\
tokens = {tokens}
sequence_length = 256
seed = {seed}

[domains]
{folders}

[[stages]]
name = "base"
shares = {shares}
"""

RUN = """\
mix = "mix-{seed}.toml"
tokenizer = "tokenizer"
batch_size = 16
held_out_batches = {measured}
seed = {seed}

[model]
hidden_size = 128
intermediate_size = 320
num_heads = 4
num_kv_heads = 2
head_dim = 32
layer_map = "0_1_2_3"

[training]
log_every = 10

[training.schedule]
peak = 4e-3
kind = "stable-decay"
warmup_steps = {warmup}
decay_fraction = 0.3

[upsampled]
shares = {upsampled}

[held_out]
{held_out}

[benchmarks]
{benchmarks}
"""


def main(quick: bool) -> tuple[list[Row], list[Bar]]:
    """Prepare, train, branch, and report."""
    home = HOME / "quick" if quick else HOME
    seeds = SEEDS[:1] if quick else SEEDS
    domains = prepare(home)
    files = [write_run(home, domains, seed, num_steps=24 if quick else 800) for seed in seeds]
    prefixes = [home / f"prefix-{seed}" for seed in seeds]
    with ProcessPoolExecutor(JOBS, mp_context=get_context("spawn")) as processes:
        checkpoints = list(processes.map(train_prefix, files, prefixes))
    durations = DURATIONS[2:] if quick else DURATIONS
    config = SweepConfig(branches=BranchConfig(durations=durations, removal_duration=0.2), jobs=JOBS)
    sweep = home / "sweep"
    for result in run_sweep(checkpoints, sweep, config):
        print(
            result["replicate"], result["branch"], f"{result['seconds']:.0f} s", file=sys.stderr, flush=True
        )
    return rows_of(sweep), []


def prepare(home: Path) -> dict[str, Path]:
    """Texts, tasks, one tokenizer and all domains; domain -> its folder of texts."""
    texts = write_texts(HOME / "texts")
    write_tasks(texts, home / "tasks", num_items=20 if home != HOME else 200)
    files = [folder / "texts.jsonl" for folder in texts.values()]
    if not (home / "tokenizer").exists():
        train_tokenizer(files, home / "tokenizer", vocab_size=4096)
    for name, folder in texts.items():
        for part, file in (("train", "texts.jsonl"), ("held-out", "held-out.jsonl")):
            build_from(folder / file, home / "domains" / part / name, home / "tokenizer", name=name)
    return texts


def write_run(home: Path, domains: dict[str, Path], seed: int, *, num_steps: int) -> Path:
    """The mix file and the run file of one seed."""
    small = [name for name in domains if name != GENERAL]
    base = {GENERAL: 0.8, **dict.fromkeys(small, 0.2 / len(small))}
    upsampled = {GENERAL: 0.3, **dict.fromkeys(small, 0.7 / len(small))}
    (home / f"mix-{seed}.toml").write_text(
        MIX.format(
            tokens=num_steps * 16 * 256,
            seed=seed,
            folders=_lines((name, f"domains/train/{name}") for name in domains),
            shares=_table(base),
        )
    )
    tasks = sorted((home / "tasks").glob("*.jsonl"))
    file = home / f"run-{seed}.toml"
    file.write_text(
        RUN.format(
            seed=seed,
            measured=4 if num_steps < 100 else 16,
            warmup=num_steps // 20,
            upsampled=_table(upsampled),
            held_out=_lines((name, f"domains/held-out/{name}") for name in domains),
            benchmarks=_lines((task.stem, f"tasks/{task.name}") for task in tasks),
        )
    )
    return file


def train_prefix(file: Path, directory: Path) -> Path:
    """Train the part that all branches of a seed share."""
    torch.set_num_threads(1)
    run = read_run_file(file)
    return train_run(run, directory, until_step=round((1 - max(DURATIONS)) * run.num_steps))


def rows_of(sweep: Path) -> list[Row]:
    """Gains of every branch over its base and what each domain is worth, as the report has them."""
    write_sweep_report(sweep)
    verdict: dict[str, Any] = msgspec.json.decode((sweep / "verdict.json").read_bytes())
    return [{"what": what, "verdict": told} for what, told in verdict.items()]


def _table(shares: dict[str, float]) -> str:
    return "{ " + ", ".join(f"{name} = {share:.6f}" for name, share in shares.items()) + " }"


def _lines(pairs: Iterator[tuple[str, str]]) -> str:
    return "\n".join(f'{name} = "{value}"' for name, value in pairs)


if __name__ == "__main__":
    run_benchmark("upsampling", main, packages=("torch", "tokenizers"), seeds=SEEDS)
