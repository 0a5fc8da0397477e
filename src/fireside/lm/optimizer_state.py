"""AdamW's moments as a safetensors file, by the names of the parameters.

The file holds `step.<name>`, `exp_avg.<name>` and `exp_avg_sq.<name>` for every parameter that has had a
gradient. Knows nothing about where the file lies.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from fireside.core.errors import CheckpointError
from fireside.lm.parallel import copy_whole

__all__ = ["load_moments", "moments"]

_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


def moments(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The moments of all parameters of `model` that `optimizer` has stepped; split ones stay split."""
    return {
        f"{moment}.{name}": optimizer.state[parameter][moment]
        for name, parameter in model.named_parameters()
        if parameter in optimizer.state
        for moment in _MOMENTS
    }


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
            # torch keeps the step of its fused AdamW beside the parameter.
            state = {"step": tensors.pop(f"step.{name}").to(parameter.device, copy=True)}
            for moment in _MOMENTS[1:]:
                # Copies: a tensor of the file may lie at any address, where kernels may sum in another order.
                state[moment] = torch.empty_like(parameter.detach())
                copy_whole(state[moment], tensors.pop(f"{moment}.{name}"))
            optimizer.state[parameter] = state
    if tensors:
        raise CheckpointError(f"{path} has {next(iter(tensors))!r}, but that parameter does not train now")
