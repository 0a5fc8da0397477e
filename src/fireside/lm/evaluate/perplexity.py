"""Held-out loss: the mean surprise of a model by each token of some text, for each domain.

Sums are float64 and taken in the order of the batches: equal inputs give equal numbers.

Shape legend: B sequences, T positions, N positions that count.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from fireside.core.errors import InputError
from fireside.core.protocols import TokenBatch
from fireside.lm.losses import token_logprobs
from fireside.lm.transformer import Transformer

__all__ = ["HeldOutLoss", "held_out_loss", "held_out_losses"]


@dataclass(frozen=True, slots=True)
class HeldOutLoss:
    """The loss of a model on some text.

    Attributes:
        loss: mean negative log-probability of a token, in nats.
        num_tokens: how many tokens were predicted.
    """

    loss: float
    num_tokens: int

    @property
    def perplexity(self) -> float:
        """exp(loss): among how many equally likely tokens the model seems to choose.

        >>> round(HeldOutLoss(loss=math.log(50), num_tokens=10).perplexity, 6)
        50.0
        """
        return math.exp(self.loss)


def held_out_losses(
    model: Transformer, batches: Mapping[str, Iterable[TokenBatch]]
) -> dict[str, HeldOutLoss]:
    """The loss in each domain.

    Args:
        model: left as it is; its training continues bit for bit.
        batches: for each domain the text, as inputs, targets and weights.

    Raises:
        InputError: a domain has no token to predict, or one outside the vocabulary.
    """
    losses = {}
    for domain, domain_batches in batches.items():
        try:
            losses[domain] = held_out_loss(model, domain_batches)
        except InputError as error:
            raise InputError(f"domain {domain!r}: {error}") from error
    return losses


@torch.no_grad()
def held_out_loss(model: Transformer, batches: Iterable[TokenBatch]) -> HeldOutLoss:
    """The mean loss over all batches, each position weighted by `weights_BT`.

    Raises:
        InputError: there is no token to predict, or one outside the vocabulary.
    """
    device = model.output_weight.device
    loss, weight, num_tokens = 0.0, 0.0, 0
    for batch in batches:
        _check_vocabulary(batch, model.config.vocab_size)
        kept_BT = batch.weights_BT != 0
        tokens_BT = torch.from_numpy(batch.inputs_BT.astype(np.int64)).to(device)
        segments_BT = None if batch.segments_BT is None else torch.from_numpy(batch.segments_BT).to(device)
        hidden_BTD = model(tokens_BT, segments_BT=segments_BT)
        targets_N = torch.from_numpy(batch.targets_BT[kept_BT].astype(np.int64)).to(device)
        hidden_ND = hidden_BTD[torch.from_numpy(kept_BT).to(device)]
        logprobs_N = token_logprobs(hidden_ND, model.output_weight, targets_N).cpu().numpy()
        weights_N = batch.weights_BT[kept_BT].astype(np.float64)
        loss -= float(weights_N @ logprobs_N.astype(np.float64))
        weight += float(weights_N.sum())
        num_tokens += int(kept_BT.sum())
    if not weight > 0:
        raise InputError("there is no token of weight above 0 to predict: give at least one batch with some")
    return HeldOutLoss(loss=loss / weight, num_tokens=num_tokens)


def _check_vocabulary(batch: TokenBatch, vocab_size: int) -> None:
    for tokens_BT in (batch.inputs_BT, batch.targets_BT):
        low, high = int(tokens_BT.min(initial=0)), int(tokens_BT.max(initial=0))
        if low < 0 or high >= vocab_size:
            raise InputError(f"token ids from {low} to {high} do not fit a vocabulary of {vocab_size}")
