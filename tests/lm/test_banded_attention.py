from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fireside.lm import banded_attention as module
from fireside.lm.banded_attention import banded_attention, full_attention
from tests.lm.dense_attention import dense_windowed

Attention = Callable[..., Tensor]


def through_autograd(
    q: Tensor, k: Tensor, v: Tensor, *, window: int, segments_BT: Tensor | None = None
) -> Tensor:
    """What other devices do, on this one."""
    parts = module._parts(q.shape[2], window)
    masks = [module._mask(part, window, segments_BT, q.device) for part in parts]
    return module._by_autograd(q, k, v, parts, masks)


both_ways = pytest.mark.parametrize("attention", [banded_attention, through_autograd])


def inputs(length: int, seed: int, dtype: torch.dtype = torch.float64, width: int = 8) -> list[Tensor]:
    """Queries of 4 heads, keys and values of 2."""
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(2, heads, length, width, generator=generator, dtype=dtype, requires_grad=True)
        for heads in (4, 2, 2)
    ]


@both_ways
@settings(max_examples=60, deadline=None)
@given(length=st.integers(2, 70), data=st.data(), segmented=st.booleans(), seed=st.integers(0, 2**31))
def test_banded_attention_and_its_gradients_equal_dense_masked_attention(
    attention: Attention, length: int, data: st.DataObject, segmented: bool, seed: int
) -> None:
    window = data.draw(st.integers(1, length - 1))
    generator = torch.Generator().manual_seed(seed)
    segments = torch.randint(0, 3, (2, length), generator=generator).cumsum(1) if segmented else None
    weight = torch.randn(2, 4, length, 8, generator=generator, dtype=torch.float64)
    qkv = inputs(length, seed)

    wanted = dense_windowed(*qkv, window, segments)
    found = attention(*qkv, window=window, segments_BT=segments)

    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)
    for a, b in zip(
        torch.autograd.grad((found * weight).sum(), qkv),
        torch.autograd.grad((wanted * weight).sum(), qkv),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("length", "window"), [(700, 300), (1000, 513), (900, 256)])
@pytest.mark.parametrize("segmented", [True, False])
def test_windows_of_a_real_size_are_exact_too(length: int, window: int, segmented: bool) -> None:
    qkv = inputs(length, 3, torch.float32, width=16)
    segments = (torch.arange(length) // 170).expand(2, -1) if segmented else None
    wanted = dense_windowed(*qkv, window, segments)
    found = banded_attention(*qkv, window=window, segments_BT=segments)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    for a, b in zip(
        torch.autograd.grad(found.square().sum(), qkv),
        torch.autograd.grad(wanted.square().sum(), qkv),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_a_window_as_long_as_the_sequence_is_full_attention() -> None:
    qkv = inputs(33, 0)
    assert torch.equal(banded_attention(*qkv, window=33), full_attention(*qkv))


@both_ways
def test_activations_kept_for_the_backward_pass_grow_with_the_length_only(attention: Attention) -> None:
    def kept_bytes(length: int) -> int:
        sizes = {}

        def pack(tensor: Tensor) -> Tensor:
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        segments = (torch.arange(length) // 100).expand(2, -1)
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            attention(*inputs(length, 0), window=32, segments_BT=segments)
        return sum(sizes.values())

    short, long = kept_bytes(32 * 9), kept_bytes(32 * 33)
    assert long < 4.2 * short


@both_ways
def test_autocast_multiplies_in_its_own_type(attention: Attention) -> None:
    qkv = inputs(40, 1, torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = attention(*qkv, window=9)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), dense_windowed(*qkv, 9, None), rtol=0.05, atol=0.05)
    found.float().sum().backward()
    assert all(x.grad is not None and x.grad.dtype == torch.float32 for x in qkv)


@settings(max_examples=40, deadline=None)
@given(length=st.integers(1, 60), seed=st.integers(0, 2**31))
def test_documents_that_share_a_sequence_equal_dense_masked_attention(length: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    segments = (torch.rand(2, length, generator=generator) < 0.2).long().cumsum(1)
    weight = torch.randn(2, 4, length, 8, generator=generator, dtype=torch.float64)
    qkv = inputs(length, seed)
    wanted = dense_windowed(*qkv, length, segments)
    found = full_attention(*qkv, segments_BT=segments)
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)
    for a, b in zip(
        torch.autograd.grad((found * weight).sum(), qkv),
        torch.autograd.grad((wanted * weight).sum(), qkv),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)
