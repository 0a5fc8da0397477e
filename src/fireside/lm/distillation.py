"""The divergence of a model from its teacher, whose memory does not grow with positions times vocabulary.

KL(teacher || student) of the next-token distributions, both with a linear head. As in `losses`, positions are
taken in chunks, and the gradient is computed together with the loss. The heads are not trained.

Shape legend: N positions, D width, V vocabulary, C positions of one chunk.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from fireside.lm.losses import chunks

__all__ = ["linear_divergence"]


def linear_divergence(
    hidden_ND: Tensor, head_VD: Tensor, teacher_hidden_ND: Tensor, teacher_head_VD: Tensor, weights_N: Tensor
) -> Tensor:
    """The weighted sum of divergences, in nats: sum_n w_n KL(teacher_n || student_n).

    Differentiable by `hidden_ND` only.

    Args:
        hidden_ND: the student's last hidden states, floating point.
        head_VD: the student's output projection.
        teacher_hidden_ND: the teacher's last hidden states; its width may differ.
        teacher_head_VD: the teacher's output projection.
        weights_N: float32.

    Returns:
        A float32 scalar.

    >>> hidden, head = torch.randn(3, 4, requires_grad=True), torch.randn(8, 4)
    >>> linear_divergence(hidden, head, hidden.detach(), head, torch.ones(3)).item()
    0.0
    """
    loss: Tensor = _LinearDivergence.apply(  # type: ignore[no-untyped-call]
        hidden_ND, head_VD, teacher_hidden_ND, teacher_head_VD, weights_N
    )
    return loss


class _LinearDivergence(torch.autograd.Function):
    """Computes the gradient together with the loss; `backward` only scales it."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden_ND: Tensor,
        head_VD: Tensor,
        teacher_hidden_ND: Tensor,
        teacher_head_VD: Tensor,
        weights_N: Tensor,
    ) -> Tensor:
        grad_hidden_ND = torch.empty_like(hidden_ND)
        loss = torch.zeros((), dtype=torch.float32, device=hidden_ND.device)
        with torch.autocast(hidden_ND.device.type, enabled=False):
            for start, stop in chunks(len(hidden_ND), len(head_VD)):
                rows, weights_C1 = slice(start, stop), weights_N[start:stop, None]
                student_CV = (hidden_ND[rows].float() @ head_VD.T).log_softmax(-1)
                teacher_CV = (teacher_hidden_ND[rows].float() @ teacher_head_VD.T).log_softmax(-1)
                probabilities_CV = teacher_CV.exp()
                loss += (probabilities_CV * (teacher_CV - student_CV) * weights_C1).sum()
                # d KL / d logits of the student = softmax(student) - softmax(teacher).
                grad_logits_CV = student_CV.exp_().sub_(probabilities_CV).mul_(weights_C1)
                grad_hidden_ND[rows] = grad_logits_CV @ head_VD
        ctx.save_for_backward(grad_hidden_ND)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        (grad_hidden_ND,) = ctx.saved_tensors
        return grad_hidden_ND * grad_outputs[0], None, None, None, None
