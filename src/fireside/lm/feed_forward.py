"""The gated feed-forward layer (SwiGLU and GeGLU, arXiv 2002.05202)."""

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from fireside.lm.config import ModelConfig

__all__ = ["FeedForward", "activate"]


def activate(x: Tensor, activation: Literal["silu", "gelu_tanh"]) -> Tensor:
    """The nonlinearity of a gate.

    >>> import torch
    >>> [activate(torch.ones(()), name).item() for name in ("silu", "gelu_tanh")]
    [0.731..., 0.841...]
    """
    return F.silu(x) if activation == "silu" else F.gelu(x, approximate="tanh")


class FeedForward(nn.Module):
    """down(activation(gate(x)) * up(x)), without biases."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.activation = config.activation
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[..., D] -> [..., D]."""
        return self.down_proj(activate(self.gate_proj(x), self.activation) * self.up_proj(x))
