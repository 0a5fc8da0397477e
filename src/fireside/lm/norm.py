"""Root-mean-square normalisation (arXiv 1910.07467)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["RMSNorm"]


class RMSNorm(nn.Module):
    """y = x / sqrt(mean(x^2) + eps) * weight, over the last dimension.

    >>> norm = RMSNorm(2, eps=0.0)
    >>> bool(torch.allclose(norm(torch.tensor([3.0, 4.0])), torch.tensor([3.0, 4.0]) / 12.5**0.5))
    True
    """

    def __init__(self, size: int, *, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each vector of the last dimension; shape and dtype stay."""
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)
