"""A matrix laid out for products with few rows, its numbers as float32 or rounded to int8.

A matrix [X, K] is cut into panels of `PANEL` outputs, [K, `PANEL`] each, so that a product reads it once from
its first byte to its last. In int8 each output has a scale of its own: the largest number of its row becomes
127. Only weights are rounded; what they multiply and the sums stay float32.

Shape legend: X outputs, K inputs, P panels, W = `PANEL`.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from llvmlite import binding
from torch import Tensor

from fireside.lm.engine.weight_format import WeightFormat
from fireside.lm.engine.weight_memory import WeightMemory

__all__ = ["LANES", "PANEL", "Panels", "to_panels"]

LANES = 16 if binding.get_host_cpu_features().get("avx512f") else 8
"""Numbers of a vector register."""

PANEL = 2 * LANES
"""Outputs of a panel."""


class Panels(NamedTuple):
    """A matrix [X, K] in panels.

    Attributes:
        values_PKW: float32 or int8; zeros after the last output.
        scales_X: float32[P W], what the sums of each output are multiplied by.
        num_outputs: X.
        addresses: where the values and the scales begin.
    """

    values_PKW: npt.NDArray[Any]
    scales_X: npt.NDArray[np.float32]
    num_outputs: int
    addresses: tuple[int, int]

    @property
    def is_padded(self) -> bool:
        """Whether the last panel has room to spare."""
        return self.num_outputs < len(self.scales_X)

    @property
    def num_bytes(self) -> int:
        """Bytes of memory."""
        return self.values_PKW.nbytes + self.scales_X.nbytes


def to_panels(
    weight_XK: Tensor, weight_format: WeightFormat = "fp32", memory: WeightMemory | None = None
) -> Panels:
    """Lay out a matrix; it is copied.

    Args:
        weight_XK: the matrix.
        weight_format: how its numbers are stored.
        memory: takes them; matrices that are read one after the other share it.

    >>> panels = to_panels(torch.tensor([[1.0, -2.0], [0.5, 0.25]]), "int8")
    >>> panels.values_PKW[0, :, :2].T
    array([[  64, -127],
           [ 127,   64]], dtype=int8)
    >>> [round(127 * float(scale), 4) for scale in panels.scales_X[:3]]
    [2.0, 0.5, 127.0]
    """
    num_outputs, depth = weight_XK.shape
    num_panels = -(-num_outputs // PANEL)
    padded_XK = torch.zeros(num_panels * PANEL, depth)
    padded_XK[:num_outputs] = weight_XK
    scales_X = torch.ones(num_panels * PANEL)
    if weight_format == "int8":
        largest_X = padded_XK.abs().amax(dim=1)
        scales_X = torch.where(largest_X > 0, largest_X / 127, scales_X)
        padded_XK = padded_XK.div_(scales_X[:, None]).round_().to(torch.int8)
    panels_PKW = padded_XK.view(num_panels, PANEL, depth).transpose(1, 2).numpy()
    values_PKW = (memory or WeightMemory()).empty(panels_PKW.shape, panels_PKW.dtype)
    values_PKW[:] = panels_PKW
    scales = scales_X.numpy()
    return Panels(values_PKW, scales, num_outputs, (values_PKW.ctypes.data, scales.ctypes.data))
