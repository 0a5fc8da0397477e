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
from fireside.lm.attention import KeysValues, SelfAttention
from fireside.lm.config import ModelConfig
from fireside.lm.convert.calibration import Projection, SharedSums, calibrate, groups_of
from fireside.lm.convert.healing import Distillation, HealingConfig, heal
from fireside.lm.convert.output_refit import refit_outputs
from fireside.lm.convert.shared_projection import read_keys, read_values, shared_keys, shared_values
from fireside.lm.convert.surgery import Initialization, change_layer_map
from fireside.lm.distillation import linear_divergence
from fireside.lm.gradients import BatchLoss, accumulate_gradients
from fireside.lm.layer_map import LayerMap
from fireside.lm.lr_schedule import LearningRateSchedule
from fireside.lm.rotary import rotation
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


def test_least_squares_stays_closest_to_the_full_model(trained: Transformer) -> None:
    found = {
        name: divergence(change_layer_map(trained, MAP, initialization=name, tokens=texts(6)), trained)
        for name in INITIALIZATIONS
    }
    assert found["least-squares"] < 0.7 * min(found["owner"], found["mean"])
    by_itself = change_layer_map(trained, MAP, tokens=texts(6))
    assert divergence(by_itself, trained) == pytest.approx(found["least-squares"], rel=1e-4)
    assert divergence(change_layer_map(trained, MAP), trained) == pytest.approx(found["owner"], rel=1e-4)


def test_sums_are_those_of_the_models_own_inputs_keys_and_values(trained: Transformer) -> None:
    sums = calibrate(trained, MAP, texts(2))
    assert sums.keys() == {0, 1, 4}
    tokens_BT = torch.cat(texts(2))
    with torch.no_grad():
        inputs, stream = [], trained.embed(tokens_BT)
        for index, layer in enumerate(trained.layers):
            inputs.append(layer.input_layernorm(stream).flatten(0, 1).double())
            stream, _ = trained.run_layers(stream, range(index, index + 1), {})
        for members in groups_of(MAP):
            for part, name in enumerate(("k_proj", "v_proj")):
                own = [getattr(trained.layers[layer].self_attn, name) for layer in members]
                crosses = [
                    inputs[members[0]].T @ one(inputs[layer].float()).double()
                    for layer, one in zip(members, own, strict=True)
                ]
                found = sums[members[0]][part]
                torch.testing.assert_close(
                    found.gram_DD, inputs[members[0]].T @ inputs[members[0]], rtol=1e-4, atol=1e-4
                )
                torch.testing.assert_close(found.cross_MDX, torch.stack(crosses), rtol=1e-4, atol=1e-4)


def of_projections(own: list[Projection]) -> SharedSums:
    """Sums of white inputs, on which each layer's outputs are those of its projection."""
    return SharedSums(torch.eye(len(own[0].weight_DX)).double(), torch.stack([one.weight_DX for one in own]))


def readers(count: int) -> list[SelfAttention]:
    config = ModelConfig(
        vocab_size=8,
        hidden_size=24,
        intermediate_size=8,
        num_heads=4,
        num_kv_heads=2,
        head_dim=6,
        layer_map="0_1",
        context_length=64,
        qkv_bias=True,
    )
    made = [SelfAttention(config, 0) for _ in range(count)]
    for attention in made:
        for parameter in attention.parameters():
            torch.nn.init.normal_(parameter)
    return made


def test_shared_values_lose_what_no_projection_of_that_rank_could_keep() -> None:
    """For white inputs the loss is that of a truncated singular value decomposition (Eckart and Young)."""
    attentions = readers(3)
    own = [Projection.of(one.v_proj) for one in attentions]
    shared = shared_values(of_projections(own), own, attentions)
    for head in range(2):
        place = slice(6 * head, 6 * head + 6)
        outputs = [
            one.o_proj.weight.detach().double().reshape(24, 2, 2, 6)[:, head].flatten(0, 1)
            for one in attentions
        ]
        wanted = [map_.weight_DX[:, place] @ out.T for map_, out in zip(own, outputs, strict=True)]
        found = [
            shared.projection.weight_DX[:, place] @ map_ @ out.T
            for map_, out in zip(shared.maps_MGdd[:, head], outputs, strict=True)
        ]
        lost = sum(float((a - b).square().sum()) for a, b in zip(found, wanted, strict=True))
        singular = torch.linalg.svdvals(torch.cat(wanted, 1))
        assert lost == pytest.approx(float(singular[6:].square().sum()), rel=1e-6)


def test_shared_keys_lose_what_no_complex_rank_one_could_keep() -> None:
    attentions = readers(3)
    own = [Projection.of(one.k_proj) for one in attentions]
    shared = shared_keys(of_projections(own), own, head_dim=6)
    for head in range(2):
        for pair in range(3):
            real, imaginary = 6 * head + pair, 6 * head + pair + 3
            wanted = torch.stack(
                [torch.complex(one.weight_DX[:, real], one.weight_DX[:, imaginary]) for one in own]
            )
            base = shared.projection.weight_DX
            found = shared.factors_MGP[:, head, pair, None] * torch.complex(base[:, real], base[:, imaginary])
            singular = torch.linalg.svdvals(wanted)
            assert float((found - wanted).abs().square().sum()) == pytest.approx(
                float(singular[1:].square().sum()), rel=1e-6
            )


def test_queries_and_outputs_undo_what_is_done_to_keys_and_values() -> None:
    """With factors on keys and maps on values in one layer, and their counterparts in q_proj and o_proj."""
    (attention,) = readers(1)
    generator = torch.Generator().manual_seed(3)
    x_BTD = torch.randn(2, 9, 24, generator=generator)
    tables = rotation(torch.arange(9), head_dim=6, theta=100.0)
    wanted, kv = attention(x_BTD, tables, None, None)
    factors_GP = torch.randn(2, 3, generator=generator, dtype=torch.complex128)
    maps_Gdd = torch.randn(2, 6, 6, generator=generator).double()
    read_keys(attention, factors_GP)
    read_values(attention, maps_Gdd)
    # k = f k' before rotation, and so after it; v = v' A.
    k, v = kv.k.double(), kv.v.double()
    turned = torch.complex(k[..., :3], k[..., 3:]) / factors_GP[:, None]
    shared = KeysValues(
        torch.cat((turned.real, turned.imag), -1).float(),
        torch.einsum("bgtd,gde->bgte", v, torch.linalg.inv(maps_Gdd)).float(),
    )
    found, _ = attention(x_BTD, tables, shared, None)
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


def test_output_projections_are_refitted_by_least_squares(trained: Transformer) -> None:
    """The first layer that is changed sees the full model's stream: there the fit has a closed form."""
    full = trained
    small = change_layer_map(full, LayerMap.parse("0s_1_2_3_4_5", window=3), initialization="owner")
    tokens_BT = texts(1)[0]
    with torch.no_grad():
        stream = full.embed(tokens_BT)
        x_BTD = full.layers[0].input_layernorm(stream)
        tables = rotation(torch.arange(LENGTH), head_dim=12, theta=full.config.rope_theta)
        wanted, _ = full.layers[0].self_attn(x_BTD, tables, None, None)
        after, _ = full.run_layers(stream, range(1), {})

    def missed(model: Transformer) -> float:
        with torch.no_grad():
            found, _ = model.layers[0].self_attn(x_BTD, tables, None, None)
            return float(((found - wanted).square() / after.square().mean(-1, keepdim=True)).sum())

    before = missed(small)
    refit_outputs(small, full, [tokens_BT])
    best = missed(small)
    assert best < before
    weight = small.layers[0].self_attn.o_proj.weight
    # No direction from here gains more than the penalty on moving allows.
    for seed in range(5):
        step = torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed)) * 1e-2
        with torch.no_grad():
            weight += step
            assert missed(small) > best - 1e-2 * before
            weight -= step


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


def distil(student: Transformer, teacher: Transformer, batch: TokenBatch, **settings: int | None) -> float:
    return accumulate_gradients(BatchLoss(student, Distillation(teacher)), batch, **settings)  # type: ignore[arg-type]


def test_micro_batches_change_nothing_but_rounding(trained: Transformer) -> None:
    batch, gradients = Cycles().batch(3), []
    losses = []
    for size in (None, 3):
        student = change_layer_map(trained, MAP, initialization="owner")
        losses.append(distil(student, trained, batch, micro_batch_size=size))
        gradients.append({name: p.grad for name, p in student.named_parameters() if p.grad is not None})
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], rtol=1e-3, atol=1e-6)


def test_healing_trains_attention_only_and_brings_the_model_back(
    trained: Transformer, tmp_path: Path
) -> None:
    student = change_layer_map(trained, MAP, initialization="owner")
    before, frozen = divergence(student, trained), student.layers[2].mlp.up_proj.weight.clone()
    heal(student, trained, Cycles(), HealingConfig(num_steps=60, learning_rate=3e-3), tmp_path)
    assert divergence(student, trained) < before / 3
    assert torch.equal(student.layers[2].mlp.up_proj.weight, frozen)
    losses = [line["train/loss"] for line in read_metrics(tmp_path / "metrics.jsonl")]
    assert sum(losses[-10:]) < sum(losses[:10]) / 3


def test_a_model_is_its_own_perfect_student(trained: Transformer) -> None:
    same = change_layer_map(trained, trained.layer_map, initialization="owner")
    assert distil(same, trained, Cycles().batch(0)) == pytest.approx(0, abs=1e-6)


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
        distil(model, teacher, Cycles().batch(0))
