"""The reference for attention within a window."""

import torch


def dense_windowed(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, window: int, segments: torch.Tensor | None
) -> torch.Tensor:
    """Softmax over a T x T mask, written out."""
    length = q.shape[2]
    distance = torch.arange(length)[:, None] - torch.arange(length)[None]
    mask = ((distance >= 0) & (distance < window))[None, None]
    if segments is not None:
        mask = mask & (segments[:, None, :, None] == segments[:, None, None, :])
    repeats = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(repeats, 1), v.repeat_interleave(repeats, 1)
    scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(~mask, -torch.inf)
    return scores.softmax(-1) @ v
