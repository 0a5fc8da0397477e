"""The fused loss against torch's own cross-entropy and automatic differentiation."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from fireside.lm import losses
from fireside.lm.losses import linear_cross_entropy, token_logprobs


def problem(num_positions=300, width=16, vocabulary_size=50, seed=0):
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(num_positions, width, generator=generator, requires_grad=True)
    head = torch.randn(vocabulary_size, width, generator=generator, requires_grad=True)
    targets = torch.randint(vocabulary_size, (num_positions,), generator=generator)
    weights = torch.randn(num_positions, generator=generator)
    return hidden, head, targets, weights


@pytest.mark.parametrize("chunk_elements", [1, 1 << 20])
def test_loss_and_gradients_equal_autograd_of_the_plain_loss(monkeypatch, chunk_elements):
    monkeypatch.setattr(losses, "_CHUNK_ELEMENTS", chunk_elements)
    hidden, head, targets, weights = problem()
    plain = (cross_entropy(hidden @ head.T, targets, reduction="none") * weights).sum()
    wanted = torch.autograd.grad(3 * plain, [hidden, head])
    fused = linear_cross_entropy(hidden, head, targets, weights)
    found = torch.autograd.grad(3 * fused, [hidden, head])
    torch.testing.assert_close(fused, plain, rtol=1e-5, atol=1e-5)
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def test_a_frozen_head_gets_no_gradient_and_changes_none():
    hidden, head, targets, weights = problem()
    (wanted,) = torch.autograd.grad(linear_cross_entropy(hidden, head, targets, weights), [hidden])
    (found,) = torch.autograd.grad(linear_cross_entropy(hidden, head.detach(), targets, weights), [hidden])
    assert torch.equal(found, wanted)


def test_huge_logits_neither_overflow_nor_lose_the_loss():
    hidden = torch.tensor([[1e4, 0.0], [-1e4, 0.0]])
    head = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    loss = linear_cross_entropy(hidden, head, torch.tensor([0, 0]), torch.ones(2))
    assert loss.item() == 1e4


def test_logprobs_equal_log_softmax_and_are_a_distribution():
    hidden, head, targets, _ = problem()
    table = torch.log_softmax(hidden @ head.T, dim=1)
    torch.testing.assert_close(
        token_logprobs(hidden, head, targets), table.gather(1, targets[:, None])[:, 0], rtol=1e-5, atol=1e-5
    )
    of_each_token = torch.stack(
        [token_logprobs(hidden, head, torch.full_like(targets, k)) for k in range(50)]
    )
    torch.testing.assert_close(of_each_token.exp().sum(0), torch.ones(300), rtol=1e-5, atol=1e-5)


def test_under_autocast_the_loss_is_close_and_gradients_keep_their_types():
    hidden, head, targets, weights = problem()
    exact = linear_cross_entropy(hidden, head, targets, weights.abs())
    wanted = torch.autograd.grad(exact, [hidden, head])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = linear_cross_entropy(hidden, head, targets, weights.abs())
    found = torch.autograd.grad(rough, [hidden, head])
    assert rough.dtype == torch.float32
    torch.testing.assert_close(rough, exact, rtol=1e-2, atol=0)
    for a, b in zip(found, wanted, strict=True):
        assert a.dtype == torch.float32
        assert torch.linalg.norm(a - b) < 0.02 * torch.linalg.norm(b)
