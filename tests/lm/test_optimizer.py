"""AdamW against its formula, and the choice of what trains and decays."""

import pytest
import torch
from torch import nn

from fireside.core.errors import ConfigError
from fireside.lm.optimizer import AdamWConfig, adamw, clip_gradients, freeze_all_but, set_learning_rate


def test_two_steps_equal_the_formula_of_decoupled_weight_decay():
    config = AdamWConfig(weight_decay=0.5, beta1=0.8, beta2=0.9, epsilon=1e-3)
    model = nn.Linear(3, 2)
    optimizer = adamw(model, config)
    weight, bias = model.weight.detach().clone(), model.bias.detach().clone()
    means = {"weight": torch.zeros(2, 3), "bias": torch.zeros(2)}
    squares = {"weight": torch.zeros(2, 3), "bias": torch.zeros(2)}
    for step, rate in ((1, 0.1), (2, 0.05)):
        grads = {"weight": torch.full((2, 3), float(step)), "bias": torch.tensor([1.0, -2.0])}
        model.weight.grad, model.bias.grad = grads["weight"].clone(), grads["bias"].clone()
        set_learning_rate(optimizer, rate)
        optimizer.step()
        for name, value in (("weight", weight), ("bias", bias)):
            means[name] = 0.8 * means[name] + 0.2 * grads[name]
            squares[name] = 0.9 * squares[name] + 0.1 * grads[name] ** 2
            if name == "weight":
                value *= 1 - rate * 0.5
            corrected = squares[name] / (1 - 0.9**step)
            value -= rate * means[name] / (1 - 0.8**step) / (corrected.sqrt() + 1e-3)
    torch.testing.assert_close(model.weight.detach(), weight)
    torch.testing.assert_close(model.bias.detach(), bias)


def test_only_what_matches_trains():
    model = nn.ModuleDict({"attention": nn.Linear(2, 2), "mlp": nn.Linear(2, 2)})
    assert freeze_all_but(model, ["attention.*"]) == ["attention.bias", "attention.weight"]
    optimizer = adamw(model, AdamWConfig())
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    (model["mlp"](model["attention"](torch.ones(1, 2)))).sum().backward()
    set_learning_rate(optimizer, 0.1)
    optimizer.step()
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {"attention.weight", "attention.bias"}


def test_a_pattern_without_a_match_is_refused_with_names_that_exist():
    with pytest.raises(ConfigError, match=r"'attn\.\*'.*weight"):
        freeze_all_but(nn.Linear(2, 2), ["*", "attn.*"])


def test_gradients_below_the_bound_are_left_bit_for_bit():
    parameter = nn.Parameter(torch.zeros(5))
    parameter.grad = torch.randn(5) * 0.01
    before = parameter.grad.clone()
    clip_gradients([parameter], 1.0)
    assert torch.equal(parameter.grad, before)


def test_clipping_uses_one_norm_over_all_parameters():
    a, b = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    a.grad, b.grad = torch.tensor([6.0]), torch.tensor([8.0])
    assert clip_gradients([a, b], 5.0) == 10.0
    assert (a.grad.item(), b.grad.item()) == (3.0, 4.0)


@pytest.mark.parametrize(
    "settings",
    [{"weight_decay": -1.0}, {"beta1": 1.0}, {"beta2": -0.1}, {"epsilon": 0.0}, {"max_grad_norm": 0.0}],
)
def test_constants_that_make_no_sense_are_refused(settings):
    with pytest.raises(ConfigError):
        AdamWConfig(**settings)
