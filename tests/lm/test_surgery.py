"""Conversion to another layer map: what is exact, what is best, and that healing heals."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from fireside.core.errors import ConfigError, InputError
from fireside.core.metrics import read_metrics
from fireside.core.protocols import TokenBatch
from fireside.lm.config import ModelConfig
from fireside.lm.convert.calibration import Projection, calibrate, groups_of
from fireside.lm.convert.healing import Distillation, HealingConfig, heal
from fireside.lm.convert.surgery import Initialization, change_layer_map
from fireside.lm.distillation import linear_divergence
from fireside.lm.layer_map import LayerMap
from fireside.lm.lr_schedule import LearningRateSchedule
from fireside.lm.trainer import Trainer
from fireside.lm.training_config import TrainingConfig
from fireside.lm.transformer import Transformer

TinyConfig = Callable[..., ModelConfig]
VOCAB, LENGTH = 61, 32
INITIALIZATIONS: list[Initialization] = ["owner", "mean", "least-squares"]
MAP = LayerMap.parse("0_1s_1s_0_4s_4s", window=8)


class Cycles:
    """Sequences that repeat themselves after a few tokens: to predict them is to look back."""

    fingerprint = "cycles"
    num_batches = None

    def batch(self, step: int) -> TokenBatch:
        generator = np.random.default_rng(step)
        periods = generator.integers(3, 7, 8)
        rows = [np.resize(generator.integers(0, VOCAB, period), LENGTH + 1) for period in periods]
        tokens = np.array(rows, dtype=np.int32)
        return TokenBatch(tokens[:, :-1], tokens[:, 1:], np.ones((8, LENGTH), np.float32))


def texts(num_batches: int, start: int = 1000) -> list[torch.Tensor]:
    source = Cycles()
    return [torch.from_numpy(source.batch(start + i).inputs_BT.astype(np.int64)) for i in range(num_batches)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Transformer:
    """A tiny full model that has learnt something."""
    config = ModelConfig(
        vocab_size=VOCAB,
        hidden_size=48,
        intermediate_size=64,
        num_heads=4,
        num_kv_heads=2,
        head_dim=12,
        layer_map="0_1_2_3_4_5",
        context_length=64,
    )
    model = Transformer(config, seed=1)
    settings = TrainingConfig(num_steps=120, schedule=LearningRateSchedule(peak=3e-3, warmup_steps=5))
    Trainer(model, Cycles(), settings, tmp_path_factory.mktemp("run")).run()
    return model.requires_grad_(False)


def divergence(student: Transformer, teacher: Transformer) -> float:
    """Mean KL on text that nobody has seen."""
    with torch.no_grad():
        tokens_BT = torch.cat(texts(4, start=5000))
        ours, wanted = (model.logits(model(tokens_BT)).log_softmax(-1) for model in (student, teacher))
        return float((wanted.exp() * (wanted - ours)).sum(-1).mean())


@pytest.mark.parametrize("initialization", INITIALIZATIONS)
@pytest.mark.parametrize("features", [{}, {"qkv_bias": True, "qk_norm": True, "post_norms": True}])
def test_the_same_map_gives_the_same_model(
    tiny: TinyConfig, initialization: Initialization, features: dict[str, bool]
) -> None:
    model = Transformer(tiny("0_1s_2", **features), seed=4)
    same = change_layer_map(model, model.layer_map, initialization=initialization, tokens=texts(1))
    assert same.config == model.config
    assert all(torch.equal(a, b) for a, b in zip(same.parameters(), model.parameters(), strict=True))
    assert same.norm.weight.data_ptr() != model.norm.weight.data_ptr()


@pytest.mark.parametrize("initialization", INITIALIZATIONS)
def test_layers_that_are_alike_share_without_loss(tiny: TinyConfig, initialization: Initialization) -> None:
    """Layer 1 adds nothing to the stream, so that layer 2 has the same input and may have the same K/V."""
    model = Transformer(tiny("0_1_2_3", qkv_bias=True), seed=4)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(generator=torch.Generator().manual_seed(7))
        one, two = model.layers[1], model.layers[2]
        one.self_attn.o_proj.weight.zero_()
        one.mlp.down_proj.weight.zero_()
        # The same map of a normalised input, through different weights of the norm.
        two.input_layernorm.weight.mul_(2.0)
        for name in ("k_proj", "v_proj"):
            getattr(two.self_attn, name).weight.copy_(getattr(one.self_attn, name).weight / 2)
            getattr(two.self_attn, name).bias.copy_(getattr(one.self_attn, name).bias)
    small = change_layer_map(model, LayerMap.parse("0_1_1_3"), initialization=initialization, tokens=texts(2))
    tokens_BT = texts(1)[0]
    with torch.no_grad():
        torch.testing.assert_close(small(tokens_BT), model(tokens_BT), rtol=1e-4, atol=1e-5)


def test_least_squares_comes_closest_on_the_text_it_saw(trained: Transformer) -> None:
    sums = calibrate(trained, MAP, texts(6))
    assert sums.keys() == {0, 1, 4}
    converted = {
        name: change_layer_map(trained, MAP, initialization=name, tokens=texts(6)) for name in INITIALIZATIONS
    }
    for owner, parts in sums.items():
        for part, name in zip(parts, ("k_proj", "v_proj"), strict=True):
            errors = {
                kind: part.error(Projection.of(getattr(model.layers[owner].self_attn, name)))
                for kind, model in converted.items()
            }
            assert errors["least-squares"] < errors["owner"]
            assert errors["least-squares"] < errors["mean"]


def test_the_error_is_the_distance_that_it_says(trained: Transformer) -> None:
    sums = calibrate(trained, MAP, texts(2))
    tokens_BT = torch.cat(texts(2))
    with torch.no_grad():
        inputs, stream = [], trained.embed(tokens_BT)
        for index, layer in enumerate(trained.layers):
            inputs.append(layer.input_layernorm(stream))
            stream, _ = trained.run_layers(stream, range(index, index + 1), {})
        for members in groups_of(MAP):
            shared = trained.layers[members[0]].self_attn.v_proj(inputs[members[0]])
            own = [trained.layers[layer].self_attn.v_proj(inputs[layer]) for layer in members]
            distance = sum(float((shared - one).double().square().sum()) for one in own)
            size = sum(float(one.double().square().sum()) for one in own)
            found = sums[members[0]][1].error(Projection.of(trained.layers[members[0]].self_attn.v_proj))
            assert found == pytest.approx(distance / size, rel=1e-4)


def test_the_divergence_and_its_gradient_are_torchs_own() -> None:
    generator = torch.Generator().manual_seed(2)
    hidden = torch.randn(300, 12, generator=generator, requires_grad=True)
    teacher_hidden = torch.randn(300, 9, generator=generator)
    head, teacher_head = (torch.randn(40, width, generator=generator) for width in (12, 9))
    weights = torch.rand(300, generator=generator)
    found = linear_divergence(hidden, head, teacher_hidden, teacher_head, weights)
    terms = F.kl_div(
        (hidden @ head.T).log_softmax(-1),
        (teacher_hidden @ teacher_head.T).log_softmax(-1),
        reduction="none",
        log_target=True,
    )
    wanted = (terms.sum(-1) * weights).sum()
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-4)
    for a, b in zip(
        torch.autograd.grad(3 * found, hidden), torch.autograd.grad(3 * wanted, hidden), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_micro_batches_change_nothing_but_rounding(trained: Transformer) -> None:
    batch, gradients = Cycles().batch(3), []
    losses = []
    for size in (None, 3):
        student = change_layer_map(trained, MAP, initialization="owner")
        losses.append(Distillation(trained)(student, batch, micro_batch_size=size))
        gradients.append({name: p.grad for name, p in student.named_parameters() if p.grad is not None})
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], rtol=1e-3, atol=1e-6)


def test_healing_trains_attention_only_and_brings_the_model_back(
    trained: Transformer, tmp_path: Path
) -> None:
    student = change_layer_map(trained, MAP, initialization="least-squares", tokens=texts(4))
    before, frozen = divergence(student, trained), student.layers[2].mlp.up_proj.weight.clone()
    heal(student, trained, Cycles(), HealingConfig(num_steps=60, learning_rate=3e-3), tmp_path)
    assert divergence(student, trained) < before / 3
    assert torch.equal(student.layers[2].mlp.up_proj.weight, frozen)
    losses = [line["train/loss"] for line in read_metrics(tmp_path / "metrics.jsonl")]
    assert sum(losses[-10:]) < sum(losses[:10]) / 3


def test_a_model_is_its_own_perfect_student(trained: Transformer) -> None:
    same = change_layer_map(trained, trained.layer_map, initialization="owner")
    assert Distillation(trained)(same, Cycles().batch(0)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("source", "target", "complaint"),
    [
        ("0_1_2", "0_1", "the model has 3 layers and the layer map 2"),
        ("0_0_2", "0_1_2", "layer 1 is to read the K/V of layer 1, but one of the two has none"),
        ("0_0_2", "0_1_1", "layer 1 is to read"),
        ("0_1s_2", "0_1_2", "layer 1 changes between full and sliding"),
        ("0_1_2", LayerMap((0, 1, 2), (4, 5, None)), r"windows of 4, 5"),
    ],
)
def test_maps_that_a_model_cannot_take_are_refused_by_layer(
    tiny: TinyConfig, source: str, target: str | LayerMap, complaint: str
) -> None:
    model = Transformer(tiny(source, rope_theta_sliding=50.0), seed=0)
    with pytest.raises(ConfigError, match=complaint):
        layers = LayerMap.parse(target, window=5) if isinstance(target, str) else target
        change_layer_map(model, layers, initialization="owner")


def test_least_squares_wants_text_and_a_teacher_the_same_tokens(tiny: TinyConfig) -> None:
    model = Transformer(tiny("0_1_2"), seed=0)
    with pytest.raises(InputError, match="no text to calibrate with"):
        change_layer_map(model, LayerMap.parse("0_0_2"), initialization="least-squares")
    with pytest.raises(ConfigError, match="must be 'owner', 'mean' or 'least-squares', got 'best'"):
        change_layer_map(model, LayerMap.parse("0_0_2"), initialization="best")  # type: ignore[arg-type]
    teacher = Transformer(tiny("0_1_2", vocab_size=70), seed=0)
    with pytest.raises(ConfigError, match="61 tokens and its teacher 70"):
        Distillation(teacher)(model, Cycles().batch(0))
