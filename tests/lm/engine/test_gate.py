"""Gates as torch computes them, whatever shares the batch."""

from typing import Any

import numpy as np
import pytest
import torch

from fireside.lm.engine.gate import _exp, gated
from fireside.lm.feed_forward import activate

numba = pytest.importorskip("numba")


@pytest.mark.parametrize("activation", ["silu", "gelu_tanh"])
@pytest.mark.parametrize(("rows", "inner", "room"), [(1, 7, 0), (3, 1500, 0), (5, 64, 8), (2, 4096, 3)])
def test_gates_are_those_of_torch(activation: str, rows: int, inner: int, room: int) -> None:
    generator = torch.Generator().manual_seed(rows)
    padded = torch.randn(rows, 2 * inner + room, generator=generator) * 6
    found = gated(padded[:, : 2 * inner], inner, activation)  # type: ignore[arg-type]
    expected = activate(padded[:, :inner], activation) * padded[:, inner : 2 * inner]  # type: ignore[arg-type]
    torch.testing.assert_close(found, expected, rtol=2e-6, atol=1e-5)
    for row in range(rows):
        alone = gated(padded[row : row + 1, : 2 * inner], inner, activation)  # type: ignore[arg-type]
        assert torch.equal(alone[0], found[row])


@pytest.mark.parametrize("activation", ["silu", "gelu_tanh"])
def test_gates_far_from_zero_are_closed_or_open(activation: str) -> None:
    gates = torch.tensor([[-1e30, -300.0, -89.0, -0.0, 0.0, 89.0, 300.0, 1e10]])
    found = gated(torch.cat((gates, torch.ones(1, 8)), dim=1), 8, activation)  # type: ignore[arg-type]
    torch.testing.assert_close(found, gates.clamp_min(0), rtol=1e-6, atol=1e-5)


def test_the_exponential_is_as_near_as_float32_allows() -> None:
    @numba.njit
    def exponentials(x: Any, out: Any) -> None:
        for i in range(len(x)):
            out[i] = _exp(x[i])

    x = np.linspace(-86.9, 87.9, 200_001).astype(np.float32)
    found = np.empty_like(x)
    exponentials(x, found)
    assert np.abs(found / np.exp(x.astype(np.float64)) - 1).max() < 2e-7
