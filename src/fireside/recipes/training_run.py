"""A training run described by one file: what is trained, on which mixture, and how it is measured.

    mix = "mix.toml"                # fireside.mixing: domains, stages, tokens, sequence length
    tokenizer = "tokenizer"
    batch_size = 16

    [model]                         # fireside.lm.config.ModelConfig; the vocabulary is the tokenizer's
    hidden_size = 96
    ...
    [training.schedule]             # fireside.lm.training_config.TrainingConfig; the steps are the mix's
    peak = 3e-3

    [upsampled]                     # what branches draw from in their last part
    shares = { web = 0.4, code = 0.6 }

    [held_out]                      # domain -> a domain of texts that were kept out of it
    web = "held-out/web"

    [benchmarks]                    # name -> a file of multiple-choice questions
    definitions = "definitions.jsonl"

All paths are relative to the file. A run keeps a copy with whole paths, `run.json`, so that a checkpoint
knows where it came from.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from fireside.core.atomic import write_bytes
from fireside.core.config import config, from_dict, to_dict
from fireside.core.errors import ConfigError, InputError, ResumeError
from fireside.core.toml_file import read_toml
from fireside.lm.config import ModelConfig
from fireside.lm.evaluate.multiple_choice import MultipleChoiceItem, read_multiple_choice
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.trainer import Trainer
from fireside.lm.training_config import TrainingConfig
from fireside.lm.transformer import Transformer
from fireside.lm.workers import join_workers
from fireside.mixing import Domain, LoaderConfig, MixtureLoader, Plan, Stage, plan_file, read_mix_file

__all__ = ["RUN_FILE", "RunSettings", "TrainingRun", "read_run_file", "run_of_checkpoint", "train_run"]

RUN_FILE = "run.json"


@config
class RunSettings:
    """What a run file says, paths as written.

    Attributes:
        mix: the mix file.
        tokenizer: the tokenizer's directory.
        batch_size: sequences in a step.
        mask_documents: attention and loss stay inside documents.
        seed: of the first weights; the mix has its own.
        model: `ModelConfig` without vocabulary and context length, which are the tokenizer's and the mix's.
        training: `TrainingConfig` without the number of steps, which is the mix's.
        upsampled: `Stage` without name and start: what branches draw from in their last part.
        held_out: domain -> directory of a domain that measures the loss on it.
        held_out_batches: how many batches of each are measured at most, evenly spread over it.
        benchmarks: name -> JSON Lines of multiple-choice questions.
    """

    mix: str
    tokenizer: str
    batch_size: int
    model: dict[str, Any]
    training: dict[str, Any]
    mask_documents: bool = False
    seed: int = 0
    upsampled: dict[str, Any] = field(default_factory=dict)
    held_out: dict[str, str] = field(default_factory=dict)
    held_out_batches: int = 64
    benchmarks: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("batch_size", "held_out_batches"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")

    def resolved(self, directory: Path) -> "RunSettings":
        """The same with whole paths."""
        return replace(
            self,
            mix=_whole(directory, self.mix),
            tokenizer=_whole(directory, self.tokenizer),
            held_out={name: _whole(directory, path) for name, path in self.held_out.items()},
            benchmarks={name: _whole(directory, path) for name, path in self.benchmarks.items()},
        )


@dataclass(frozen=True)
class TrainingRun:
    """A run's settings with everything that they name, opened when it is asked for.

    Attributes:
        settings: with whole paths.
    """

    settings: RunSettings

    @cached_property
    def plan(self) -> Plan:
        """The mixture, worked out from manifests alone.

        Raises:
            ConfigError: it does not fit its domains; the message has the numbers.
        """
        return plan_file(self.settings.mix)

    @cached_property
    def domains(self) -> list[Domain]:
        """The mixture's domains; their checksums are not compared, see `verify`."""
        return [Domain(path, verify=False) for path in read_mix_file(self.settings.mix).domains.values()]

    @cached_property
    def held_out(self) -> dict[str, Domain]:
        """Domains that measure, by the name of what they measure."""
        return {name: Domain(path, verify=False) for name, path in self.settings.held_out.items()}

    @cached_property
    def benchmarks(self) -> dict[str, list[MultipleChoiceItem]]:
        """Multiple-choice questions, by benchmark.

        Raises:
            InputError: a file cannot be read; the message names the line.
        """
        return {name: read_multiple_choice(Path(path)) for name, path in self.settings.benchmarks.items()}

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """What made tokens of the texts."""
        return Tokenizer.load(self.settings.tokenizer)

    @cached_property
    def model_config(self) -> ModelConfig:
        """The shape of the model."""
        given = {"context_length": self.plan.sequence_length, **self.settings.model}
        return from_dict(ModelConfig, {"vocab_size": self.tokenizer.vocab_size, **given})

    @property
    def num_steps(self) -> int:
        """Optimizer steps of the whole run."""
        return self.plan.num_sequences // self.settings.batch_size

    @cached_property
    def training(self) -> TrainingConfig:
        """How the model is trained."""
        return from_dict(TrainingConfig, {**self.settings.training, "num_steps": self.num_steps})

    @cached_property
    def upsampled(self) -> Stage:
        """What branches draw from in their last part.

        Raises:
            ConfigError: the run file does not say.
        """
        if not self.settings.upsampled:
            raise ConfigError(
                "the run file has no [upsampled] table, so there is nothing to branch into: give it shares, "
                "such as shares = { web = 0.4, code = 0.6 }"
            )
        return from_dict(Stage, {**self.settings.upsampled, "name": "upsampled"})

    def verify(self) -> None:
        """Read everything that training and measuring will need once: better now than at its end.

        Raises:
            CorruptFileError: a shard of a domain is missing or has changed; it is named.
            InputError: a benchmark or the tokenizer cannot be read.
        """
        _ = self.tokenizer, self.benchmarks
        for domain in [*self.domains, *self.held_out.values()]:
            Domain(domain.path)

    def loader(self, plan: Plan | None = None) -> MixtureLoader:
        """Batches of the run, or of another plan over the same domains."""
        loading = LoaderConfig(
            batch_size=self.settings.batch_size, mask_documents=self.settings.mask_documents
        )
        return MixtureLoader(self.plan if plan is None else plan, self.domains, loading)

    def model(self) -> Transformer:
        """The model with the weights that the run starts from."""
        return Transformer(self.model_config, seed=self.settings.seed)


def read_run_file(path: str | os.PathLike[str]) -> TrainingRun:
    """A run as a file describes it.

    Raises:
        InputError: the file cannot be read.
        ConfigError: it is not TOML, or says something unknown or impossible.
    """
    return read_toml(
        path, "run file", lambda table, directory: TrainingRun(_settings_of(table).resolved(directory))
    )


def run_of_checkpoint(checkpoint: str | os.PathLike[str]) -> TrainingRun:
    """The run that left a checkpoint.

    Raises:
        InputError: the checkpoint does not lie in a run of `fireside mix train`.
    """
    file = Path(checkpoint).absolute().parents[1] / RUN_FILE
    try:
        return TrainingRun(from_dict(RunSettings, msgspec.json.decode(file.read_bytes(), type=dict)))
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(
            f"{checkpoint} has no {RUN_FILE} two folders above it that can be read ({error}): "
            "give a checkpoint that `fireside mix train` wrote, such as RUN/checkpoints/step-00001000"
        ) from error


def train_run(run: TrainingRun, directory: Path, *, until_step: int | None = None) -> Path:
    """Train, or go on training, and return the newest checkpoint.

    Processes that torchrun has started train together.

    Args:
        run: what to train.
        directory: takes `run.json`, metrics and checkpoints.
        until_step: stop there; `None` trains to the end.

    Raises:
        ResumeError: `directory` holds another run.
        FiresideError: the data do not fit, are corrupt, or training diverged.
    """
    with join_workers() as workers:
        loader = run.loader()
        if workers.leads:
            run.verify()
            _claim(directory, run.settings)
        workers.wait()
        return Trainer(run.model(), loader, run.training, directory, workers=workers).run(until_step)


def _claim(directory: Path, settings: RunSettings) -> None:
    """Write down whose directory it is, or refuse it."""
    file, wanted = directory / RUN_FILE, to_dict(settings)
    if file.exists() and msgspec.json.decode(file.read_bytes()) != wanted:
        raise ResumeError(
            f"{directory} holds a run of other settings: use those, or choose another directory"
        )
    directory.mkdir(parents=True, exist_ok=True)
    write_bytes(file, msgspec.json.format(msgspec.json.encode(wanted), indent=1) + b"\n")


def _settings_of(table: Mapping[str, Any]) -> RunSettings:
    missing = {"mix", "tokenizer", "batch_size", "model", "training"} - table.keys()
    if missing:
        raise ConfigError(f"a run file needs {', '.join(sorted(missing))}")
    return from_dict(RunSettings, table)


def _whole(directory: Path, path: str) -> str:
    return str((directory / path).absolute())
