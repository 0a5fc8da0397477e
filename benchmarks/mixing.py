"""Mixing: finding samples, loading batches against peers, and memory that does not follow the data.

All loaders give batches of the same size from the same tokens (uint16 on disk, int32 in hand) with the same
shares, measured in turn in one process, best of several rounds. Peers: a plain memory-mapped read of the very
same sequences, `datasets.interleave_datasets`, and torch's `ConcatDataset` + `WeightedRandomSampler`.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    SequentialSampler,
    WeightedRandomSampler,
)

from fireside.mixing import (
    BuildSettings,
    Domain,
    DomainSize,
    LoaderConfig,
    Mixture,
    MixtureLoader,
    Plan,
    Schedule,
    Stage,
    build_domain,
    make_plan,
)
from harness import bar, run_benchmark

SEED = 17
SHARES = {"web": 0.6, "books": 0.2, "code": 0.15, "mathematics": 0.05}
UPSAMPLED = {"web": 0.2, "books": 0.3, "code": 0.3, "mathematics": 0.2}
LENGTH, BATCH, NUM_BATCHES = 1024, 32, 50_000
SETTINGS = BuildSettings(vocab_size=49_152)
DOCUMENT_TOKENS = 1 << 18

Rows = list[dict[str, Any]]
Bars = list[dict[str, Any]]


def measure(quick: bool) -> tuple[Rows, Bars]:
    """All rows and bars."""
    with tempfile.TemporaryDirectory() as directory:
        parts = [
            index_to_sample(quick),
            loading(Path(directory) / "loading", quick),
            memory(Path(directory) / "memory", quick),
        ]
    return [row for rows, _ in parts for row in rows], [one for _, bars in parts for one in bars]


def index_to_sample(quick: bool) -> tuple[Rows, Bars]:
    """Samples a second for 10^12 samples in two stages, the second along a line; and one far jump."""
    stages = (
        Stage(name="base", shares=SHARES),
        Stage(name="line", start=0.8, shares=SHARES, end_shares=UPSAMPLED),
    )
    length = 10**12
    schedule = Schedule(
        tokens=length * LENGTH, sequence_length=LENGTH, stages=stages, seed=SEED, max_epochs=float("inf")
    )
    sizes = [DomainSize(name=name, num_tokens=10**13 // 7**number) for number, name in enumerate(SHARES)]
    planning, plan = _timed(lambda: make_plan(schedule, sizes))
    mixture = Mixture(plan)
    count = 1 << (17 if quick else 20)
    indices = {
        "in a row": length // 2 + np.arange(count),
        "on the line": length - 1 - np.arange(count),
        "at random": np.random.default_rng(SEED).integers(0, length, count),
    }
    rows: Rows = [{"what": "plan 10^12 samples", "seconds": planning}]
    rates = []
    for order, wanted in indices.items():
        seconds = _best(partial(mixture.samples, wanted), rounds=5)
        rates.append(count / seconds)
        rows.append({"what": f"index -> sample, {order}", "samples_per_s": rates[-1]})
    weights = torch.tensor(list(SHARES.values()))
    seconds = _best(lambda: torch.multinomial(weights, count, replacement=True), rounds=5)
    rows.append(
        {"what": "torch.multinomial: the domain alone, not the sample", "samples_per_s": count / seconds}
    )
    jumps = [_timed(lambda i=length - 1 - i: mixture.sample(i))[0] for i in range(101)]
    jump = sorted(jumps)[50]
    rows.append({"what": "jump to i = 10^12, median of 101", "ms": 1e3 * jump, "worst_ms": 1e3 * max(jumps)})
    return rows, [
        bar("index -> sample, vectorised, samples/s, slowest order", ">= 2e6", min(rates)),
        bar("jump to i = 10^12, ms", "<= 1", 1e3 * jump),
    ]


def loading(directory: Path, quick: bool) -> tuple[Rows, Bars]:
    """Tokens a second of each loader, for no workers and for two."""
    num_tokens = 1 << (21 if quick else 23)
    domains = build(directory, num_tokens)
    plan = plan_of(domains, num_batches=NUM_BATCHES)
    saved = save_for_datasets(directory, domains)
    seconds, rounds = (0.2, 3) if quick else (1.0, 5)
    rows: Rows = []
    rate: dict[tuple[str, int], float] = {}
    for workers in (0, 2):
        loaders: dict[str, Callable[[], Iterator[Any]]] = {
            "fireside": partial(fireside_batches, plan, domains, workers),
            "datasets.interleave_datasets, indexed": partial(indexed_batches, saved, workers),
            "torch ConcatDataset + WeightedRandomSampler": partial(torch_batches, domains, workers),
        }
        if workers == 0:
            loaders["plain memory-mapped read"] = partial(plain_batches, plan, domains)
            # Streamed interleaving is slower still with worker processes.
            loaders["datasets.interleave_datasets, streamed"] = partial(streamed_batches, saved)
        best = dict.fromkeys(loaders, 0.0)
        for _ in range(rounds):
            for name, batches in loaders.items():
                best[name] = max(best[name], _batches_a_second(batches, seconds))
        for name, batches_a_second in best.items():
            rate[name, workers] = batches_a_second * BATCH * LENGTH
            rows.append({"what": name, "workers": workers, "tokens_per_s": rate[name, workers]})
    plain = rate["plain memory-mapped read", 0]
    bars = [bar("loader / plain memory-mapped read of the same bytes", ">= 0.8", rate["fireside", 0] / plain)]
    for workers in (0, 2):
        ours = rate["fireside", workers]
        for peer in ("datasets.interleave_datasets", "torch"):
            # Of the two ways to interleave, the faster.
            theirs = max(value for (name, w), value in rate.items() if name.startswith(peer) and w == workers)
            bars.append(bar(f"loader / {peer}, {workers} workers", ">= 3", ours / theirs))
    return rows, bars


def memory(directory: Path, quick: bool) -> tuple[Rows, Bars]:
    """Anonymous memory that a loader adds to its process, over data of two sizes."""
    rows: Rows = []
    added = []
    for num_tokens in (1 << 20, 1 << (23 if quick else 25)):
        build(directory / str(num_tokens), num_tokens)
        command = [sys.executable, __file__, "--memory-of", str(directory / str(num_tokens))]
        result = subprocess.run(command, check=True, capture_output=True, text=True)
        added.append(float(result.stdout))
        rows.append(
            {"what": "memory of a loader", "tokens_on_disk": len(SHARES) * num_tokens, "added_mib": added[-1]}
        )
    return rows, [bar("MiB more for the larger data", "<= 4", added[1] - added[0])]


def build(directory: Path, num_tokens: int) -> list[Domain]:
    """One domain for each share, of random tokens."""

    def encode(text: str) -> np.ndarray[Any, Any]:
        return np.random.default_rng(int(text)).integers(0, SETTINGS.vocab_size, DOCUMENT_TOKENS)

    domains = []
    for number, name in enumerate(SHARES):
        texts = (str(1000 * number + part) for part in range(num_tokens // DOCUMENT_TOKENS))
        domains.append(build_domain(directory / name, texts, encode, SETTINGS))
    return domains


def plan_of(domains: list[Domain], num_batches: int) -> Plan:
    """A base mix, and its upsampling from 80 % on."""
    stages = (Stage(name="base", shares=SHARES), Stage(name="up", start=0.8, shares=UPSAMPLED))
    tokens = num_batches * BATCH * LENGTH
    schedule = Schedule(
        tokens=tokens, sequence_length=LENGTH, stages=stages, seed=SEED, max_epochs=float("inf")
    )
    return make_plan(schedule, [domain.size for domain in domains])


def fireside_batches(plan: Plan, domains: list[Domain], workers: int) -> Iterator[Any]:
    """What this benchmark is about."""
    with MixtureLoader(plan, domains, LoaderConfig(batch_size=BATCH, num_workers=workers)) as loader:
        yield from loader


def plain_batches(plan: Plan, domains: list[Domain]) -> Iterator[Any]:
    """The same sequences with np.memmap, their places known beforehand."""
    tokens = _maps(domains)
    samples = Mixture(plan).samples(np.arange(plan.num_sequences))
    places = list(zip(samples.domains.tolist(), samples.positions.tolist(), strict=True))
    yield None  # what is above is not part of the read
    for first in range(0, len(places), BATCH):
        rows = np.empty((BATCH, LENGTH + 1), np.int32)
        for row, (domain, position) in zip(rows, places[first : first + BATCH], strict=True):
            row[:] = tokens[domain][position * LENGTH : (position + 1) * LENGTH + 1]
        yield rows


class Sequences(Dataset[np.ndarray[Any, Any]]):
    """The sequences of one domain, as one writes them for torch."""

    def __init__(self, tokens: np.ndarray[Any, Any]) -> None:
        self.tokens = tokens

    def __len__(self) -> int:
        return (len(self.tokens) - 1) // LENGTH

    def __getitem__(self, index: int) -> np.ndarray[Any, Any]:
        return self.tokens[index * LENGTH : (index + 1) * LENGTH + 1].astype(np.int32)


def torch_batches(domains: list[Domain], workers: int) -> Iterator[Any]:
    """ConcatDataset + WeightedRandomSampler in a DataLoader."""
    parts = [Sequences(tokens) for tokens in _maps(domains)]
    weights = chain.from_iterable(
        [share / len(p)] * len(p) for share, p in zip(SHARES.values(), parts, strict=True)
    )
    generator = torch.Generator().manual_seed(SEED)
    sampler = WeightedRandomSampler(list(weights), NUM_BATCHES * BATCH, generator=generator)
    yield from DataLoader(ConcatDataset(parts), BATCH, sampler=sampler, num_workers=workers)


def save_for_datasets(directory: Path, domains: list[Domain]) -> list[Path]:
    """The same sequences as data sets of fixed-length lists, as `datasets` stores them best."""
    paths = []
    kind = datasets.Features({"tokens": datasets.Sequence(datasets.Value("uint16"), length=LENGTH + 1)})
    for domain, tokens in zip(domains, _maps(domains), strict=True):
        rows = np.lib.stride_tricks.sliding_window_view(tokens, LENGTH + 1)[::LENGTH]
        paths.append(directory / f"{domain.name}-saved")
        datasets.Dataset.from_dict({"tokens": rows}, features=kind).save_to_disk(paths[-1])
    return paths


def interleaved(parts: list[Any]) -> Any:
    """interleave_datasets by probabilities, each domain shuffled."""
    return datasets.interleave_datasets(
        [part.with_format("numpy").shuffle(SEED) for part in parts],
        probabilities=list(SHARES.values()),
        seed=SEED,
        stopping_strategy="all_exhausted",
    )


def indexed_batches(paths: list[Path], workers: int) -> Iterator[Any]:
    """An index over the saved sequences, fetched batch by batch."""
    mixed = interleaved([datasets.load_from_disk(path) for path in paths])
    sampler = BatchSampler(SequentialSampler(mixed), BATCH, drop_last=True)
    for batch in DataLoader(mixed, sampler=sampler, batch_size=None, num_workers=workers):
        yield np.asarray(batch["tokens"]).astype(np.int32)


def streamed_batches(paths: list[Path]) -> Iterator[Any]:
    """The saved sequences as streams."""
    mixed = interleaved([datasets.load_from_disk(path).to_iterable_dataset(num_shards=4) for path in paths])
    for batch in mixed.iter(BATCH):
        yield np.stack(batch["tokens"]).astype(np.int32)


def print_memory_of(directory: Path) -> None:
    """In a process of its own: the anonymous memory that 100 batches add, in MiB."""
    warm = [Domain(directory / name, verify=False) for name in SHARES]
    for _ in islice(fireside_batches(plan_of(warm, 10), warm, 0), 2):
        pass
    before = _anonymous_mib()
    domains = [Domain(directory / name, verify=False) for name in SHARES]
    for _ in islice(fireside_batches(plan_of(domains, NUM_BATCHES), domains, 0), 100):
        pass
    print(_anonymous_mib() - before)


def _maps(domains: list[Domain]) -> list[np.ndarray[Any, Any]]:
    return [np.memmap(domain.path / "tokens-00000.bin", np.uint16, mode="r") for domain in domains]


def _anonymous_mib() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this system does not tell anonymous memory")


def _batches_a_second(make: Callable[[], Iterator[Any]], seconds: float) -> float:
    """How many batches come in so many seconds, after the first few, which fill buffers and start workers."""
    batches = make()
    for _ in islice(batches, 8):
        pass
    start = time.perf_counter()
    count = 0
    while time.perf_counter() - start < seconds:
        next(batches)
        count += 1
    return count / (time.perf_counter() - start)


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def _best(call: Callable[[], Any], rounds: int) -> float:
    return min(_timed(call)[0] for _ in range(rounds))


def main() -> None:
    """Run, or report on one process's memory."""
    if len(sys.argv) == 3 and sys.argv[1] == "--memory-of":
        print_memory_of(Path(sys.argv[2]))
        return
    datasets.disable_progress_bars()
    run_benchmark("mixing", measure, packages=("torch", "datasets"), seeds=(SEED,))


if __name__ == "__main__":
    main()
