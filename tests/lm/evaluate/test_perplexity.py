"""Held-out losses against the plain computation and a model that knows nothing."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from fireside.core.errors import InputError
from fireside.core.protocols import TokenBatch
from fireside.lm.config import ModelConfig
from fireside.lm.evaluate.perplexity import held_out_loss, held_out_losses
from fireside.lm.transformer import Transformer

SHAPE = ModelConfig(
    vocab_size=40,
    hidden_size=16,
    intermediate_size=24,
    num_heads=2,
    num_kv_heads=1,
    head_dim=8,
    layer_map="0_1s",
    window=4,
    context_length=64,
    initializer_range=0.3,
)


def text(seed, num_sequences=3, weighted=True):
    generator = np.random.default_rng(seed)
    tokens = generator.integers(0, 40, (num_sequences, 11), dtype=np.int32)
    weights = generator.integers(0, 3 if weighted else 1, (num_sequences, 10)).astype(np.float32)
    segments = generator.integers(0, 2, (num_sequences, 10), dtype=np.int32).cumsum(1).astype(np.int32)
    return TokenBatch(tokens[:, :-1], tokens[:, 1:], weights, segments)


def test_the_loss_is_the_weighted_mean_over_all_batches():
    model, batches = Transformer(SHAPE, seed=0), [text(0), text(1, num_sequences=5)]
    total, weight = 0.0, 0.0
    for batch in batches:
        logits = model.logits(
            model(torch.from_numpy(batch.inputs_BT).long(), segments_BT=torch.from_numpy(batch.segments_BT))
        )
        losses = cross_entropy(
            logits.flatten(0, 1), torch.from_numpy(batch.targets_BT).long().flatten(), reduction="none"
        )
        total += (losses.detach().double().numpy() * batch.weights_BT.flatten()).sum()
        weight += batch.weights_BT.sum()
    found = held_out_loss(model, batches)
    assert found.loss == pytest.approx(total / weight, rel=1e-6)
    assert found.num_tokens == sum(int((batch.weights_BT > 0).sum()) for batch in batches)


def test_a_model_that_knows_nothing_has_the_perplexity_of_its_vocabulary():
    model = Transformer(SHAPE, seed=0)
    with torch.no_grad():
        model.norm.weight.zero_()
    assert held_out_loss(model, [text(0)]).perplexity == pytest.approx(40, rel=1e-5)
    assert held_out_loss(model, [text(0)]).loss == pytest.approx(math.log(40), rel=1e-6)


def test_domains_are_apart_and_the_numbers_repeat():
    model = Transformer(SHAPE, seed=0)
    batches = {"code": [text(0)], "mail": [text(1), text(2)]}
    first = held_out_losses(model, batches)
    assert first == held_out_losses(model, batches)
    assert first["mail"] == held_out_loss(model, batches["mail"])
    assert first["code"].loss != first["mail"].loss


def test_measuring_leaves_no_gradient():
    model = Transformer(SHAPE, seed=0)
    held_out_loss(model, [text(0)])
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())


def test_a_domain_without_tokens_is_named():
    with pytest.raises(InputError, match="domain 'empty': there is no token"):
        held_out_losses(Transformer(SHAPE, seed=0), {"full": [text(0)], "empty": []})
    with pytest.raises(InputError, match="domain 'masked': there is no token"):
        held_out_losses(Transformer(SHAPE, seed=0), {"masked": [text(0, weighted=False)]})


def test_a_domain_of_another_vocabulary_is_named():
    batch = text(0)
    batch.targets_BT[0, 0] = 40
    with pytest.raises(InputError, match="domain 'foreign': token ids from 0 to 40 do not fit"):
        held_out_losses(Transformer(SHAPE, seed=0), {"foreign": [batch]})
