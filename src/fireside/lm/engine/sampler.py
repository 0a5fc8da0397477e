"""Draws tokens from logits.

Each row is drawn with one random number of its own sequence, by inverting its cumulative distribution; no row
sees another, so that a sample does not depend on what shares the batch.

Shape legend: B rows, V vocabulary, K candidates.
"""

from collections.abc import Sequence as Rows

import torch
from torch import Tensor

from fireside.core.protocols import SamplingParams

__all__ = ["draw"]


@torch.inference_mode()
def draw(
    logits_BV: Tensor, params: Rows[SamplingParams], uniforms: Rows[float]
) -> tuple[list[int], list[float]]:
    """A token for each row, and its log-probability at temperature 1 without truncation.

    Args:
        logits_BV: float32.
        params: of each row.
        uniforms: a number in [0, 1) for each row; greedy rows ignore theirs.

    >>> draw(torch.tensor([[0.0, 1.0]]), [SamplingParams(temperature=0)], [0.5])
    ([1], [-0.31326...])
    """
    tokens_B = logits_BV.argmax(dim=-1)
    sampled = [row for row, param in enumerate(params) if param.temperature > 0]
    if sampled:
        temperatures = torch.tensor([[params[row].temperature] for row in sampled])
        probabilities = (logits_BV[sampled] / temperatures).softmax(dim=-1)
        for probs_V, row in zip(probabilities, sampled, strict=True):
            tokens_B[row] = _draw_row(probs_V, params[row].top_p, uniforms[row])
    logprobs_B = logits_BV.gather(1, tokens_B[:, None])[:, 0] - logits_BV.logsumexp(dim=-1)
    return tokens_B.tolist(), logprobs_B.tolist()


def _draw_row(probs_V: Tensor, top_p: float, uniform: float) -> int:
    if top_p == 1:
        return _invert(probs_V, uniform)
    # What lies below this sums to at most 1 - top_p, so that only the rest needs sorting.
    candidates_K = (probs_V >= (1 - top_p) / len(probs_V)).nonzero()[:, 0]
    probs_K, order_K = probs_V[candidates_K].sort(descending=True)
    before_K = probs_K.cumsum(0, dtype=torch.float64) - probs_K
    kept = int((before_K < top_p).sum())
    return int(candidates_K[order_K[_invert(probs_K[:kept], uniform)]])


def _invert(probs_K: Tensor, uniform: float) -> int:
    """The first index at which the cumulative distribution, scaled to end at 1, exceeds `uniform`."""
    cumulative_K = probs_K.cumsum(0, dtype=torch.float64)
    index = torch.searchsorted(cumulative_K, uniform * cumulative_K[-1], right=True)
    return min(int(index), int(probs_K.count_nonzero()) - 1 if probs_K[-1] == 0 else len(probs_K) - 1)
