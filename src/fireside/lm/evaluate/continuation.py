"""How probable a model finds a text after another, and whether it would have written the same.

Context and continuation are encoded together; the tokens that count are those after the longest beginning
that the context alone has too.

Shape legend: N pairs, B sequences, T positions, P positions that count, D width, V vocabulary.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fireside.core.errors import InputError
from fireside.lm.losses import chunks, token_logprobs
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.transformer import Transformer

__all__ = ["ContinuationScore", "continuation_scores"]

BATCH_TOKENS = 8_192


@dataclass(frozen=True, slots=True)
class ContinuationScore:
    """A continuation under a model.

    Attributes:
        logprob: ln p(continuation | context) in nats, the sum over its tokens.
        is_greedy: whether each of its tokens is the likeliest at its place, so that the model would write it
            when decoding greedily; `None` where that was not asked for.
    """

    logprob: float
    is_greedy: bool | None = None


@torch.no_grad()
def continuation_scores(
    model: Transformer,
    tokenizer: Tokenizer,
    pairs: Sequence[tuple[str, str]],
    *,
    with_greedy: bool = False,
) -> list[ContinuationScore]:
    """The score of each (context, continuation), in their order.

    A context too long for the model loses its beginning. An empty one is the token that ends a text, where
    the tokenizer has none to begin one with.

    Args:
        model: left as it is; its training continues bit for bit.
        tokenizer: the one the model was trained with.
        pairs: contexts and what follows them.
        with_greedy: also say which would be written greedily; it costs a second product with the vocabulary.

    Raises:
        InputError: a continuation does not fit the model's context, or a token is outside its vocabulary.
    """
    sequences = _sequences(tokenizer, pairs, model.config.context_length)
    largest = max((max(tokens) for tokens, _ in sequences), default=0)
    if largest >= model.config.vocab_size:
        raise InputError(
            f"token id {largest} does not fit a vocabulary of {model.config.vocab_size}: give the model's "
            "own tokenizer"
        )
    logprobs_N = np.zeros(len(sequences))
    greedy_N = np.zeros(len(sequences), bool)
    for rows in _batches([len(tokens) for tokens, _ in sequences]):
        batch = [sequences[row] for row in rows]
        logprobs_N[rows], greedy_N[rows] = _batch_scores(model, batch, with_greedy)
    return [
        ContinuationScore(float(logprob), bool(greedy) if with_greedy else None)
        for logprob, greedy in zip(logprobs_N, greedy_N, strict=True)
    ]


def _sequences(
    tokenizer: Tokenizer, pairs: Sequence[tuple[str, str]], context_length: int
) -> list[tuple[list[int], int]]:
    """(tokens, how many of the last ones count) of each pair."""
    contexts = tokenizer.encode_batch([context for context, _ in pairs])
    wholes = tokenizer.encode_batch([context + continuation for context, continuation in pairs])
    sequences = []
    for number, (context, whole) in enumerate(zip(contexts, wholes, strict=True)):
        num_shared = _num_shared(context, whole)
        num_counted = len(whole) - num_shared
        if not 0 < num_counted <= context_length:
            before, after = pairs[number]
            raise InputError(
                f"the continuation {after[:40]!r}... of {before[-40:]!r} has {num_counted} tokens, the model "
                f"reads {context_length}: give text, but not more than that"
            )
        # The last token is predicted and never read, so one more than the context's length fits.
        first = (tokenizer.eos_id,) if num_shared == 0 else ()
        tokens = [*(tokenizer.start_ids or first), *whole]
        sequences.append((tokens[-context_length - 1 :], num_counted))
    return sequences


def _num_shared(left: Sequence[int], right: Sequence[int]) -> int:
    pairs = enumerate(zip(left, right, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(left), len(right)))


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Rows of like length together, so that little is padded; the longest first: memory shows early."""
    rows: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: (-lengths[row], row)):
        if rows and (len(rows) + 1) * lengths[rows[0]] > BATCH_TOKENS:
            yield rows
            rows = []
        rows.append(row)
    if rows:
        yield rows


def _batch_scores(
    model: Transformer, sequences: Sequence[tuple[list[int], int]], with_greedy: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Padding stands on the right, where attention, which looks back only, never meets it."""
    longest = max(len(tokens) for tokens, _ in sequences)
    tokens_BT = np.zeros((len(sequences), longest), np.int64)
    counts_BT = np.zeros((len(sequences), longest), bool)
    for row, (ids, num_counted) in enumerate(sequences):
        tokens_BT[row, : len(ids)] = ids
        counts_BT[row, len(ids) - num_counted : len(ids)] = True
    device = model.output_weight.device
    tokens = torch.from_numpy(tokens_BT).to(device)
    counted_BT = torch.from_numpy(counts_BT[:, 1:]).to(device)
    hidden_PD = model(tokens[:, :-1])[counted_BT]
    targets_P = tokens[:, 1:][counted_BT]
    rows_P = np.nonzero(counts_BT)[0]
    logprobs_P = token_logprobs(hidden_PD, model.output_weight, targets_P).cpu().numpy()
    logprobs_B = np.bincount(rows_P, logprobs_P.astype(np.float64), len(sequences))
    greedy_B = np.zeros(len(sequences), bool)
    if with_greedy:
        wrong_P = ~_likeliest(hidden_PD, model.output_weight, targets_P).cpu().numpy()
        greedy_B = np.bincount(rows_P, wrong_P, len(sequences)) == 0
    return logprobs_B, greedy_B


def _likeliest(hidden_PD: Tensor, head_VD: Tensor, targets_P: Tensor) -> Tensor:
    """Whether each target is the token with the largest logit: bool[P]."""
    parts = [
        (hidden_PD[start:stop] @ head_VD.T).argmax(dim=1) == targets_P[start:stop]
        for start, stop in chunks(len(targets_P), len(head_VD))
    ]
    return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.bool)
