"""Causal attention within a window, exact, in O(T W) time and memory, forward and backward.

No T x T mask is ever built. The first W queries are plain causal attention. The others are cut into blocks of
b; the keys that a block can see are the W - 1 + b that end with it, a view of the keys, and a mask of the
band hides the two corners. Each such part is one call of a fused kernel, blocks being entries of its batch.

Shape legend: B batch, T positions, H query heads, G key/value heads, X heads of either kind, d head
dimension, N blocks, b queries in a block, S keys that a block can see.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

__all__ = ["banded_attention", "full_attention"]

_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_flash_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


def full_attention(
    q_BHTd: Tensor, k_BGTd: Tensor, v_BGTd: Tensor, *, segments_BT: Tensor | None = None
) -> Tensor:
    """Causal attention over all earlier positions of the same segment; scores are scaled by d^-1/2.

    Segments are contiguous. Each is attended to by itself, without a mask: T positions in documents of n cost
    T n and not T^2.
    """
    if segments_BT is None:
        return F.scaled_dot_product_attention(q_BHTd, k_BGTd, v_BGTd, is_causal=True, enable_gqa=True)
    lengths = _segment_lengths(segments_BT)
    joined = (x_BXTd.transpose(0, 1).flatten(1, 2) for x_BXTd in (q_BHTd, k_BGTd, v_BGTd))
    # Cut once, of all sequences one after the other: a slice's gradient would be as long as the whole.
    documents = zip(*(torch.split(x_XNd, lengths, 1) for x_XNd in joined), strict=True)
    outputs = [
        F.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True, enable_gqa=True)[0]
        for q, k, v in documents
    ]
    out_HNd = torch.cat(outputs, dim=1)
    return out_HNd.reshape(len(out_HNd), *segments_BT.shape, -1).transpose(0, 1)


def _segment_lengths(segments_BT: Tensor) -> list[int]:
    """Lengths of the segments of all sequences, one sequence after the other.

    >>> _segment_lengths(torch.tensor([[3, 3, 5], [5, 5, 5]]))
    [2, 1, 3]
    """
    begins_BT = torch.ones_like(segments_BT, dtype=torch.bool)
    begins_BT[:, 1:] = segments_BT[:, 1:] != segments_BT[:, :-1]
    starts: list[int] = begins_BT.flatten().nonzero()[:, 0].tolist()
    return [end - start for start, end in pairwise([*starts, segments_BT.numel()])]


def banded_attention(
    q_BHTd: Tensor, k_BGTd: Tensor, v_BGTd: Tensor, *, window: int, segments_BT: Tensor | None = None
) -> Tensor:
    """Causal attention over the last `window` positions of the same segment, the query's own included."""
    length = q_BHTd.shape[2]
    if length <= window:
        return full_attention(q_BHTd, k_BGTd, v_BGTd, segments_BT=segments_BT)
    parts = _parts(length, window)
    masks = [_mask(part, window, segments_BT, q_BHTd.device) for part in parts]
    if q_BHTd.device.type != "cpu":
        return _by_autograd(q_BHTd, k_BGTd, v_BGTd, parts, masks)
    if torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
        q_BHTd, k_BGTd, v_BGTd = q_BHTd.to(dtype), k_BGTd.to(dtype), v_BGTd.to(dtype)
    out_BHTd: Tensor = _BandedAttention.apply(  # type: ignore[no-untyped-call]
        q_BHTd, k_BGTd, v_BGTd, parts, masks
    )
    return out_BHTd


class _Rows(NamedTuple):
    """Overlapping blocks of positions: block n is `size` rows from `start` + n * `step` on."""

    start: int
    step: int
    size: int
    num_blocks: int

    def of(self, x_BXTd: Tensor) -> Tensor:
        """The blocks as entries of the batch, [B N, X, size, d]; a view where B is 1."""
        x_BXNdS = x_BXTd[:, :, self.start :].unfold(2, self.size, self.step)[:, :, : self.num_blocks]
        return x_BXNdS.permute(0, 2, 1, 4, 3).flatten(0, 1)

    def by_block(self, x_YXSd: Tensor) -> Tensor:
        """What was computed for `of`, [B, X, N, size, d]."""
        return x_YXSd.view(-1, self.num_blocks, *x_YXSd.shape[1:]).transpose(1, 2)

    def add_to(self, total_BXTd: Tensor, x_YXSd: Tensor) -> None:
        """Add what belongs to the blocks to their positions, where blocks overlap more than once."""
        x_BXNSd = self.by_block(x_YXSd)
        for first in range(0, self.size, self.step):
            width = min(self.step, self.size - first)
            start = self.start + first
            if self.num_blocks == 1:
                total_BXTd[:, :, start : start + width] += x_BXNSd[:, :, 0, first : first + width]
                continue
            # The last block may end where the positions end: unfold gives as many as there are.
            into_BXNdS = total_BXTd[:, :, start:].unfold(2, width, self.step)[:, :, : self.num_blocks]
            into_BXNdS += x_BXNSd[:, :, :, first : first + width].mT


class _Part(NamedTuple):
    """Blocks of queries, and the keys that each of them can see."""

    queries: _Rows
    keys: _Rows


def _parts(length: int, window: int) -> list[_Part]:
    """The first W queries, whole blocks, and a shorter last one.

    >>> [(part.queries.start, part.queries.size, part.queries.num_blocks, part.keys.start, part.keys.size)
    ...  for part in _parts(40, 15)]
    [(0, 15, 1, 0, 15), (15, 15, 1, 1, 29), (30, 10, 1, 16, 24)]
    """
    head = _Rows(0, window, window, 1)
    parts = [_Part(head, head)]
    block = min(_queries_per_block(window), length - window)
    num_blocks, rest = divmod(length - window, block)
    for start, size, count in ((window, block, num_blocks), (length - rest, rest, 1)):
        if size:
            keys = _Rows(start - window + 1, size, window - 1 + size, count)
            parts.append(_Part(_Rows(start, size, size, count), keys))
    return parts


def _queries_per_block(window: int) -> int:
    """Few queries a block waste little work outside the band, many use the processor better; measured."""
    return min(max(window // 4, min(window, 32)), 192)


def _mask(part: _Part, window: int, segments_BT: Tensor | None, device: torch.device) -> Tensor | None:
    """Which keys the queries of a part see, bool[B N, 1, b, S] or [b, S]; `None` is plain causal."""
    num_queries, num_keys = part.queries.size, part.keys.size
    is_head = part.queries == part.keys
    if is_head and segments_BT is None:
        return None
    ones_bS = torch.ones(num_queries, num_keys, dtype=torch.bool, device=device)
    # Query r of a block sees keys r to r + W - 1 of those that the block can see.
    visible = ones_bS.tril() if is_head else ones_bS.triu().tril(window - 1)
    if segments_BT is not None:
        segments_B1T1 = segments_BT[:, None, :, None]
        queries_Yb, keys_YS = (rows.of(segments_B1T1)[:, 0, :, 0] for rows in part)
        visible = (visible & _same(queries_Yb, keys_YS)).unsqueeze(1)
    return visible


def _by_autograd(
    q_BHTd: Tensor, k_BGTd: Tensor, v_BGTd: Tensor, parts: list[_Part], masks: list[Tensor | None]
) -> Tensor:
    """All parts through torch's own choice of a kernel, on any device."""
    outputs = []
    for (queries, keys), mask in zip(parts, masks, strict=True):
        out_YHbd = F.scaled_dot_product_attention(
            queries.of(q_BHTd),
            keys.of(k_BGTd),
            keys.of(v_BGTd),
            attn_mask=mask,
            is_causal=mask is None,
            enable_gqa=True,
        )
        outputs.append(queries.by_block(out_YHbd).flatten(2, 3))
    return torch.cat(outputs, dim=2)


class _BandedAttention(torch.autograd.Function):
    """All parts through the processor's kernel, without copies and sums that autograd would make."""

    @staticmethod
    def forward(
        ctx: Any,
        q_BHTd: Tensor,
        k_BGTd: Tensor,
        v_BGTd: Tensor,
        parts: list[_Part],
        masks: list[Tensor | None],
    ) -> Tensor:
        # In the order of memory that the output projection reads.
        batch, heads, length, head_dim = q_BHTd.shape
        out_BHTd = q_BHTd.new_zeros(batch, length, heads, head_dim).transpose(1, 2)
        saved = []
        for (queries, keys), mask in zip(parts, masks, strict=True):
            out_YHbd, lse_YHb = _flash(
                queries.of(q_BHTd),
                keys.of(k_BGTd),
                keys.of(v_BGTd),
                0.0,
                mask is None,
                attn_mask=_additive(mask, q_BHTd.dtype),
            )
            # Blocks of queries do not overlap: adding to nothing is writing.
            queries.add_to(out_BHTd, out_YHbd)
            saved.append(lse_YHb)
        ctx.parts = parts
        ctx.save_for_backward(q_BHTd, k_BGTd, v_BGTd, out_BHTd, *saved, *masks)
        return out_BHTd

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        (grad_out_BHTd,) = grad_outputs
        q_BHTd, k_BGTd, v_BGTd, out_BHTd, *others = ctx.saved_tensors
        parts = ctx.parts
        grads = [torch.zeros_like(x, memory_format=torch.contiguous_format) for x in (q_BHTd, k_BGTd, v_BGTd)]
        for (queries, keys), lse_YHb, mask in zip(
            parts, others[: len(parts)], others[len(parts) :], strict=True
        ):
            new_grads = _flash_backward(
                queries.of(grad_out_BHTd),
                queries.of(q_BHTd),
                keys.of(k_BGTd),
                keys.of(v_BGTd),
                queries.of(out_BHTd),
                lse_YHb,
                0.0,
                mask is None,
                attn_mask=_additive(mask, q_BHTd.dtype),
            )
            for grad, new_grad, rows in zip(grads, new_grads, (queries, keys, keys), strict=True):
                rows.add_to(grad, new_grad)
        return (*grads, None, None)


def _additive(mask: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """0 where a mask lets through, minus infinity elsewhere."""
    return None if mask is None else torch.zeros(mask.shape, dtype=dtype).masked_fill_(~mask, -torch.inf)


def _same(queries: Tensor, keys: Tensor) -> Tensor:
    """[..., b], [..., S] -> bool[..., b, S]: whether a query and a key are in the same segment."""
    return queries.unsqueeze(-1) == keys.unsqueeze(-2)
