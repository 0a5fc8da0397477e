from collections.abc import Callable

import pytest
import torch
from torch.nn import functional as F

from fireside.core.errors import CheckpointError, ConfigError
from fireside.lm.config import ModelConfig
from fireside.lm.layer_map import LayerMap
from fireside.lm.rotary import apply_rotary, rotation
from fireside.lm.transformer import Transformer
from tests.lm.dense_attention import dense_windowed

TinyConfig = Callable[..., ModelConfig]


@pytest.mark.parametrize("name", ["standard", "ma-offset", "ma-pairs", "ma-successive-3"])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("qk_norm", [True, False])
def test_num_parameters_counts_what_is_built(tiny: TinyConfig, name: str, tied: bool, qk_norm: bool) -> None:
    config = tiny(str(LayerMap.preset(name, 12, 5)), tie_embeddings=tied, qk_norm=qk_norm)
    assert config.num_parameters == sum(p.numel() for p in Transformer(config, seed=0).parameters())


def test_child_layers_own_no_key_and_value_projections(tiny: TinyConfig) -> None:
    weights = Transformer(tiny("0_1s_1s_0"), seed=0).state_dict()
    owners = {int(name.split(".")[1]) for name in weights if "k_proj" in name or "v_proj" in name}
    assert owners == {0, 1}


def test_a_standard_map_gives_the_logits_of_transformers_llama(tiny: TinyConfig) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = tiny("0_1_2", tie_embeddings=False, rope_theta=500.0)
    ours = Transformer(config, seed=3)
    theirs = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=61,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=8,
            rms_norm_eps=1e-5,
            rope_parameters={"rope_type": "default", "rope_theta": 500.0},
            tie_word_embeddings=False,
        )
    )
    prefixed = {f"{'' if n.startswith('lm_head') else 'model.'}{n}": w for n, w in ours.state_dict().items()}
    theirs.load_state_dict(prefixed)
    tokens = torch.randint(0, 61, (2, 40))
    with torch.no_grad():
        torch.testing.assert_close(ours.logits(ours(tokens)), theirs(tokens).logits, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("qk_norm", [True, False])
def test_a_child_attends_to_the_keys_and_values_of_its_owner(tiny: TinyConfig, qk_norm: bool) -> None:
    model = Transformer(tiny("0s_0s", qk_norm=qk_norm), seed=1)
    tokens_BT = torch.randint(0, 61, (1, 9))
    owner, child = model.layers
    rotary = rotation(torch.arange(9), head_dim=8, theta=10_000.0)

    def heads(projected: torch.Tensor) -> torch.Tensor:
        return projected.view(1, 9, -1, 8).transpose(1, 2)

    with torch.no_grad():
        x = model.embed_tokens(tokens_BT)
        k, v = (heads(p(owner.input_layernorm(x))) for p in (owner.self_attn.k_proj, owner.self_attn.v_proj))
        k = apply_rotary(owner.self_attn.k_norm(k) if qk_norm else k, rotary)
        for layer in (owner, child):
            q = heads(layer.self_attn.q_proj(layer.input_layernorm(x)))
            q = apply_rotary(layer.self_attn.q_norm(q) if qk_norm else q, rotary)
            attended = dense_windowed(q, k, v, 5, None).transpose(1, 2).flatten(2)
            x = x + layer.self_attn.o_proj(attended)
            x = x + layer.mlp(layer.post_attention_layernorm(x))
        torch.testing.assert_close(model(tokens_BT), model.norm(x), rtol=1e-5, atol=1e-5)


def test_a_packed_sequence_equals_its_documents_run_alone(tiny: TinyConfig) -> None:
    model = Transformer(tiny(), seed=2)
    one, two = torch.randint(0, 61, (1, 17)), torch.randint(0, 61, (1, 23))
    segments = torch.tensor([[4] * 17 + [9] * 23])
    with torch.no_grad():
        packed = model(torch.cat((one, two), 1), segments_BT=segments)
        torch.testing.assert_close(packed[:, :17], model(one), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(packed[:, 17:], model(two), rtol=1e-4, atol=1e-5)


def test_no_position_sees_the_future_or_past_what_windows_reach(tiny: TinyConfig) -> None:
    model = Transformer(tiny("0s_1s", window=5), seed=2)
    tokens = torch.randint(0, 61, (1, 30))
    changed = tokens.clone()
    changed[0, 15] = (changed[0, 15] + 1) % 61
    with torch.no_grad():
        differs = (model(tokens) - model(changed)).abs().amax(-1)[0] > 1e-7
    # Two layers of window 5 carry a token at most 2 * (5 - 1) positions on.
    assert differs.nonzero().flatten().tolist() == list(range(15, 24))


def test_activation_checkpointing_changes_no_gradient(tiny: TinyConfig) -> None:
    tokens, segments = torch.randint(0, 61, (2, 40)), torch.tensor([[0] * 25 + [1] * 15] * 2)
    gradients = []
    for checkpointing in (False, True):
        model = Transformer(tiny(), seed=5)
        model.activation_checkpointing = checkpointing
        F.cross_entropy(
            model.logits(model(tokens, segments_BT=segments)).flatten(0, 1), tokens.flatten()
        ).backward()
        gradients.append({name: p.grad for name, p in model.named_parameters()})
    for name, gradient in gradients[0].items():
        assert gradient is not None
        assert gradient.abs().sum() > 0
        torch.testing.assert_close(gradient, gradients[1][name], rtol=0, atol=0, msg=name)


def test_the_seed_decides_the_weights_and_no_global_generator_is_touched(tiny: TinyConfig) -> None:
    state = torch.random.get_rng_state()
    a, b, c = (Transformer(tiny(), seed=seed) for seed in (7, 7, 8))
    assert torch.equal(state, torch.random.get_rng_state())
    assert torch.equal(a.embed_tokens.weight, b.embed_tokens.weight)
    assert not torch.equal(a.embed_tokens.weight, c.embed_tokens.weight)


def test_weights_that_do_not_fit_are_refused_by_name(tiny: TinyConfig) -> None:
    config = tiny()
    weights = Transformer(config, seed=0).state_dict()
    again = Transformer.from_weights(config, weights)
    assert again.norm.weight.data_ptr() == weights["norm.weight"].data_ptr()
    with pytest.raises(CheckpointError, match=r"no tensor 'norm\.weight'"):
        Transformer.from_weights(config, {n: w for n, w in weights.items() if n != "norm.weight"})
    with pytest.raises(CheckpointError, match=r"'norm\.weight' has shape \[3\].*needs \[32\]"):
        Transformer.from_weights(config, {**weights, "norm.weight": torch.ones(3)})
    with pytest.raises(CheckpointError, match=r"'layers\.2\.self_attn\.k_proj\.weight'"):
        Transformer.from_weights(config, {**weights, "layers.2.self_attn.k_proj.weight": torch.ones(16, 32)})


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"num_kv_heads": 3}, "multiple of num_kv_heads"),
        ({"head_dim": 7}, "must be even"),
        ({"hidden_size": 0}, "hidden_size must be positive"),
        ({"rms_norm_eps": float("nan")}, "rms_norm_eps must be positive"),
        ({"layer_map": "0_2"}, "layer 1"),
        ({"window": 0}, "layer 1 has a window of 0"),
    ],
)
def test_sizes_that_contradict_each_other_are_refused(
    tiny: TinyConfig, change: dict[str, object], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        tiny(**change)
