"""A trained policy on disk: only the weights that trained, to be laid over the model it began as.

policy/
  weights.safetensors      parameters that train, by name
  optimizer.safetensors    AdamW's moments of them
  state.json               version, and the configuration of the model
  manifest.json            written last, by fireside.core.checkpoint
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors.torch import load_file, save_file

from fireside.core.checkpoint import verify, writing
from fireside.core.config import from_dict, to_dict
from fireside.core.errors import CheckpointError, CorruptFileError
from fireside.lm.config import ModelConfig
from fireside.lm.optimizer_state import load_moments, moments
from fireside.lm.transformer import Transformer

__all__ = ["load_policy", "load_policy_optimizer", "save_policy"]

_KIND = "fireside.lm.policy"
_WEIGHTS, _OPTIMIZER, _STATE = "weights.safetensors", "optimizer.safetensors", "state.json"


class PolicyState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many updates a policy has seen, and the shape of its model."""

    version: int
    model: dict[str, Any]


def save_policy(
    path: str | os.PathLike[str],
    model: Transformer,
    optimizer: torch.optim.Optimizer,
    *,
    trained: Sequence[str],
    version: int,
) -> None:
    """Write the parameters named in `trained`; an existing checkpoint at `path` is replaced.

    Raises:
        CheckpointError: `path` exists and is no checkpoint.
        DiskFullError: there is no room; nothing is left behind.
    """
    parameters = dict(model.named_parameters())
    state = PolicyState(version=version, model=to_dict(model.config))
    with writing(path, kind=_KIND, metadata={"version": version}) as directory:
        save_file({name: parameters[name].detach().contiguous() for name in trained}, directory / _WEIGHTS)
        moved = moments(model, optimizer)
        save_file({name: tensor.contiguous() for name, tensor in moved.items()}, directory / _OPTIMIZER)
        (directory / _STATE).write_bytes(msgspec.json.format(msgspec.json.encode(state), indent=1))


@torch.no_grad()
def load_policy(path: str | os.PathLike[str], model: Transformer, *, trained: Sequence[str] = ()) -> int:
    """Lay trained weights over a model, which must be the one that the policy began as.

    Args:
        path: what `save_policy` wrote.
        model: changed in place.
        trained: where given, the parameters that must be in the file, and no others.

    Returns:
        The version: how many updates the policy has seen.

    Raises:
        CheckpointError: the directory is no saved policy, is corrupt, or belongs to a model of another shape
            or to other trained parameters; the message names the difference. The model is unchanged then.
    """
    verify(path, kind=_KIND)
    state, stored = _read_state(Path(path)), load_file(Path(path) / _WEIGHTS)
    shape = msgspec.json.decode(msgspec.json.encode(to_dict(model.config)))
    written = to_dict(from_dict(ModelConfig, state.model))  # with what has been added since
    for name, value in shape.items():
        if written.get(name) != value:
            raise CheckpointError(
                f"{path} was trained on another model: its {name} is {written.get(name)!r}, "
                f"here it is {value!r}"
            )
    if trained and (different := sorted(stored.keys() ^ set(trained))):
        raise CheckpointError(
            f"{path} holds other trained parameters than now train, {different[0]!r} for one: let the same "
            "number of layers train"
        )
    parameters = dict(model.named_parameters())
    for name, tensor in stored.items():
        parameters[name].copy_(tensor)
    return state.version


def load_policy_optimizer(
    path: str | os.PathLike[str], model: Transformer, optimizer: torch.optim.Optimizer
) -> None:
    """Put AdamW's moments back, bit for bit."""
    load_moments(model, optimizer, Path(path) / _OPTIMIZER)


def _read_state(path: Path) -> PolicyState:
    try:
        return msgspec.json.decode((path / _STATE).read_bytes(), type=PolicyState)
    except (OSError, msgspec.DecodeError) as error:
        raise CorruptFileError(
            f"{path / _STATE} cannot be read ({error}): the policy cannot be used"
        ) from error
