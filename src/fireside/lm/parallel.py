"""Training by several processes: every one with the whole model (DDP), or with a part of it (FSDP2).

Both are torch's own. With DDP (arXiv 2006.15704) gradients are averaged as they come; with FSDP2, which is
ZeRO-3 (arXiv 1910.02054), weights, gradients and moments are split by rows, and each layer is put together
for as long as it computes. Knows nothing about losses or data.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from fireside.lm.transformer import Transformer
from fireside.lm.workers import Workers

__all__ = ["Strategy", "copy_whole", "distribute", "last_synchronizes", "whole"]

Strategy = Literal["ddp", "fsdp"]
Part = TypeVar("Part")


def distribute(loss_module: nn.Module, model: Transformer, workers: Workers, strategy: Strategy) -> nn.Module:
    """A module whose backward pass averages gradients over processes; that of one process stays as it is.

    Args:
        loss_module: calls `model`; returns a loss.
        model: which parameters train must be decided. `"fsdp"` splits it in place, so an optimizer is made
            afterwards.
        workers: the processes.
        strategy: `"ddp"` or `"fsdp"`.
    """
    if workers.size == 1:
        return loss_module
    if strategy == "ddp":
        # Without this flag gradients are added in another order from the second step on, so that a run that
        # resumes would differ in its last bits.
        return DistributedDataParallel(loss_module, find_unused_parameters=True)
    mesh = init_device_mesh(workers.device.type, (workers.size,))
    for layer in model.layers:
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
    register_fsdp_forward_method(model, "forward_with_balance")
    return loss_module


def last_synchronizes(loss_module: nn.Module, parts: Sequence[Part]) -> Iterator[Part]:
    """Yield micro-batches; only in the backward pass of the last do processes exchange gradients."""
    for number, part in enumerate(parts, 1):
        is_last = number == len(parts)
        for module in loss_module.modules():
            if isinstance(module, FSDPModule):
                module.set_requires_gradient_sync(is_last, recurse=False)
        if isinstance(loss_module, DistributedDataParallel) and not is_last:
            with loss_module.no_sync():
                yield part
        else:
            yield part


def whole(tensor: Tensor) -> Tensor:
    """A tensor that may be split over processes, put together; all processes must ask."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


@torch.no_grad()
def copy_whole(target: Tensor, source: Tensor) -> None:
    """Copy a whole tensor into one that may be split; each process takes its own part of it."""
    if isinstance(target, DTensor):
        source = distribute_tensor(
            source.to(target.device), target.device_mesh, target.placements, src_data_rank=None
        )
    target.copy_(source)
