"""A model trained in stages, each from the weights of the one before: MixAttention's three, or any others.

    tokenizer = "tokenizer"

    [model]                         # fireside.lm.config.ModelConfig; what stages change is theirs
    hidden_size = 96
    ...

    [[stages]]                      # short sequences, everything trains
    name = "short"
    mix = "short.toml"              # fireside.mixing: domains, tokens, sequence length
    batch_size = 16
    rope_theta = 5e5
    [stages.training.schedule]      # fireside.lm.training_config.TrainingConfig
    peak = 3e-3

    [[stages]]                      # long sequences, another rotary base, attention alone trains
    name = "long"
    mix = "long.toml"
    batch_size = 2
    rope_theta = 8e6
    training = { trainable = ["*.self_attn.*"], schedule = { peak = 1e-3 } }

    [[stages]]                      # long prompts, loss on answers only
    name = "answers"
    answers = "answers.jsonl"       # {"prompt": "...", "answer": "..."}, one a line
    batch_size = 2
    sequence_length = 4096
    num_steps = 100
    rope_theta = 8e6
    training = { trainable = ["*.self_attn.*"], schedule = { peak = 3e-4 } }

This is how arXiv 2409.15012 trains: 101B tokens at 4k with base 0.5M, 9B at 32k with base 8M, 0.5B of answers
at 32k. All paths are relative to the file.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from fireside.core.atomic import write_bytes
from fireside.core.config import config, from_dict, to_dict
from fireside.core.errors import ConfigError, InputError, ResumeError
from fireside.core.metrics import read_metrics
from fireside.core.protocols import BatchSource
from fireside.core.toml_file import read_toml
from fireside.lm.config import ModelConfig
from fireside.lm.convert.hugging_face import save_hugging_face
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.trainer import Trainer
from fireside.lm.training_checkpoint import load_weights
from fireside.lm.training_config import TrainingConfig
from fireside.lm.transformer import Transformer
from fireside.lm.workers import join_workers
from fireside.mixing import Domain, LoaderConfig, MixtureLoader, plan_file, read_mix_file
from fireside.recipes.answer_batches import AnswerBatches, read_examples

__all__ = ["StageSettings", "StagedSettings", "read_stages_file", "stages_of_checkpoint", "train_stages"]

_RECORD, _MODEL = "stages.json", "model"


@config
class StageSettings:
    """One stage.

    Attributes:
        name: of its directory.
        batch_size: sequences in a step.
        training: `TrainingConfig` without the number of steps.
        mix: a mix file, which says how many tokens in sequences of which length; or
        answers: JSON Lines of prompts and answers, of which only the answers are learnt.
        sequence_length: tokens of a row of answers.
        num_steps: steps on answers.
        mask_documents: attention and loss stay inside a mix's documents; answers always do.
        rope_theta: rotary base of full layers; the model's where a stage does not say.
        rope_theta_sliding: of sliding layers; by default the same as that of full layers.
    """

    name: str
    batch_size: int
    training: dict[str, Any]
    mix: str | None = None
    answers: str | None = None
    sequence_length: int | None = None
    num_steps: int | None = None
    mask_documents: bool = False
    rope_theta: float | None = None
    rope_theta_sliding: float | None = None

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or self.name == _MODEL:
            raise ConfigError(f"a stage's name is a word, and not {_MODEL!r}; got {self.name!r}")
        if self.batch_size < 1:
            raise ConfigError(f"stage {self.name!r}: batch_size must be at least 1, got {self.batch_size}")
        if (self.mix is None) == (self.answers is None):
            raise ConfigError(f"stage {self.name!r} needs mix or answers, and not both")
        own = (self.sequence_length, self.num_steps)
        if self.mix is not None and own != (None, None):
            raise ConfigError(f"stage {self.name!r}: sequence_length and num_steps are the mix's")
        if self.answers is not None and not all(value is not None and value > 0 for value in own):
            raise ConfigError(f"stage {self.name!r} learns answers: give it sequence_length and num_steps")


@config
class StagedSettings:
    """What a stages file says.

    Attributes:
        tokenizer: the tokenizer's directory.
        model: `ModelConfig` without vocabulary and context length, which are the tokenizer's and the stage's.
        stages: in their order.
        seed: of the first weights and of the order of answers; mixes have their own.
    """

    tokenizer: str
    model: dict[str, Any]
    stages: list[StageSettings]
    seed: int = 0

    def __post_init__(self) -> None:
        names = [stage.name for stage in self.stages]
        if not names or len(set(names)) < len(names):
            raise ConfigError(f"stages need names of their own, and there must be one; got {names}")

    def resolved(self, directory: Path) -> "StagedSettings":
        """The same with whole paths."""

        def whole(path: str) -> str:
            return str((directory / path).absolute())

        stages = [
            replace(stage, mix=stage.mix and whole(stage.mix), answers=stage.answers and whole(stage.answers))
            for stage in self.stages
        ]
        return replace(self, tokenizer=whole(self.tokenizer), stages=stages)


def read_stages_file(path: str | os.PathLike[str]) -> StagedSettings:
    """Stages as a file describes them, with whole paths.

    Raises:
        InputError: the file cannot be read.
        ConfigError: it is not TOML, or says something unknown or impossible.
    """
    return read_toml(
        path,
        "stages file",
        lambda table, directory: from_dict(StagedSettings, table).resolved(directory),
    )


def stages_of_checkpoint(checkpoint: str | os.PathLike[str]) -> StagedSettings | None:
    """The stages that left a checkpoint; `None` where it is of another kind of run.

    Raises:
        InputError: their record cannot be read.
    """
    file = Path(checkpoint).absolute().parents[2] / _RECORD
    if not file.exists():
        return None
    try:
        return from_dict(StagedSettings, msgspec.json.decode(file.read_bytes(), type=dict))
    except (OSError, msgspec.DecodeError, ConfigError) as error:
        raise InputError(f"{file} cannot be read ({error}): restore it to use the checkpoint") from error


def train_stages(settings: StagedSettings, directory: Path) -> list[dict[str, Any]]:
    """Train all stages; what was interrupted goes on, what is done stays.

    Processes that torchrun has started train together.

    Args:
        settings: as `read_stages_file` gives them.
        directory: takes a run for each stage, and the model at the end of the last.

    Returns:
        Of each stage its name, the checkpoint, tokens and FLOPs spent, and the loss at its start and end.

    Raises:
        ResumeError: `directory` holds other stages.
        FiresideError: data that do not fit or are corrupt, or training diverged.
    """
    with join_workers() as workers:
        if workers.leads:
            _claim(directory, settings)
        workers.wait()
        tokenizer = Tokenizer.load(settings.tokenizer)
        # Every stage is put together before the first is trained: better refused now than after days.
        parts = [(stage, *_stage_parts(settings, stage, tokenizer)) for stage in settings.stages]
        results = []
        checkpoint: Path | None = None
        for stage, source, config_, training in parts:
            model = Transformer(config_, seed=settings.seed)
            if checkpoint is not None:
                load_weights(model, checkpoint)
            checkpoint = Trainer(model, source, training, directory / stage.name, workers=workers).run()
            results.append(_summary(stage.name, directory / stage.name, checkpoint))
        assert checkpoint is not None
        if workers.leads:
            _write_model(directory / _MODEL, parts[-1][2], checkpoint, tokenizer)
        workers.wait()
        return results


def _stage_parts(
    settings: StagedSettings, stage: StageSettings, tokenizer: Tokenizer
) -> tuple[BatchSource, ModelConfig, TrainingConfig]:
    """The batches, the model's shape and the run of one stage."""
    source: BatchSource
    if stage.mix is not None:
        plan = plan_file(stage.mix)
        domains = [Domain(path, verify=False) for path in read_mix_file(stage.mix).domains.values()]
        loading = LoaderConfig(batch_size=stage.batch_size, mask_documents=stage.mask_documents)
        source = MixtureLoader(plan, domains, loading)
        sequence_length, num_steps = plan.sequence_length, plan.num_sequences // stage.batch_size
    else:
        assert stage.answers is not None
        assert stage.sequence_length is not None
        assert stage.num_steps is not None
        sequence_length, num_steps = stage.sequence_length, stage.num_steps
        source = AnswerBatches(
            read_examples(stage.answers, tokenizer),
            batch_size=stage.batch_size,
            sequence_length=sequence_length,
            seed=settings.seed,
        )
    bases = {}
    if stage.rope_theta is not None:
        bases = {"rope_theta": stage.rope_theta, "rope_theta_sliding": stage.rope_theta}
    if stage.rope_theta_sliding is not None:
        bases["rope_theta_sliding"] = stage.rope_theta_sliding
    shape = {"context_length": sequence_length, **settings.model, **bases}
    model = from_dict(ModelConfig, {"vocab_size": tokenizer.vocab_size, **shape})
    return source, model, from_dict(TrainingConfig, {**stage.training, "num_steps": num_steps})


def _claim(directory: Path, settings: StagedSettings) -> None:
    """Write down whose directory it is, or refuse it."""
    file, wanted = directory / _RECORD, to_dict(settings)
    if file.exists() and msgspec.json.decode(file.read_bytes()) != wanted:
        raise ResumeError(f"{directory} holds other stages: use those settings, or choose another directory")
    directory.mkdir(parents=True, exist_ok=True)
    write_bytes(file, msgspec.json.format(msgspec.json.encode(wanted), indent=1) + b"\n")


def _summary(name: str, run: Path, checkpoint: Path) -> dict[str, Any]:
    lines = read_metrics(run / "metrics.jsonl")
    return {
        "stage": name,
        "checkpoint": str(checkpoint),
        "steps": lines[-1]["step"],
        "tokens": lines[-1]["train/tokens"],
        "flops": lines[-1]["train/flops"],
        "first_loss": lines[0]["train/loss"],
        "last_loss": lines[-1]["train/loss"],
    }


def _write_model(path: Path, shape: ModelConfig, checkpoint: Path, tokenizer: Tokenizer) -> None:
    model = Transformer(shape, seed=0)
    load_weights(model, checkpoint)
    save_hugging_face(path, model, tokenizer)
