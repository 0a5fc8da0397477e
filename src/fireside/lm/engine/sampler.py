"""Draws tokens from logits.

Each row is drawn with one random number of its own sequence, by inverting its cumulative distribution; no row
sees another, so that a sample does not depend on what shares the batch.

Shape legend: B rows, S rows that are drawn at random, V vocabulary, K candidates.
"""

from collections.abc import Sequence as Rows

import torch
from torch import Tensor

from fireside.core.protocols import SamplingParams, TopLogprobs

__all__ = ["draw", "top_logprobs"]

# As good as greedy, and logits divided by it stay finite.
_COLDEST = 1e-6


@torch.inference_mode()
def draw(
    logits_BV: Tensor,
    params: Rows[SamplingParams],
    uniforms: Rows[float],
    changed_BV: Tensor | None = None,
) -> tuple[list[int], list[float]]:
    """A token for each row, and its log-probability at temperature 1 without truncation.

    Args:
        logits_BV: float32, as the model gave them.
        params: of each row.
        uniforms: a number in [0, 1) for each row; greedy rows ignore theirs.
        changed_BV: logits to draw from where they differ from the model's.

    >>> draw(torch.tensor([[0.0, 1.0]]), [SamplingParams(temperature=0)], [0.5])
    ([1], [-0.31326...])
    """
    source_BV = logits_BV if changed_BV is None else changed_BV
    tokens_B = source_BV.argmax(dim=-1)
    sampled = [row for row, param in enumerate(params) if param.temperature > 0]
    if sampled:
        drawn = _draw_rows(
            source_BV[sampled], [params[row] for row in sampled], [uniforms[row] for row in sampled]
        )
        tokens_B[sampled] = torch.tensor(drawn)
    logprobs_B = logits_BV.gather(1, tokens_B[:, None])[:, 0] - logits_BV.logsumexp(dim=-1)
    return tokens_B.tolist(), logprobs_B.tolist()


@torch.inference_mode()
def top_logprobs(
    logits_BV: Tensor, params: Rows[SamplingParams], *, num_tokens: int | None = None
) -> list[TopLogprobs]:
    """The likeliest tokens of each row, as many as it asks for, at temperature 1 without truncation.

    Args:
        logits_BV: float32, as the model gave them.
        params: of each row.
        num_tokens: how many the tokenizer has; `None`: V.

    >>> top_logprobs(torch.tensor([[0.0, 1.0]]), [SamplingParams(top_logprobs=1)])
    [((1, -0.31326...),)]
    """
    known_BV = logits_BV[:, :num_tokens]
    wanted = [min(param.top_logprobs, known_BV.shape[1]) for param in params]
    found: list[TopLogprobs] = [() for _ in params]
    for row, count in enumerate(wanted):
        if count:
            logits_K, tokens_K = known_BV[row].topk(count)
            # As `draw` has it, so that a token has the same number in both.
            logprobs_K = logits_K - logits_BV[row].logsumexp(dim=-1)
            found[row] = tuple(zip(tokens_K.tolist(), logprobs_K.tolist(), strict=True))
    return found


def _draw_rows(logits_SV: Tensor, params: Rows[SamplingParams], uniforms: Rows[float]) -> list[int]:
    temperatures = torch.tensor([[max(param.temperature, _COLDEST)] for param in params])
    probs_SV = (logits_SV / temperatures).softmax(dim=-1)
    # One row after another: each stays in the processor's cache, which all together do not.
    tokens = []
    for probs_V, param, uniform in zip(probs_SV, params, uniforms, strict=True):
        if param.top_k is None and param.top_p == 1 and param.min_p == 0:
            tokens.append(_invert(probs_V, uniform))
        else:
            tokens_K, probs_K = _candidates(probs_V, param)
            tokens.append(int(tokens_K[_invert(probs_K, uniform)]))
    return tokens


def _candidates(probs_V: Tensor, param: SamplingParams) -> tuple[Tensor, Tensor]:
    """The tokens that truncation leaves and their probabilities, likeliest first; equals by their ids."""
    vocab = len(probs_V)
    top_k = vocab if param.top_k is None else min(param.top_k, vocab)
    # What lies below this sums to at most 1 - top_p, so that only the rest needs sorting.
    least = (1 - param.top_p) / vocab if top_k == vocab else float(probs_V.topk(top_k).values[-1])
    tokens_K = (probs_V >= least).nonzero()[:, 0]
    probs_K, order_K = probs_V[tokens_K].sort(descending=True, stable=True)
    probs_K, order_K = probs_K[:top_k], order_K[:top_k]
    before_K = probs_K.cumsum(0, dtype=torch.float64) - probs_K
    mass = float(probs_K.sum(dtype=torch.float64)) if top_k < vocab else 1.0
    kept = int((before_K < param.top_p * mass).sum())
    if param.min_p > 0:
        kept = min(kept, int((probs_K >= param.min_p * probs_K[0]).sum()))
    return tokens_K[order_K[:kept]], probs_K[:kept]


def _invert(probs_K: Tensor, uniform: float) -> int:
    """The first index at which the cumulative distribution, scaled to end at 1, exceeds `uniform`."""
    cumulative_K = probs_K.cumsum(0, dtype=torch.float64)
    index = int(torch.searchsorted(cumulative_K, uniform * cumulative_K[-1], right=True))
    # Rounding may point past the last token that is possible at all.
    if index < len(probs_K) and probs_K[index] > 0:
        return index
    return int(probs_K.nonzero()[-1, 0])
