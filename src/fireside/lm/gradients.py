"""From a batch to gradients: forward, loss, backward, in micro-batches.

Knows nothing about optimizers, schedules or where batches come from.

Shape legend: B sequences, T positions, D width, N positions that count in the loss.
"""

from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fireside.core.errors import InputError
from fireside.core.protocols import TokenBatch
from fireside.lm.losses import linear_cross_entropy
from fireside.lm.transformer import Transformer

__all__ = ["Objective", "accumulate_gradients", "check_batch"]


class Objective(Protocol):
    """Adds the gradient of a batch's loss to the parameters, and gives that loss."""

    def __call__(
        self,
        model: Transformer,
        batch: TokenBatch,
        *,
        micro_batch_size: int | None = None,
        precision: Literal["fp32", "bf16"] = "fp32",
    ) -> float:
        """As `accumulate_gradients`, whatever the loss is."""
        ...


def accumulate_gradients(
    model: Transformer,
    batch: TokenBatch,
    *,
    micro_batch_size: int | None = None,
    precision: Literal["fp32", "bf16"] = "fp32",
) -> float:
    """Add the gradient of a batch's mean loss to the parameters; returns that loss, in nats per token.

    The mean is weighted by `batch.weights_BT` over the whole batch, so that micro-batches change nothing but
    rounding and memory.

    Args:
        model: parameters that require no gradient get none.
        batch: one that `check_batch` accepts.
        micro_batch_size: sequences that pass through the model at once; `None`: all.
        precision: `"fp32"`, or `"bf16"` for matrix products in bfloat16.
    """
    device = model.output_weight.device
    total_weight = batch.weights_BT.sum(dtype=np.float64)
    size = micro_batch_size or len(batch.inputs_BT)
    loss = 0.0
    for start in range(0, len(batch.inputs_BT), size):
        part = slice(start, start + size)
        weights_BT = torch.from_numpy((batch.weights_BT[part] / total_weight).astype(np.float32))
        segments_BT = None if batch.segments_BT is None else _int64(batch.segments_BT[part]).to(device)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
            hidden_BTD = model(_int64(batch.inputs_BT[part]).to(device), segments_BT=segments_BT)
            part_loss = _loss(
                model, hidden_BTD, _int64(batch.targets_BT[part]).to(device), weights_BT.to(device)
            )
        part_loss.backward()  # type: ignore[no-untyped-call]
        loss += part_loss.item()
    return loss


def check_batch(batch: TokenBatch, step: int, vocab_size: int) -> None:
    """Refuse a batch that would train on nothing, or end in an index error deep inside the model.

    Raises:
        InputError: token ids outside the vocabulary, or no weight above 0; the message names the step.
    """
    for name, tokens_BT in (("inputs", batch.inputs_BT), ("targets", batch.targets_BT)):
        low, high = int(tokens_BT.min(initial=0)), int(tokens_BT.max(initial=0))
        if low < 0 or high >= vocab_size:
            raise InputError(
                f"the {name} of batch {step} have token ids from {low} to {high}, the model knows 0 to "
                f"{vocab_size - 1}: tokenise with the model's own tokenizer"
            )
    if not batch.weights_BT.sum(dtype=np.float64) > 0:
        raise InputError(f"batch {step} has no position of weight above 0: there is nothing to learn from it")


def _loss(model: Transformer, hidden_BTD: Tensor, targets_BT: Tensor, weights_BT: Tensor) -> Tensor:
    """The weighted sum of losses; positions of weight 0 never reach the vocabulary."""
    hidden_ND, targets_N, weights_N = hidden_BTD.flatten(0, 1), targets_BT.flatten(), weights_BT.flatten()
    if not weights_N.all():
        (kept,) = weights_N.nonzero(as_tuple=True)
        hidden_ND, targets_N, weights_N = hidden_ND[kept], targets_N[kept], weights_N[kept]
    return linear_cross_entropy(hidden_ND, model.output_weight, targets_N, weights_N)


def _int64(array: npt.NDArray[np.int32]) -> Tensor:
    return torch.from_numpy(array.astype(np.int64))
