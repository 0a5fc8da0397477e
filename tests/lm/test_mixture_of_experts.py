"""Mixtures of experts against a loop over tokens, transformers' loss, and torch's count of operations."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from fireside.core.errors import ConfigError
from fireside.core.protocols import SampleRequest, SamplingParams, TokenBatch
from fireside.lm.config import ModelConfig
from fireside.lm.engine.engine import Engine
from fireside.lm.engine.engine_config import EngineConfig
from fireside.lm.flops import forward_flops, training_flops
from fireside.lm.gradients import BatchLoss, accumulate_gradients
from fireside.lm.lr_schedule import LearningRateSchedule
from fireside.lm.mixture_of_experts import MixtureOfExperts, balance_loss, route
from fireside.lm.tokenizer import Tokenizer
from fireside.lm.trainer import Trainer
from fireside.lm.training_config import TrainingConfig
from fireside.lm.transformer import Transformer

TinyConfig = Callable[..., ModelConfig]
EXPERTS: dict[str, Any] = {"num_experts": 5, "num_experts_per_token": 2}


class Noise:
    """Random tokens."""

    fingerprint = "noise"
    num_batches = None

    def batch(self, step: int) -> TokenBatch:
        tokens = np.random.default_rng(step).integers(0, 61, (4, 17), dtype=np.int32)
        return TokenBatch(tokens[:, :-1], tokens[:, 1:], np.ones((4, 16), np.float32))


def token_by_token(layer: MixtureOfExperts, x_ND: Tensor) -> Tensor:
    """Every expert's output for every token, weighted by 0 where it was not chosen."""
    rows = []
    for x_D in x_ND:
        probs = (layer.gate.weight @ x_D).softmax(0)
        chosen = sorted(range(len(probs)), key=lambda e: -float(probs[e].detach()))[: layer.num_chosen]
        scale = sum(probs[e] for e in chosen) if layer.normalize else 1.0
        rows.append(sum(probs[e] / scale * layer.experts[e](x_D) for e in chosen))
    return torch.stack(rows)  # type: ignore[arg-type]


@pytest.mark.parametrize(("chosen", "normalize"), [(1, True), (1, False), (2, True), (3, False), (5, True)])
def test_outputs_and_gradients_are_those_of_a_loop_over_tokens(
    tiny: TinyConfig, chosen: int, normalize: bool
) -> None:
    config = tiny(num_experts=5, num_experts_per_token=chosen, normalize_experts=normalize)
    layer = Transformer(config, seed=3).layers[0].mlp
    assert isinstance(layer, MixtureOfExperts)
    x = torch.randn(2, 7, 32, generator=torch.Generator().manual_seed(1), requires_grad=True)
    weights = torch.randn(2, 7, 32, generator=torch.Generator().manual_seed(2))
    wanted = token_by_token(layer, x.flatten(0, 1)).view(x.shape)
    (wanted * weights).sum().backward()
    gradients = [p.grad for p in (x, *layer.parameters())]
    for p in (x, *layer.parameters()):
        p.grad = None
    found, _ = layer(x)
    (found * weights).sum().backward()
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)
    for p, gradient in zip((x, *layer.parameters()), gradients, strict=True):
        # An expert without tokens has a gradient too, of 0.
        torch.testing.assert_close(
            p.grad, torch.zeros_like(p) if gradient is None else gradient, rtol=1e-4, atol=1e-5
        )


@pytest.mark.filterwarnings("ignore")
def test_the_load_balance_loss_is_that_of_transformers() -> None:
    from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func

    logits_NE = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))
    for chosen in (1, 2, 3):
        _, experts_NK = route(logits_NE, chosen, normalize=True)
        theirs = load_balancing_loss_func((logits_NE,), 6, chosen)  # its shares sum to k
        assert chosen * float(balance_loss(logits_NE, experts_NK)) == pytest.approx(float(theirs), rel=1e-5)


def test_the_balance_weight_brings_tokens_to_all_experts(tiny: TinyConfig, tmp_path: Path) -> None:
    balances = {}
    for weight in (0.0, 1.0):
        model = Transformer(tiny(**EXPERTS, balance_weight=weight), seed=0)
        with torch.no_grad():  # the router begins with strong preferences
            for layer in model.layers:
                layer.mlp.gate.weight.mul_(3.0)
        schedule = LearningRateSchedule(peak=3e-3)
        settings = TrainingConfig(num_steps=40, schedule=schedule)
        Trainer(model, Noise(), settings, tmp_path / str(weight)).run()
        with torch.no_grad():
            tokens_BT = torch.from_numpy(Noise().batch(99).inputs_BT).long()
            balances[weight] = float(model.forward_with_balance(tokens_BT)[1])
    assert 1.0 <= balances[1.0] < 1.15 < 1.25 < balances[0.0]


def test_checkpointed_activations_give_the_same_gradients(tiny: TinyConfig) -> None:
    gradients = []
    for saving in (False, True):
        model = Transformer(tiny(**EXPERTS), seed=2)
        model.activation_checkpointing = saving
        loss = accumulate_gradients(BatchLoss(model), Noise().batch(0))
        gradients.append((loss, [p.grad for p in model.parameters()]))
    assert gradients[0][0] == gradients[1][0]
    assert all(torch.equal(a, b) for a, b in zip(gradients[0][1], gradients[1][1], strict=True))  # type: ignore[arg-type]


def test_a_run_resumes_bit_for_bit(tiny: TinyConfig, tmp_path: Path) -> None:
    settings = TrainingConfig(num_steps=6, schedule=LearningRateSchedule(peak=3e-3))
    straight = Trainer(Transformer(tiny(**EXPERTS), seed=0), Noise(), settings, tmp_path / "straight")
    straight.run()
    Trainer(Transformer(tiny(**EXPERTS), seed=0), Noise(), settings, tmp_path / "broken").run(until_step=2)
    resumed = Trainer(Transformer(tiny(**EXPERTS), seed=9), Noise(), settings, tmp_path / "broken")
    resumed.run()
    for (name, a), (_, b) in zip(
        straight.model.named_parameters(), resumed.model.named_parameters(), strict=True
    ):
        assert torch.equal(a, b), name


def test_operations_and_parameters_are_counted_as_they_are_spent(tiny: TinyConfig) -> None:
    config = tiny(**EXPERTS)
    model = Transformer(config, seed=0)
    assert config.num_parameters == sum(p.numel() for p in model.parameters())
    x = torch.randn(1, 13, 32)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        for layer in model.layers:
            layer.mlp(x)
    assert forward_flops(config, 13).feed_forward == counter.get_total_flops()
    dense = tiny(num_experts=0, intermediate_size=48 * 2)
    router = 2 * 13 * 6 * 32 * 5
    assert forward_flops(config, 13).total == forward_flops(dense, 13).total + router


def test_frozen_experts_save_what_they_would_have_cost(tiny: TinyConfig, tmp_path: Path) -> None:
    model = Transformer(tiny(**EXPERTS), seed=0)
    settings = TrainingConfig(
        num_steps=1, schedule=LearningRateSchedule(peak=1e-3), trainable=("*.self_attn.*",)
    )
    trainer = Trainer(model, Noise(), settings, tmp_path)
    trainer.run()
    # A token meets two experts in each of six layers, the router, and the output projection.
    frozen = 6 * (2 * 3 * 32 * 48 + 5 * 32) + 61 * 32
    assert trainer.flops == 4 * training_flops(model.config, 16, num_frozen=frozen)


def test_runs_from_before_there_were_experts_go_on(tiny: TinyConfig, tmp_path: Path) -> None:
    settings = TrainingConfig(num_steps=4, schedule=LearningRateSchedule(peak=1e-3))
    Trainer(Transformer(tiny(), seed=0), Noise(), settings, tmp_path).run(until_step=1)
    assert Trainer(Transformer(tiny(), seed=0), Noise(), settings, tmp_path).step == 1


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"num_experts": -1}, "num_experts must be at least 0"),
        ({"num_experts": 2, "num_experts_per_token": 3}, r"from 1 to num_experts \(2\), got 3"),
        ({"balance_weight": -0.1}, "balance_weight must be at least 0"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(tiny: TinyConfig, changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        dataclasses.replace(tiny(), **changes)


def test_the_output_is_weighted_by_the_router(tiny: TinyConfig) -> None:
    """Two experts of which one gives nothing: the output is the other's, times its weight."""
    layer = Transformer(tiny(num_experts=2), seed=0).layers[0].mlp
    assert isinstance(layer, MixtureOfExperts)
    x = torch.randn(3, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        layer.experts[0].down_proj.weight.zero_()
        weight_N = F.linear(x, layer.gate.weight).softmax(-1)[:, 1]
        found, _ = layer(x)
        torch.testing.assert_close(found, layer.experts[1](x) * weight_N[:, None])


@pytest.mark.parametrize("num_draft_tokens", [0, 4])
def test_the_engine_draws_what_the_model_does_whoever_shares_the_batch(
    tiny: TinyConfig, num_draft_tokens: int
) -> None:
    tokenizer = Tokenizer.train_bpe(["a fire by the sea"], vocab_size=270)
    config = tiny("0_1s_1s_3", vocab_size=tokenizer.vocab_size, tie_embeddings=False, **EXPERTS)
    model = Transformer(config, seed=11)
    with torch.no_grad():
        model.lm_head.weight[tokenizer.eos_id] = 0.0
    params = SamplingParams(max_tokens=20, temperature=0.0)
    prompts = [tuple(range(5, 12 + 3 * i)) for i in range(4)]
    limits = EngineConfig(max_sequences=3, max_batch_tokens=11, num_draft_tokens=num_draft_tokens)
    samples = Engine(model, tokenizer, limits).sample([SampleRequest(one, params) for one in prompts])
    for prompt, sample in zip(prompts, samples, strict=True):
        with torch.no_grad():
            hidden_BTD = model(torch.tensor([[*prompt, *sample.tokens]]))
            logprobs_TV = model.logits(hidden_BTD)[0, len(prompt) - 1 : -1].log_softmax(-1)
        assert tuple(logprobs_TV.argmax(-1).tolist()) == sample.tokens
        assert sample.logprobs == pytest.approx(logprobs_TV.max(-1).values.tolist(), rel=1e-5, abs=1e-5)
