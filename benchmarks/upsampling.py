"""Domain upsampling at small scale: is there a best duration, and what is each data set worth?

Real text that packages ship; the kernel's documentation plays the web scrape, five small domains the rest. A
model of 1.2M parameters is trained on the base mix to 70 %, then branched: base mix, upsampling for the last
5, 10, 20 and 30 %, and for the last 20 % with each domain left out. Each seed has weights, an order, and so
everything from the first step on, of its own.

All of it lies in build/upsampling; a run that was interrupted goes on there. The page is
build/upsampling/sweep/report.html.
"""

import shutil
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
tokenizer = "{tokenizer}"
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
    """Prepare, train, branch, and report; what is prepared serves the quick version too."""
    domains = prepare()
    home = HOME / "quick" if quick else HOME
    home.mkdir(exist_ok=True)
    if quick:
        shutil.rmtree(home)
        home.mkdir()
    seeds = SEEDS[:1] if quick else SEEDS
    files = [write_run(home, domains, seed, quick=quick) for seed in seeds]
    prefixes = [home / f"prefix-{seed}" for seed in seeds]
    with ProcessPoolExecutor(JOBS, mp_context=get_context("spawn")) as processes:
        checkpoints = list(processes.map(train_prefix, files, prefixes))
    branches = BranchConfig(
        durations=(0.2,) if quick else DURATIONS,
        removal_duration=0.2,
        removed=("factbook",) if quick else (),
    )
    config = SweepConfig(branches=branches, jobs=JOBS)
    sweep = home / "sweep"
    for result in run_sweep(checkpoints, sweep, config):
        print(
            result["replicate"], result["branch"], f"{result['seconds']:.0f} s", file=sys.stderr, flush=True
        )
    return rows_of(sweep), []


def prepare() -> dict[str, Path]:
    """Texts, tasks, one tokenizer and all domains; domain -> its folder of texts."""
    texts = write_texts(HOME / "texts")
    if not (HOME / "tasks").exists():
        write_tasks(texts, HOME / "tasks", num_items=200)
    files = [folder / "texts.jsonl" for folder in texts.values()]
    if not (HOME / "tokenizer").exists():
        train_tokenizer(files, HOME / "tokenizer", vocab_size=4096)
    for name, folder in texts.items():
        for part, file in (("train", "texts.jsonl"), ("held-out", "held-out.jsonl")):
            built = HOME / "domains" / part / name
            if not built.exists():
                build_from(folder / file, built, HOME / "tokenizer", name=name)
    return texts


def write_run(home: Path, domains: dict[str, Path], seed: int, *, quick: bool) -> Path:
    """The mix file and the run file of one seed."""
    num_steps = 24 if quick else 800
    small = [name for name in domains if name != GENERAL]
    base = {GENERAL: 0.8, **dict.fromkeys(small, 0.2 / len(small))}
    upsampled = {GENERAL: 0.3, **dict.fromkeys(small, 0.7 / len(small))}
    (home / f"mix-{seed}.toml").write_text(
        MIX.format(
            tokens=num_steps * 16 * 256,
            seed=seed,
            folders=_lines((name, HOME / "domains" / "train" / name) for name in domains),
            shares=_table(base),
        )
    )
    tasks = sorted((HOME / "tasks").glob("*.jsonl"))[: 2 if quick else None]
    file = home / f"run-{seed}.toml"
    file.write_text(
        RUN.format(
            seed=seed,
            tokenizer=HOME / "tokenizer",
            measured=2 if quick else 16,
            warmup=num_steps // 20,
            upsampled=_table(upsampled),
            held_out=_lines((name, HOME / "domains" / "held-out" / name) for name in domains),
            benchmarks=_lines((task.stem, task) for task in tasks),
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


def _lines(pairs: Iterator[tuple[str, Path]]) -> str:
    return "\n".join(f'{name} = "{value}"' for name, value in pairs)


if __name__ == "__main__":
    run_benchmark("upsampling", main, packages=("torch", "tokenizers"), seeds=SEEDS)
