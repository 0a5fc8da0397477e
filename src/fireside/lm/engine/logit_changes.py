"""What changes a model's logits before a token is drawn: grammars, biases, penalties and padding.

Rows that ask for nothing are not touched, and where none asks the logits are not even copied. Changes of all
rows are made at once, as pairs of a row and a token.

Shape legend: B rows, V vocabulary, P pairs.
"""

from collections.abc import Callable
from collections.abc import Sequence as Rows

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fireside.core.protocols import SamplingParams
from fireside.lm.engine.token_counts import TokenCounts

__all__ = ["change_logits", "has_penalties"]

BoolArray = npt.NDArray[np.bool_]


def has_penalties(params: SamplingParams) -> bool:
    """Whether a request needs its tokens counted."""
    return (params.repetition_penalty, params.presence_penalty, params.frequency_penalty) != (1, 0, 0)


@torch.inference_mode()
def change_logits(
    logits_BV: Tensor,
    params: Rows[SamplingParams],
    counts: Rows[TokenCounts | None],
    allowed: Rows[BoolArray | None],
    *,
    num_tokens: int | None = None,
) -> Tensor:
    """The logits to draw from.

    Args:
        logits_BV: float32, left as they are.
        params: of each row.
        counts: of each row; needed where `has_penalties`.
        allowed: bool[V] of each row, which tokens a grammar allows; `None` allows all.
        num_tokens: how many the tokenizer has; embeddings are often padded beyond, and what was never
            trained must not be drawn. `None`: V.

    Returns:
        `logits_BV` itself where nothing changes.

    >>> biased = SamplingParams(logit_bias=((1, 2.5),))
    >>> change_logits(torch.zeros(1, 3), [biased], [None], [np.array([True, True, False])])
    tensor([[0.0000, 2.5000,   -inf]])
    """
    penalized = [row for row, one in enumerate(params) if has_penalties(one)]
    biased = [row for row, one in enumerate(params) if one.logit_bias]
    masked = [row for row, mask in enumerate(allowed) if mask is not None]
    is_padded = num_tokens is not None and num_tokens < logits_BV.shape[1]
    if not (penalized or biased or masked or is_padded):
        return logits_BV
    changed_BV = logits_BV.clone()
    for row in masked:
        changed_BV[row].masked_fill_(torch.from_numpy(~allowed[row]), -torch.inf)  # type: ignore[operator]
    if biased:
        _add_biases(changed_BV, params, biased)
    if penalized:
        _penalize(changed_BV, params, counts, penalized)
    if is_padded:
        changed_BV[:, num_tokens:] = -torch.inf
    return changed_BV


def _add_biases(logits_BV: Tensor, params: Rows[SamplingParams], rows: list[int]) -> None:
    pairs = [(row, token, bias) for row in rows for token, bias in params[row].logit_bias]
    rows_P, tokens_P, biases_P = zip(*pairs, strict=True)
    where = (torch.tensor(rows_P), torch.tensor(tokens_P))
    logits_BV.index_put_(where, torch.tensor(biases_P, dtype=torch.float32), accumulate=True)


def _penalize(
    logits_BV: Tensor, params: Rows[SamplingParams], counts: Rows[TokenCounts | None], rows: list[int]
) -> None:
    counted = [count for row in rows if (count := counts[row]) is not None]
    assert len(counted) == len(rows)
    sizes = [len(count.tokens) for count in counted]

    def spread(value: Callable[[SamplingParams], float]) -> Tensor:
        return torch.from_numpy(np.repeat(np.array([value(params[row]) for row in rows], np.float32), sizes))

    where = (
        torch.from_numpy(np.repeat(rows, sizes)),
        torch.from_numpy(np.concatenate([count.tokens for count in counted])),
    )
    in_answer_P = torch.from_numpy(np.concatenate([count.in_answer for count in counted])).float()
    logits_P = logits_BV[where]
    repetition_P = spread(lambda one: one.repetition_penalty)
    logits_P = torch.where(logits_P > 0, logits_P / repetition_P, logits_P * repetition_P)
    logits_P -= in_answer_P * spread(lambda one: one.frequency_penalty)
    logits_P -= (in_answer_P > 0) * spread(lambda one: one.presence_penalty)
    logits_BV[where] = logits_P
