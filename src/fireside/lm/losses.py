"""Next-token losses whose memory does not grow with positions times vocabulary.

The head is linear: logits = hidden @ head^T. Positions are taken in chunks; of each chunk the loss and its
gradients are computed while its logits are in the processor's cache, so that logits exist for one chunk at a
time and are computed once. Knows nothing about models or batches.

Shape legend: N positions, D width, V vocabulary, C positions of one chunk.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["chunks", "linear_cross_entropy", "token_logprobs"]

# One chunk of float32 logits takes about 4 MB, which stays in the cache of a current processor; below 128
# rows a matrix product loses more speed than the cache gives back.
_CHUNK_ELEMENTS = 1 << 20
_SMALLEST_CHUNK = 128


def linear_cross_entropy(hidden_ND: Tensor, head_VD: Tensor, targets_N: Tensor, weights_N: Tensor) -> Tensor:
    """The weighted sum of cross-entropies, in nats: -sum_n w_n ln p(target_n | hidden_n).

    Differentiable by `hidden_ND` and `head_VD`. Weights may be negative: with weights -c_n the gradient is
    that of sum_n c_n ln p(target_n), which is what policy gradients need.

    Args:
        hidden_ND: floating point, the model's last hidden states.
        head_VD: floating point, one row for each token.
        targets_N: int64 token ids.
        weights_N: float32; positions of weight 0 cost as much as others, so leave them out.

    Returns:
        A float32 scalar.

    >>> hidden, head = torch.zeros(3, 4, requires_grad=True), torch.randn(8, 4)
    >>> loss = linear_cross_entropy(hidden, head, torch.tensor([1, 5, 7]), torch.ones(3))
    >>> round(loss.item() / 3, 4)  # equal logits: ln 8
    2.0794
    """
    loss: Tensor = _LinearCrossEntropy.apply(  # type: ignore[no-untyped-call]
        hidden_ND, head_VD, targets_N, weights_N
    )
    return loss


@torch.no_grad()
def token_logprobs(hidden_ND: Tensor, head_VD: Tensor, targets_N: Tensor) -> Tensor:
    """ln p(target_n | hidden_n) of each position, float32[N], without a gradient.

    >>> token_logprobs(torch.zeros(2, 4), torch.randn(8, 4), torch.tensor([0, 7])).round(decimals=4)
    tensor([-2.0794, -2.0794])
    """
    logprobs_N = torch.empty(len(targets_N), dtype=torch.float32, device=hidden_ND.device)
    for start, stop in chunks(len(targets_N), len(head_VD)):
        logits_CV = hidden_ND[start:stop] @ head_VD.T
        logprobs_N[start:stop], _ = _exponentiate(logits_CV.float(), targets_N[start:stop, None])
    return logprobs_N


class _LinearCrossEntropy(torch.autograd.Function):
    """Computes the gradients together with the loss; `backward` only scales them."""

    @staticmethod
    def forward(ctx: Any, hidden_ND: Tensor, head_VD: Tensor, targets_N: Tensor, weights_N: Tensor) -> Tensor:
        device = hidden_ND.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden_ND.dtype
        wants_hidden, wants_head = ctx.needs_input_grad[:2]
        grad_hidden_ND = torch.empty_like(hidden_ND) if wants_hidden else None
        grad_head_VD = torch.zeros_like(head_VD, dtype=torch.float32) if wants_head else None
        loss = torch.zeros((), dtype=torch.float32, device=hidden_ND.device)
        with torch.autocast(device, enabled=False):
            matrix_VD = head_VD.to(dtype)
            for start, stop in chunks(len(targets_N), len(head_VD)):
                hidden_CD = hidden_ND[start:stop].to(dtype)
                targets_C1, weights_C1 = targets_N[start:stop, None], weights_N[start:stop, None]
                logits_CV = (hidden_CD @ matrix_VD.T).float()
                logprobs_C, sums_C1 = _exponentiate(logits_CV, targets_C1)
                loss -= torch.dot(logprobs_C, weights_C1[:, 0])
                if grad_hidden_ND is None and grad_head_VD is None:
                    continue
                # d loss / d logits = w (softmax - onehot), in the place of the exponentials.
                logits_CV.mul_(weights_C1 / sums_C1).scatter_add_(1, targets_C1, -weights_C1)
                grad_logits_CV = logits_CV.to(dtype)
                if grad_hidden_ND is not None:
                    grad_hidden_ND[start:stop] = grad_logits_CV @ matrix_VD
                if grad_head_VD is not None:
                    if dtype == torch.float32:
                        grad_head_VD.addmm_(grad_logits_CV.T, hidden_CD)
                    else:
                        grad_head_VD += grad_logits_CV.T @ hidden_CD
        ctx.save_for_backward(
            grad_hidden_ND, None if grad_head_VD is None else grad_head_VD.to(head_VD.dtype)
        )
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        grads = [None if grad is None else grad * grad_outputs[0] for grad in ctx.saved_tensors]
        return grads[0], grads[1], None, None


def _exponentiate(logits_CV: Tensor, targets_C1: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probabilities of the targets, and sums; `logits_CV` becomes exp(logits - row maximum)."""
    target_logits_C1 = logits_CV.gather(1, targets_C1)
    maxima_C1 = logits_CV.amax(1, keepdim=True)
    sums_C1 = logits_CV.sub_(maxima_C1).exp_().sum(1, keepdim=True)
    return (target_logits_C1 - maxima_C1 - sums_C1.log())[:, 0], sums_C1


def chunks(num_positions: int, vocabulary_size: int) -> list[tuple[int, int]]:
    """Where chunks of positions begin and end, so that the logits of one stay in the processor's cache.

    >>> chunks(300, 1 << 20)
    [(0, 128), (128, 256), (256, 300)]
    """
    size = max(_SMALLEST_CHUNK, _CHUNK_ELEMENTS // vocabulary_size)
    return [(start, min(start + size, num_positions)) for start in range(0, num_positions, size)]
