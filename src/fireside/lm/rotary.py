"""Rotary position embedding (arXiv 2104.09864), in the half-split layout of Llama.

Element i of a head is paired with element i + d/2, and the pair is turned by position * theta^(-2i/d). All
arithmetic is float32, as in the implementations that published models were trained with: at large positions
more precise angles would be other angles.

Shape legend: B batch, H heads, T positions, d head dimension.
"""

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Rotation", "apply_rotary", "rotation"]


class Rotation(NamedTuple):
    """Cosines and sines of the angles at some positions, float32[..., d] each.

    The first half of `sin` is negated, so that turning needs no negation.
    """

    cos: Tensor
    sin: Tensor


def rotation(positions: Tensor, *, head_dim: int, theta: float) -> Rotation:
    """The rotation of each position.

    Args:
        positions: integers, any shape P.
        head_dim: width of a head.
        theta: base of the geometric series of frequencies.

    Returns:
        Tables of shape P + [d].
    """
    exponents = torch.arange(0, head_dim, 2, dtype=torch.float32, device=positions.device) / head_dim
    frequencies = 1.0 / (theta**exponents)
    angles = positions.to(torch.float32).unsqueeze(-1) * frequencies
    cos, sin = angles.cos(), angles.sin()
    return Rotation(torch.cat((cos, cos), dim=-1), torch.cat((-sin, sin), dim=-1))


def apply_rotary(x: Tensor, tables: Rotation) -> Tensor:
    """Turn heads to their positions.

    Args:
        x: [..., T, d].
        tables: cosines and sines that broadcast against `x`.

    >>> x = torch.tensor([[1.0, 0.0]])
    >>> quarter = Rotation(torch.tensor([[0.0, 0.0]]), torch.tensor([[-1.0, 1.0]]))
    >>> apply_rotary(x, quarter)
    tensor([[0., 1.]])
    """
    half = x.shape[-1] // 2
    swapped = torch.cat((x[..., half:], x[..., :half]), dim=-1)
    return x * tables.cos + swapped * tables.sin
