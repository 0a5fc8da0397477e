"""A sweep over layer maps: every model times every seed, trained, measured, and kept.

    sweep/
      sweep.json                       what is compared; a resumed sweep must ask for the same
      runs/<seed>/<model>/             a run of `fireside.lm.trainer`
      runs/<seed>/<model>/result.json  written when the model has been trained and measured

All models of a seed come first, so that a sweep that is cut short compares them all. What is done is not done
again, and a run that was killed goes on from its last checkpoint. What is trained on and what is measured is
a `Task`'s business.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

import msgspec
import torch

from fireside.core.atomic import disk_full_is_clear, write_bytes
from fireside.core.config import from_dict, to_dict
from fireside.core.errors import ConfigError, FiresideError, ResumeError
from fireside.core.protocols import BatchSource
from fireside.core.seeding import RandomStreams
from fireside.lm.config import ModelConfig
from fireside.lm.trainer import Trainer
from fireside.lm.training_config import TrainingConfig
from fireside.lm.transformer import Transformer

__all__ = ["KV_ELEMENT_BYTES", "Task", "kv_bytes", "run_map_sweep"]

SWEEP_FILE, RESULT_FILE = "sweep.json", "result.json"
FORMAT = 1
KV_ELEMENT_BYTES = 4
"""Keys and values in float32, as the engine keeps them by default."""


class Task(Protocol):
    """What models are trained on, and how they are measured. It is sent to other processes."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever what is trained on or measured would."""
        ...

    def source(self, seed: int) -> BatchSource:
        """The batches that all models of a seed are trained on."""
        ...

    def measure(self, model: Transformer) -> dict[str, float]:
        """Scores by name."""
        ...


def kv_bytes(model: ModelConfig) -> int:
    """Bytes of keys and values of a sequence that fills the context.

    >>> kv_bytes(ModelConfig(vocab_size=8, hidden_size=16, intermediate_size=16, num_heads=2, num_kv_heads=1,
    ...                      head_dim=8, layer_map="0_1s_1s_0", window=4, context_length=16))  # 20 of 64
    1280
    """
    return model.layers.kv_bytes(
        model.context_length,
        num_kv_heads=model.num_kv_heads,
        head_dim=model.head_dim,
        element_bytes=KV_ELEMENT_BYTES,
    )


def run_map_sweep(
    models: Mapping[str, ModelConfig],
    task: Task,
    training: TrainingConfig,
    directory: Path,
    *,
    seeds: Sequence[int],
    jobs: int = 1,
    threads: int | None = None,
) -> Iterator[dict[str, Any]]:
    """Train and measure what is still missing; yields every result, first those that were there.

    Args:
        models: name -> shape; a name is a directory's too.
        task: what is trained on and measured.
        training: of every run.
        directory: takes the sweep.
        seeds: each has first weights and an order of the data of its own.
        jobs: runs at the same time, each in a process of its own; a single one runs in this process.
        threads: of each run; as torch has it if left out.

    Yields:
        `model`, `seed`, `layer_map`, `parameters`, `kv_bytes`, `tokens`, `flops`, `seconds`, `scores`.

    Raises:
        ConfigError: nothing to train, or a seed twice.
        ResumeError: `directory` holds another sweep.
        FiresideError: a run failed; those beside it are finished first.
    """
    if not models or not seeds or jobs < 1:
        raise ConfigError(
            f"a sweep of {len(models)} models, {len(seeds)} seeds and {jobs} jobs: give at least one of each"
        )
    if len(set(seeds)) < len(seeds):
        raise ConfigError(f"the seeds {', '.join(map(str, seeds))} are not all different")
    _settle(directory, models, task, training)
    runs = [
        _Run(
            model=name,
            seed=seed,
            shape=shape,
            task=task,
            training=training,
            directory=directory / "runs" / str(seed) / name,
            threads=threads,
        )
        for seed in seeds
        for name, shape in models.items()
    ]
    missing = [run for run in runs if not (run.directory / RESULT_FILE).exists()]
    for run in runs:
        if run not in missing:
            yield msgspec.json.decode((run.directory / RESULT_FILE).read_bytes())
    if jobs == 1:
        yield from map(_train_and_measure, missing)
        return
    failures: list[BaseException] = []
    # Fresh processes: torch's threads do not survive a fork.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as processes:
        for future in as_completed([processes.submit(_train_and_measure, run) for run in missing]):
            error = future.exception()
            if isinstance(error, BrokenProcessPool):
                raise FiresideError(
                    "a process of the sweep was killed, perhaps for want of memory: run the same command "
                    "again to go on, with fewer jobs"
                ) from error
            if error is not None:
                failures.append(error)
                continue
            yield future.result()
    if failures:
        raise failures[0]


@dataclass(frozen=True, kw_only=True)
class _Run:
    """Everything that a process needs to train and measure one model."""

    model: str
    seed: int
    shape: ModelConfig
    task: Task
    training: TrainingConfig
    directory: Path
    threads: int | None


def _train_and_measure(run: _Run) -> dict[str, Any]:
    if run.threads is not None:
        torch.set_num_threads(run.threads)
    start = time.perf_counter()
    model = Transformer(run.shape, seed=RandomStreams(run.seed).integer("weights"))
    trainer = Trainer(model, run.task.source(run.seed), run.training, run.directory)
    trainer.run()
    result = {
        "model": run.model,
        "seed": run.seed,
        "layer_map": run.shape.layer_map,
        "parameters": run.shape.num_parameters,
        "kv_bytes": kv_bytes(run.shape),
        "tokens": trainer.tokens,
        "flops": trainer.flops,
        "seconds": time.perf_counter() - start,
        "scores": run.task.measure(model),
    }
    write_bytes(run.directory / RESULT_FILE, msgspec.json.format(msgspec.json.encode(result), indent=1))
    return result


def _settle(directory: Path, models: Mapping[str, ModelConfig], task: Task, training: TrainingConfig) -> None:
    """Write `sweep.json`, or refuse a directory that holds another sweep; models and seeds may be added."""
    file = directory / SWEEP_FILE
    known: dict[str, ModelConfig] = {}
    if file.exists():
        try:
            found = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
            # What a configuration did not have when the sweep began has its default.
            known = {name: from_dict(ModelConfig, shape) for name, shape in found["models"].items()}
            same = {
                "format": found["format"] == FORMAT,
                "task": found["task"] == task.fingerprint,
                "training": from_dict(TrainingConfig, found["training"]).numeric() == training.numeric(),
            }
        except (msgspec.MsgspecError, ConfigError, KeyError) as error:
            raise ResumeError(f"{file} cannot be read ({error}): delete {directory}") from error
        different = [name for name, is_same in same.items() if not is_same]
        different += [f"shape of {name}" for name, shape in models.items() if known.get(name, shape) != shape]
        if different:
            raise ResumeError(
                f"{directory} holds a sweep with another {', '.join(different)}: ask for the same, or choose "
                "another directory"
            )
    told = {
        "format": FORMAT,
        "task": task.fingerprint,
        "training": to_dict(training),
        "models": {name: to_dict(shape) for name, shape in {**known, **models}.items()},
    }
    with disk_full_is_clear(directory):
        directory.mkdir(parents=True, exist_ok=True)
    write_bytes(file, msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n")
