"""Weights that hold NaN or infinity: found when they are read, not in answers that make no sense."""

from collections.abc import Iterable

import torch
from torch import Tensor

from fireside.core.errors import CheckpointError

__all__ = ["check_finite"]


def check_finite(weights: Iterable[tuple[str, Tensor]]) -> None:
    """Refuse weights that are not all finite numbers.

    Raises:
        CheckpointError: some are not; the message names their tensor.

    >>> check_finite([("norm.weight", torch.tensor([1.0, float("nan")]))])
    Traceback (most recent call last):
    fireside.core.errors.CheckpointError: tensor 'norm.weight' has 1 of 2 weights that are NaN or infinite...
    """
    for name, weight in weights:
        # A sum costs one pass and no memory; only a suspicious one is looked at closely.
        if weight.is_meta or bool(torch.isfinite(weight.sum())):
            continue
        num_bad = weight.numel() - int(torch.isfinite(weight).sum())
        if num_bad:
            raise CheckpointError(
                f"tensor {name!r} has {num_bad:,} of {weight.numel():,} weights that are NaN or infinite: "
                "the training that wrote them diverged, or the file is damaged; take an earlier one"
            )
