"""From a sequence's number to its tokens: documents lie end to end and are cut every T tokens.

Sequence k of a domain predicts tokens kT + 1 to kT + T, and reads kT to kT + T - 1: the domain's first token
is only read, all others up to the last whole sequence are predicted exactly once an epoch. Which documents
a sequence holds, and where they meet, follows from k alone.

Shape legend: B sequences in a batch, T predicted tokens in a sequence.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fireside.core.protocols import TokenBatch
from fireside.mixing.domain import Domain

__all__ = ["pack", "segments_of"]

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
Float32Array = npt.NDArray[np.float32]


def pack(
    domains: Sequence[Domain],
    domains_B: Int32Array,
    positions_B: Int64Array,
    *,
    sequence_length: int,
    mask_documents: bool,
) -> TokenBatch:
    """Read sequences into a batch.

    Args:
        domains: all domains of the mixture.
        domains_B: int32, which of them each sequence comes from.
        positions_B: int64, the sequence's number in its domain.
        sequence_length: T.
        mask_documents: say which document each position belongs to, and do not ask to predict a document's
            first token from the one before.

    Returns:
        Inputs and targets are views of one array. Weights are 1, and 0 at masked targets.
    """
    rows = np.empty((domains_B.size, sequence_length + 1), np.int32)
    for row, domain, position in zip(rows, domains_B.tolist(), positions_B.tolist(), strict=True):
        domains[domain].read(position * sequence_length, row)
    weights_BT = np.ones((domains_B.size, sequence_length), np.float32)
    segments_BT: Int32Array | None = None
    if mask_documents:
        starts = (position * sequence_length for position in positions_B.tolist())
        segments = np.stack(
            [
                segments_of(
                    domains[domain].document_starts(start + 1, start + sequence_length + 1) - start,
                    sequence_length + 1,
                )
                for domain, start in zip(domains_B.tolist(), starts, strict=True)
            ]
        )
        segments_BT = segments[:, :-1]
        weights_BT[segments[:, 1:] != segments_BT] = 0
    return TokenBatch(
        inputs_BT=rows[:, :-1],
        targets_BT=rows[:, 1:],
        weights_BT=weights_BT,
        segments_BT=segments_BT,
        domains_B=domains_B,
    )


def segments_of(starts: Int64Array, length: int) -> Int32Array:
    """Number the documents of a sequence.

    Args:
        starts: where documents start, from 1 to `length` - 1; the first goes on from before.
        length: number of positions.

    >>> segments_of(np.array([2, 5]), 6).tolist()
    [0, 0, 1, 1, 1, 2]
    """
    marks = np.zeros(length, np.int32)
    marks[starts] = 1
    return np.cumsum(marks, dtype=np.int32)
