"""AdamW's moments as a safetensors file, by the names of the parameters.

The file holds `step.<name>`, `exp_avg.<name>` and `exp_avg_sq.<name>` for every parameter that has had a
gradient. Knows nothing about where the file lies.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from fireside.core.errors import CheckpointError

__all__ = ["load_moments", "save_moments"]

_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


def save_moments(model: nn.Module, optimizer: torch.optim.Optimizer, path: Path) -> None:
    """Write the moments of all parameters of `model` that `optimizer` has stepped."""
    tensors = {
        f"{moment}.{name}": optimizer.state[parameter][moment].contiguous()
        for name, parameter in model.named_parameters()
        if parameter in optimizer.state
        for moment in _MOMENTS
    }
    save_file(tensors, path)


def load_moments(model: nn.Module, optimizer: torch.optim.Optimizer, path: Path) -> None:
    """Put the moments back, bit for bit, in place of those that `optimizer` has.

    Raises:
        CheckpointError: the file has moments of a parameter that does not train; the message names it.
    """
    tensors = load_file(path)
    names = {parameter: name for name, parameter in model.named_parameters()}
    optimizer.state.clear()
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            name = names[parameter]
            if f"step.{name}" not in tensors:  # it has never had a gradient
                continue
            # Copies: a tensor of the file may lie at any address, and kernels may sum in another order there.
            optimizer.state[parameter] = {
                moment: tensors.pop(f"{moment}.{name}").to(
                    # torch keeps the step of its fused AdamW beside the parameter.
                    parameter.device,
                    copy=True,
                )
                for moment in _MOMENTS
            }
    if tensors:
        raise CheckpointError(f"{path} has {next(iter(tensors))!r}, but that parameter does not train now")
