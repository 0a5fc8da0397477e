"""Checkpoints of a training run: weights, optimizer, and what they belong to.

    run/
      metrics.jsonl
      checkpoints/step-00000100/
        weights.safetensors      every parameter by name
        optimizer.safetensors    step, exp_avg and exp_avg_sq of each parameter that trains
        state.json               step, tokens, FLOPs, fingerprint of the data, configurations, branching
        manifest.json            written last, by fireside.core.checkpoint

Tensors are whole however many processes trained them, so that any number, with any strategy, can go on from
them. All processes save together, one writes, and all read. Knows nothing about losses, batches or schedules.
"""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from fireside.core.checkpoint import read_manifest, verify, writing
from fireside.core.errors import CheckpointError, CorruptFileError, ResumeError
from fireside.core.protocols import BatchSource
from fireside.lm.optimizer_state import load_moments, moments
from fireside.lm.parallel import copy_whole, whole
from fireside.lm.workers import Workers

__all__ = [
    "KIND",
    "BranchPoint",
    "RunState",
    "branch",
    "clear_half_written",
    "latest_checkpoint",
    "load_checkpoint",
    "load_weights",
    "prune_checkpoints",
    "read_state",
    "save_checkpoint",
]

KIND = "fireside.lm.training"
_WEIGHTS, _OPTIMIZER, _STATE = "weights.safetensors", "optimizer.safetensors", "state.json"
_NAME = re.compile(r"step-(\d{8,})")


class BranchPoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a run left another: the step, and the fingerprint of the data up to it."""

    step: int
    fingerprint: str


class RunState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a run stands, and what it must find again to go on.

    Attributes:
        step: optimizer steps made.
        tokens: positions trained on.
        flops: floating-point operations spent.
        fingerprint: of the batch source that gives step `step` and those after it.
        training: the numeric part of the training configuration.
        model: the model's configuration.
        branches: the points where this run left other runs, oldest first.
    """

    step: int
    tokens: int
    flops: int
    fingerprint: str
    training: dict[str, Any]
    model: dict[str, Any]
    branches: list[BranchPoint] = []


def save_checkpoint(
    directory: str | os.PathLike[str],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    state: RunState,
    workers: Workers | None = None,
) -> Path:
    """Write `directory/step-<step>`, whole or not at all; an existing one of that step is replaced.

    All processes call this together, and come back when it is written.

    Raises:
        DiskFullError: there is no room; nothing is left behind.
    """
    path = Path(directory) / f"step-{state.step:08d}"
    workers = workers or Workers()
    weights = _gathered(dict(model.named_parameters()), workers)
    moved = _gathered(moments(model, optimizer), workers)
    if workers.leads:
        metadata = {"step": state.step, "torch": str(torch.__version__)}
        with writing(path, kind=KIND, metadata=metadata) as temporary:
            save_file(weights, temporary / _WEIGHTS)
            save_file(moved, temporary / _OPTIMIZER)
            (temporary / _STATE).write_bytes(msgspec.json.format(msgspec.json.encode(state), indent=1))
    workers.wait()
    return path


def load_checkpoint(path: str | os.PathLike[str], model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Put the weights and the optimizer's moments back, bit for bit.

    Raises:
        CheckpointError: the directory is no such checkpoint, is corrupt, or does not fit; the message names
            the file or the tensor.
    """
    load_weights(model, path)
    load_moments(model, optimizer, Path(path) / _OPTIMIZER)


@torch.no_grad()
def load_weights(model: nn.Module, path: str | os.PathLike[str]) -> None:
    """Take only the weights of a training checkpoint, to start another run (a next stage) from them.

    Raises:
        CheckpointError: as `load_checkpoint`.
    """
    verify(path, kind=KIND)
    file = Path(path) / _WEIGHTS
    stored, parameters = load_file(file), dict(model.named_parameters())
    if unmatched := sorted(stored.keys() ^ parameters.keys()):
        where = "the model has no such parameter" if unmatched[0] in stored else "the file has no such tensor"
        raise CheckpointError(f"{file} does not fit the model: {unmatched[0]!r}: {where}")
    for name, parameter in parameters.items():
        if stored[name].shape != parameter.shape:
            raise CheckpointError(
                f"{file} does not fit the model: {name!r} is {list(stored[name].shape)} in the file and "
                f"{list(parameter.shape)} in the model"
            )
    for name, parameter in parameters.items():
        copy_whole(parameter, stored[name])


def read_state(path: str | os.PathLike[str]) -> RunState:
    """The state of a checkpoint; its other files are not read.

    Raises:
        CheckpointError: the directory is no such checkpoint, or its state is corrupt.
    """
    read_manifest(path, kind=KIND)
    file = Path(path) / _STATE
    try:
        return msgspec.json.decode(file.read_bytes(), type=RunState)
    except (OSError, msgspec.DecodeError) as error:
        raise CorruptFileError(f"{file} cannot be read ({error}): the checkpoint cannot be used") from error


def latest_checkpoint(directory: str | os.PathLike[str]) -> Path | None:
    """The checkpoint of the largest step in a directory of checkpoints; `None` where there is none."""
    return max(_checkpoints(Path(directory)), key=_step_of, default=None)


def prune_checkpoints(directory: str | os.PathLike[str], keep: int) -> None:
    """Delete all but the `keep` newest checkpoints."""
    for path in sorted(_checkpoints(Path(directory)), key=_step_of)[:-keep]:
        shutil.rmtree(path)


def clear_half_written(directory: str | os.PathLike[str]) -> None:
    """Delete what killed writers left behind; only for a directory that no one else writes to."""
    for path in Path(directory).glob(".step-*.writing-*"):
        shutil.rmtree(path, ignore_errors=True)


def branch(
    checkpoint: str | os.PathLike[str], source: BatchSource, directory: str | os.PathLike[str]
) -> Path:
    """Begin a run in `directory` that goes on from `checkpoint` with the batches of another source.

    The step, the optimizer and the place in the learning-rate schedule are the checkpoint's. A `Trainer` on
    `directory` with the same training configuration and `source` then goes on as if never interrupted. This
    is the only way to change the data of a run; the caller answers for the batches before that step being
    the ones that were trained on. A branch that has already begun is left as it is, so that an interrupted
    sweep can be called again.

    Returns:
        The first checkpoint of the new run.

    Raises:
        CheckpointError: `checkpoint` is not one, or is corrupt.
        ResumeError: `directory` holds another run.
    """
    verify(checkpoint, kind=KIND)
    state = read_state(checkpoint)
    point = BranchPoint(step=state.step, fingerprint=state.fingerprint)
    branched = msgspec.structs.replace(
        state, fingerprint=source.fingerprint, branches=[*state.branches, point]
    )
    checkpoints = Path(directory) / "checkpoints"
    if (begun := latest_checkpoint(checkpoints)) is not None:
        found = read_state(begun)
        if (found.fingerprint, found.branches) != (branched.fingerprint, branched.branches):
            raise ResumeError(
                f"{directory} already holds a run that is not this branch of {checkpoint}: "
                "choose another directory or delete it"
            )
        return begun
    path = checkpoints / f"step-{state.step:08d}"
    with writing(path, kind=KIND, metadata={"step": state.step, "branch": True}) as temporary:
        for name in (_WEIGHTS, _OPTIMIZER):
            shutil.copyfile(Path(checkpoint) / name, temporary / name)
        (temporary / _STATE).write_bytes(msgspec.json.format(msgspec.json.encode(branched), indent=1))
    return path


def _gathered(tensors: dict[str, Tensor], workers: Workers) -> dict[str, Tensor]:
    """Whole tensors in the process that writes, nothing in the others."""
    gathered = {}
    for name, tensor in tensors.items():
        put_together = whole(tensor.detach())
        if workers.leads:
            gathered[name] = put_together.contiguous()
    return gathered


def _checkpoints(directory: Path) -> list[Path]:
    if not directory.is_dir():
        return []
    return [path for path in directory.iterdir() if _NAME.fullmatch(path.name) and path.is_dir()]


def _step_of(path: Path) -> int:
    match = _NAME.fullmatch(path.name)
    assert match is not None
    return int(match[1])
