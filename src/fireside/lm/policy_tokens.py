"""Training sequences as the learner sees them: inputs, targets, and which predictions are the policy's.

Shape legend: T positions of a sequence, B sequences of a micro-batch, M positions written by the policy.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fireside.core.errors import CapacityError, InputError
from fireside.core.protocols import TrainingSequence

__all__ = ["PolicyTokens", "micro_batches", "policy_tokens"]


@dataclass(frozen=True, slots=True)
class PolicyTokens:
    """One sequence, cut after the last token that the policy wrote: what follows changes no gradient.

    Attributes:
        inputs_T: int64, the tokens that enter the model.
        positions_M: int64, where in `inputs_T` the model predicts a token that the policy wrote.
        targets_M: int64, those tokens.
    """

    inputs_T: npt.NDArray[np.int64]
    positions_M: npt.NDArray[np.int64]
    targets_M: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.inputs_T)


def policy_tokens(sequence: TrainingSequence, *, vocab_size: int, context_length: int) -> PolicyTokens:
    """Prepare one sequence.

    Raises:
        InputError: the policy wrote nothing, or the first token (which no context predicts), or a token id
            lies outside the vocabulary.
        CapacityError: the sequence is longer than the model's context.

    >>> sequence = TrainingSequence((5, 6, 7, 8), (False, True, True, False))
    >>> prepared = policy_tokens(sequence, vocab_size=10, context_length=8)
    >>> prepared.inputs_T, prepared.positions_M, prepared.targets_M
    (array([5, 6]), array([0, 1]), array([6, 7]))
    """
    tokens = np.array(sequence.tokens, dtype=np.int64)
    (written_M,) = np.array(sequence.policy_mask, dtype=bool).nonzero()
    if not len(written_M):
        raise InputError("the policy wrote no token of this sequence: there is nothing to learn from it")
    if written_M[0] == 0:
        raise InputError("the first token is marked as the policy's, but nothing precedes it: add a prompt")
    if tokens.min() < 0 or tokens.max() >= vocab_size:
        raise InputError(
            f"token ids from {tokens.min()} to {tokens.max()} do not fit a vocabulary of {vocab_size}"
        )
    end = int(written_M[-1])
    if end > context_length:
        raise CapacityError(f"the sequence has {end + 1} tokens, the model's context {context_length}")
    return PolicyTokens(tokens[:end], written_M - 1, tokens[written_M])


def micro_batches(lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Group sequences of like length, longest first, so that little is padded.

    Args:
        lengths: of each sequence.
        max_tokens: the most positions of a group, padding included; a longer sequence is a group of its own.

    Returns:
        Indices into `lengths`, each once.

    >>> micro_batches([2, 7, 3, 8], max_tokens=16)
    [[3, 1], [2, 0]]
    """
    groups: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        if groups and (len(groups[-1]) + 1) * lengths[groups[-1][0]] <= max_tokens:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups
