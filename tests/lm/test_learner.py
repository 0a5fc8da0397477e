"""The learner against losses written directly in torch, and against what must not move."""

import dataclasses

import numpy as np
import pytest
import torch

from fireside.core.errors import (
    CapacityError,
    CheckpointError,
    ConfigError,
    CorruptFileError,
    FiresideError,
    InputError,
)
from fireside.core.protocols import Learner, TrainingSequence
from fireside.lm.config import ModelConfig
from fireside.lm.learner import LearnerConfig, PolicyLearner
from fireside.lm.optimizer import AdamWConfig
from fireside.lm.policy_checkpoint import load_policy
from fireside.lm.policy_tokens import micro_batches
from fireside.lm.transformer import Transformer

# Layers 3 to 5 read K/V of layers 0 and 2, which are frozen when only two or three layers train.
SHAPE = ModelConfig(
    vocab_size=50,
    hidden_size=16,
    intermediate_size=24,
    num_heads=4,
    num_kv_heads=2,
    head_dim=4,
    layer_map="0_0_2s_2s_2s_0",
    window=4,
    context_length=40,
    initializer_range=0.3,
)
NO_CLIP = AdamWConfig(weight_decay=0.0, max_grad_norm=None)


def new_model(seed=0, **changes):
    return Transformer(dataclasses.replace(SHAPE, **changes), seed=seed)


def rollouts(num_sequences=7, seed=0):
    """Prompts, policy turns, tool results and again policy turns, of many lengths."""
    generator = np.random.default_rng(seed)
    sequences = []
    for _ in range(num_sequences):
        lengths = generator.integers(1, 9, 4)
        mask = np.repeat([False, True, False, True], lengths)
        mask = np.append(mask, [False] * int(generator.integers(0, 3)))
        tokens = generator.integers(0, 50, len(mask))
        sequences.append(TrainingSequence(tuple(map(int, tokens)), tuple(map(bool, mask))))
    return sequences


def naive_logprobs(model, sequences):
    """ln pi, one sequence at a time, over the whole vocabulary, with a graph."""
    sums = []
    for sequence in sequences:
        tokens = torch.tensor([sequence.tokens])
        table = torch.log_softmax(model.logits(model(tokens))[0, :-1].double(), dim=-1)
        written = torch.tensor(sequence.policy_mask[1:])
        sums.append(table[torch.arange(len(written)), tokens[0, 1:]][written].sum())
    return torch.stack(sums)


def squared(targets_N, beta=0.3):
    """OAPL's form: sum of (beta (ln pi - ln pi_ref) - advantage)^2, here with one constant for both."""

    def loss(logprobs_N):
        errors_N = beta * logprobs_N - targets_N
        return float((errors_N**2).sum()), 2 * beta * errors_N

    return loss


@pytest.mark.parametrize("num_trainable_layers", [None, 1, 3, 6])
def test_logprobs_equal_the_naive_computation(num_trainable_layers):
    model, sequences = new_model(), rollouts()
    learner = PolicyLearner(model, LearnerConfig(num_trainable_layers=num_trainable_layers))
    with torch.no_grad():
        wanted = naive_logprobs(model, sequences).numpy()
    np.testing.assert_allclose(learner.logprobs(sequences), wanted, rtol=1e-5)
    assert isinstance(learner, Learner)


@pytest.mark.parametrize("micro_batch_tokens", [30, 10_000])
@pytest.mark.parametrize("num_trainable_layers", [None, 2, 3, 6])
@pytest.mark.parametrize("tie_embeddings", [True, False])
def test_the_gradient_is_that_of_the_loss_written_in_torch(
    num_trainable_layers, micro_batch_tokens, tie_embeddings
):
    sequences = rollouts()
    targets_N = np.linspace(-3, 2, len(sequences))
    config = LearnerConfig(
        num_trainable_layers=num_trainable_layers,
        micro_batch_tokens=micro_batch_tokens,
        optimizer=NO_CLIP,
        cache_bytes=2000,
    )
    learner = PolicyLearner(new_model(tie_embeddings=tie_embeddings), config)
    value, _ = learner._accumulate_gradients(learner._prepare(sequences), squared(targets_N))
    plain = new_model(tie_embeddings=tie_embeddings)
    wanted = ((0.3 * naive_logprobs(plain, sequences) - torch.from_numpy(targets_N)) ** 2).sum()
    wanted.backward()
    assert value == pytest.approx(wanted.item(), rel=1e-5)
    expected = dict(plain.named_parameters())
    for name, parameter in learner.model.named_parameters():
        if parameter.requires_grad:
            scale = float(expected[name].grad.abs().max())
            torch.testing.assert_close(parameter.grad, expected[name].grad, rtol=1e-3, atol=1e-4 * scale)
        else:
            assert parameter.grad is None


def test_at_the_reference_policy_oapl_is_reinforce_with_advantage_r_minus_v():
    """V = beta1 ln mean exp(r / beta1); pass rate 1/2 gives V = .620 at beta1 = 1."""
    sequences, beta2 = rollouts(num_sequences=8), 1e-3
    rewards_N = np.array([1.0, 0, 1, 0, 1, 0, 1, 0])
    value = np.log(np.mean(np.exp(rewards_N)))
    assert value == pytest.approx(0.620, abs=5e-4)
    learner = PolicyLearner(new_model(), LearnerConfig(optimizer=NO_CLIP))
    reference_N = learner.logprobs(sequences)

    def oapl(logprobs_N):
        errors_N = beta2 * (logprobs_N - reference_N) - (rewards_N - value)
        return float((errors_N**2).sum()), 2 * beta2 * errors_N

    learner._accumulate_gradients(learner._prepare(sequences), oapl)
    plain = new_model()
    advantages_N = torch.from_numpy(rewards_N - value)
    (-2 * beta2 * (advantages_N * naive_logprobs(plain, sequences)).sum()).backward()
    for found, wanted in zip(learner.model.parameters(), plain.parameters(), strict=True):
        scale = float(wanted.grad.abs().max())
        torch.testing.assert_close(found.grad, wanted.grad, rtol=1e-3, atol=1e-4 * scale)


def test_frozen_parameters_do_not_move_and_the_others_do():
    model = new_model()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    learner = PolicyLearner(model, LearnerConfig(learning_rate=1e-2, num_trainable_layers=2))
    learner.update(rollouts(), squared(np.zeros(7)))
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {name for name in before if name.startswith(("layers.4.", "layers.5.", "norm."))}


def test_remembered_hidden_states_change_no_bit():
    results = []
    for cache_bytes in (0, 1 << 20):
        learner = PolicyLearner(
            new_model(),
            LearnerConfig(
                learning_rate=1e-2, num_trainable_layers=3, cache_bytes=cache_bytes, micro_batch_tokens=50
            ),
        )
        for seed in (0, 1, 0):
            learner.update(rollouts(seed=seed), squared(np.zeros(7)))
        results.append(learner)
    for a, b in zip(results[0].model.parameters(), results[1].model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_memory_is_used_and_stays_within_its_bound():
    calls = []
    model = new_model()
    model.layers[0].register_forward_hook(lambda *_: calls.append(1))
    learner = PolicyLearner(model, LearnerConfig(num_trainable_layers=2))
    learner.update(rollouts(), squared(np.zeros(7)))
    assert len(calls) == 1
    learner.update(rollouts(), squared(np.zeros(7)))
    learner.logprobs(rollouts())
    assert len(calls) == 1
    bounded = PolicyLearner(new_model(), LearnerConfig(num_trainable_layers=2, cache_bytes=5000))
    bounded.logprobs(rollouts())
    held = bounded._frozen._held.values()
    held_bytes = sum(
        one.x.nbytes + sum(part.nbytes for kv in one.shared.values() for part in kv) for one in held
    )
    assert 0 < held_bytes == bounded._frozen._held_bytes <= 5000


def test_updates_maximise_what_the_loss_asks_for():
    learner = PolicyLearner(new_model(), LearnerConfig(learning_rate=3e-3, num_trainable_layers=3))
    sequences = rollouts(num_sequences=2)
    before = learner.logprobs(sequences)
    for _ in range(20):
        metrics = learner.update(sequences, lambda logprobs_N: (-logprobs_N[0], np.array([-1.0, 0.0])))
    after = learner.logprobs(sequences)
    assert after[0] > 0.5 * before[0]
    assert learner.version == 20
    assert metrics["train/tokens"] == sum(sum(one.policy_mask) for one in sequences)


def test_metrics_tell_the_state_before_the_step():
    learner = PolicyLearner(new_model(), LearnerConfig(optimizer=AdamWConfig(max_grad_norm=1e-3)))
    sequences = rollouts()
    logprobs_N = learner.logprobs(sequences)
    metrics = learner.update(sequences, lambda logprobs_N: (-logprobs_N.sum(), -np.ones(7)))
    num_tokens = sum(sum(one.policy_mask) for one in sequences)
    assert metrics["train/loss"] == pytest.approx(-logprobs_N.sum(), rel=1e-6)
    assert metrics["train/logprob_mean"] == pytest.approx(logprobs_N.sum() / num_tokens, rel=1e-6)
    assert metrics["train/grad_norm"] > 1


def test_tokens_after_the_policys_last_change_nothing():
    whole = TrainingSequence((1, 2, 3, 4, 5), (False, True, True, False, False))
    cut = TrainingSequence((1, 2, 3), (False, True, True))
    learner = PolicyLearner(new_model(), LearnerConfig())
    assert learner.logprobs([whole])[0] == learner.logprobs([cut])[0]


@pytest.mark.parametrize("num_trainable_layers", [None, 2])
def test_a_saved_policy_goes_on_bit_for_bit(tmp_path, num_trainable_layers):
    config = LearnerConfig(learning_rate=1e-2, num_trainable_layers=num_trainable_layers)
    straight = PolicyLearner(new_model(), config)
    straight.update(rollouts(seed=0), squared(np.zeros(7)))
    straight.save(tmp_path / "policy")
    resumed = PolicyLearner(new_model(), config)
    resumed.load(tmp_path / "policy")
    assert resumed.version == 1
    for learner in (straight, resumed):
        learner.update(rollouts(seed=1), squared(np.zeros(7)))
    for a, b in zip(straight.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_saved_policy_is_laid_over_the_model_it_began_as(tmp_path):
    learner = PolicyLearner(new_model(), LearnerConfig(learning_rate=1e-2, num_trainable_layers=2))
    learner.update(rollouts(), squared(np.zeros(7)))
    learner.save(tmp_path / "policy")
    served = new_model()
    assert load_policy(tmp_path / "policy", served) == 1
    for a, b in zip(learner.model.parameters(), served.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_policy_of_another_model_or_of_other_layers_is_refused(tmp_path):
    PolicyLearner(new_model(), LearnerConfig(num_trainable_layers=2)).save(tmp_path / "policy")
    with pytest.raises(CheckpointError, match=r"window is 4, here it is 5"):
        load_policy(tmp_path / "policy", new_model(window=5))
    other = PolicyLearner(new_model(), LearnerConfig(num_trainable_layers=3))
    with pytest.raises(CheckpointError, match=r"layers\.3\..*same\s+number of layers"):
        other.load(tmp_path / "policy")
    file = tmp_path / "policy" / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(CorruptFileError, match=r"weights\.safetensors"):
        load_policy(tmp_path / "policy", new_model())


@pytest.mark.parametrize(
    ("tokens", "mask", "error", "message"),
    [
        ((1, 2), (False, False), InputError, "sequence 1: the policy wrote no token"),
        ((1, 2), (True, True), InputError, "sequence 1: the first token"),
        ((1, 50), (False, True), InputError, "sequence 1: token ids from 1 to 50"),
        ((1,) * 42, (False,) + (True,) * 41, CapacityError, "sequence 1: the sequence has 42 tokens"),
    ],
)
def test_a_sequence_that_cannot_be_used_is_named(tokens, mask, error, message):
    good = TrainingSequence((1, 2), (False, True))
    learner = PolicyLearner(new_model(), LearnerConfig())
    with pytest.raises(error, match=message):
        learner.logprobs([good, TrainingSequence(tokens, mask)])


def test_a_loss_that_is_not_finite_leaves_the_policy_as_it_was():
    model = new_model()
    before = [p.detach().clone() for p in model.parameters()]
    learner = PolicyLearner(model, LearnerConfig())
    with pytest.raises(FiresideError, match="the policy is unchanged"):
        learner.update(rollouts(), lambda logprobs_N: (float("nan"), logprobs_N))
    with pytest.raises(InputError, match=r"shape \(1,\) for 7 sequences"):
        learner.update(rollouts(), lambda logprobs_N: (0.0, np.zeros(1)))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before, strict=True))
    assert learner.version == 0


def test_no_sequences_have_no_logprobs_and_make_no_update():
    learner = PolicyLearner(new_model(), LearnerConfig())
    assert learner.logprobs([]).shape == (0,)
    with pytest.raises(InputError, match="at least one sequence"):
        learner.update([], lambda logprobs_N: (0.0, logprobs_N))


def test_more_trainable_layers_than_there_are_is_refused():
    with pytest.raises(ConfigError, match="num_trainable_layers is 7, but the model has 6"):
        PolicyLearner(new_model(), LearnerConfig(num_trainable_layers=7))


def test_micro_batches_hold_every_sequence_once_within_the_bound():
    lengths = [3, 90, 12, 12, 40, 7, 300, 1]
    groups = micro_batches(lengths, 100)
    assert sorted(index for group in groups for index in group) == list(range(len(lengths)))
    for group in groups:
        assert len(group) == 1 or len(group) * max(lengths[index] for index in group) <= 100
