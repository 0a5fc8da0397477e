"""From a batch to gradients: forward, loss, backward, in micro-batches.

What is minimised is an `Objective`; `BatchLoss` makes a module of it and a model, so that the model can be
wrapped for several processes without the objective noticing. Knows nothing about optimizers, schedules or
where batches come from.

Shape legend: B sequences, T positions, D width, N positions that count in the loss.
"""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from fireside.core.errors import InputError
from fireside.core.protocols import TokenBatch
from fireside.lm.losses import linear_cross_entropy
from fireside.lm.parallel import last_synchronizes
from fireside.lm.transformer import Transformer
from fireside.lm.workers import Workers

__all__ = ["BatchLoss", "Objective", "TensorBatch", "accumulate_gradients", "check_batch", "next_token_loss"]


class TensorBatch(NamedTuple):
    """Some sequences of a batch on the model's device.

    Attributes:
        inputs_BT: int64.
        targets_BT: int64.
        weights_BT: float32; those of all sequences of the whole batch sum to 1.
        segments_BT: int64, or `None`.
    """

    inputs_BT: Tensor
    targets_BT: Tensor
    weights_BT: Tensor
    segments_BT: Tensor | None


Objective = Callable[[Transformer, TensorBatch], Tensor]
"""The weighted sum of the losses of some sequences, in nats: a float32 scalar that can be differentiated."""


def next_token_loss(model: Transformer, part: TensorBatch) -> Tensor:
    """Cross-entropy of the next token; positions of weight 0 never reach the vocabulary.

    In a model with experts their load-balance loss is added, of all positions that pass through it together.
    """
    hidden_BTD, balance = model.forward_with_balance(part.inputs_BT, segments_BT=part.segments_BT)
    hidden_ND, share = hidden_BTD.flatten(0, 1), part.weights_BT.sum()
    targets_N, weights_N = part.targets_BT.flatten(), part.weights_BT.flatten()
    if not weights_N.all():
        (kept,) = weights_N.nonzero(as_tuple=True)
        hidden_ND, targets_N, weights_N = hidden_ND[kept], targets_N[kept], weights_N[kept]
    loss = linear_cross_entropy(hidden_ND, model.output_weight, targets_N, weights_N)
    return loss + model.config.balance_weight * share * balance if model.config.num_experts else loss


class BatchLoss(nn.Module):
    """A model and what it is to minimise, as one module.

    Args:
        model: what trains.
        objective: of the tokens.
    """

    def __init__(self, model: Transformer, objective: Objective = next_token_loss) -> None:
        super().__init__()
        self.model = model
        self.objective = objective

    def forward(self, part: TensorBatch) -> Tensor:
        """The objective of some sequences."""
        return self.objective(self.model, part)


def accumulate_gradients(
    loss_module: nn.Module,
    batch: TokenBatch,
    *,
    micro_batch_size: int | None = None,
    precision: Literal["fp32", "bf16"] = "fp32",
    workers: Workers | None = None,
) -> float:
    """Add the gradient of a batch's mean loss to the parameters; returns that loss, in nats per token.

    The mean is weighted by `batch.weights_BT` over the whole batch, so that neither micro-batches nor
    processes change anything but rounding and memory.

    Args:
        loss_module: a `BatchLoss`, distributed or not; parameters that require no gradient get none.
        batch: one that `check_batch` accepts, the same in all processes.
        micro_batch_size: sequences that pass through the model of one process at once; `None`: all it has.
        precision: `"fp32"`, or `"bf16"` for matrix products in bfloat16.
        workers: the processes that share the batch; `None`: this one alone.
    """
    workers = workers or Workers()
    device = next(loss_module.parameters()).device
    parts = list(_micro_batches(batch, workers.rows(len(batch.inputs_BT)), micro_batch_size, device))
    loss = 0.0
    for part in last_synchronizes(loss_module, parts):
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
            part_loss = loss_module(part)
        # Gradients are averaged over processes, and the loss is a sum.
        (part_loss * workers.size).backward()
        loss += part_loss.item()
    return workers.sum(loss)


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


def _micro_batches(
    batch: TokenBatch, rows: slice, size: int | None, device: torch.device
) -> Iterator[TensorBatch]:
    total_weight = batch.weights_BT.sum(dtype=np.float64)
    for start in range(rows.start, rows.stop, size or rows.stop - rows.start):
        part = slice(start, min(start + size, rows.stop) if size else rows.stop)
        weights_BT = torch.from_numpy((batch.weights_BT[part] / total_weight).astype(np.float32))
        yield TensorBatch(
            inputs_BT=_int64(batch.inputs_BT[part]).to(device),
            targets_BT=_int64(batch.targets_BT[part]).to(device),
            weights_BT=weights_BT.to(device),
            segments_BT=None if batch.segments_BT is None else _int64(batch.segments_BT[part]).to(device),
        )


def _int64(array: npt.NDArray[np.int32]) -> Tensor:
    return torch.from_numpy(array.astype(np.int64))
