"""The trainer: exact resumption, branches, what moves, and what is refused."""

import dataclasses
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from fireside.core.errors import (
    ConfigError,
    CorruptFileError,
    FiresideError,
    InputError,
    ResumeError,
)
from fireside.core.metrics import read_metrics
from fireside.core.protocols import BatchSource, TokenBatch
from fireside.lm.config import ModelConfig
from fireside.lm.flops import training_flops
from fireside.lm.gradients import BatchLoss, accumulate_gradients
from fireside.lm.lr_schedule import LearningRateSchedule
from fireside.lm.optimizer import AdamWConfig
from fireside.lm.trainer import Trainer
from fireside.lm.training_checkpoint import branch, latest_checkpoint, load_weights, read_state
from fireside.lm.training_config import TrainingConfig
from fireside.lm.transformer import Transformer

VOCABULARY = 30
SHAPE = ModelConfig(
    vocab_size=VOCABULARY,
    hidden_size=16,
    intermediate_size=24,
    num_heads=2,
    num_kv_heads=1,
    head_dim=8,
    layer_map="0_1s_1s_0",
    window=4,
    context_length=64,
)


class Noise:
    """Random batches; from step `turn` on they come from another stream."""

    def __init__(self, name="noise", *, turn=None, num_batches=None, vocabulary=VOCABULARY):
        self.fingerprint = f"{name} {turn}"
        self.num_batches = num_batches
        self.turn = turn
        self.vocabulary = vocabulary

    def batch(self, step):
        stream = 1 if self.turn is not None and step >= self.turn else 0
        generator = np.random.default_rng((stream, step))
        tokens = generator.integers(0, self.vocabulary, (4, 13), dtype=np.int32)
        weights = generator.integers(0, 3, (4, 12)).astype(np.float32)
        segments = np.repeat(generator.integers(0, 2, (4, 6), dtype=np.int32).cumsum(1), 2, axis=1)
        return TokenBatch(tokens[:, :-1], tokens[:, 1:], weights, segments.astype(np.int32))


class Fixed:
    """The same batch in every step."""

    fingerprint = "fixed"
    num_batches = None

    def __init__(self, batch):
        self._batch = batch

    def batch(self, step):
        return self._batch


def settings(num_steps=8, **changes):
    schedule = LearningRateSchedule(peak=3e-3, kind="cosine", warmup_steps=2)
    return TrainingConfig(**{"num_steps": num_steps, "schedule": schedule, **changes})


def new_model(seed=0):
    return Transformer(SHAPE, seed=seed)


def assert_same_bits(one: Trainer, two: Trainer):
    for (name, a), (_, b) in zip(one.model.named_parameters(), two.model.named_parameters(), strict=True):
        assert torch.equal(a, b), name
    state_one, state_two = one._optimizer.state_dict()["state"], two._optimizer.state_dict()["state"]
    assert state_one.keys() == state_two.keys()
    for index in state_one:
        for moment in ("step", "exp_avg", "exp_avg_sq"):
            assert torch.equal(state_one[index][moment], state_two[index][moment])
    assert (one.step, one.tokens, one.flops) == (two.step, two.tokens, two.flops)


def numbers(directory):
    """The metrics of a run, without the clock."""
    lines = read_metrics(directory / "metrics.jsonl")
    return [
        {key: value for key, value in line.items() if key not in ("time", "train/tokens_per_second")}
        for line in lines
    ]


def test_the_source_of_these_tests_is_a_batch_source():
    assert isinstance(Noise(), BatchSource)


def test_an_interrupted_run_gives_the_bits_and_metrics_of_a_straight_one(tmp_path):
    straight = Trainer(new_model(), Noise(), settings(), tmp_path / "straight")
    straight.run()
    Trainer(new_model(), Noise(), settings(), tmp_path / "broken").run(until_step=3)
    # The second process has other initial weights: everything must come from the checkpoint.
    resumed = Trainer(new_model(seed=9), Noise(), settings(), tmp_path / "broken")
    assert resumed.step == 3
    resumed.run(until_step=5)
    resumed.run()
    assert_same_bits(straight, resumed)
    assert numbers(tmp_path / "broken") == numbers(tmp_path / "straight")


def test_steps_after_the_last_checkpoint_are_made_again_and_logged_once(tmp_path):
    straight = Trainer(new_model(), Noise(), settings(), tmp_path / "straight")
    straight.run()
    killed = Trainer(new_model(), Noise(), settings(checkpoint_every=3), tmp_path / "killed")

    class Gone(Exception):
        pass

    def die(step):
        if step == 5:
            raise Gone
        return Noise().batch(step)

    killed.source = type("Dying", (Noise,), {"batch": staticmethod(die)})()
    with pytest.raises(Gone):
        killed.run()
    resumed = Trainer(new_model(seed=9), Noise(), settings(), tmp_path / "killed")
    assert resumed.step == 3
    resumed.run()
    assert_same_bits(straight, resumed)
    assert numbers(tmp_path / "killed") == numbers(tmp_path / "straight")


def test_a_branch_equals_a_straight_run_over_its_data(tmp_path):
    trunk = Trainer(new_model(), Noise(), settings(), tmp_path / "trunk")
    checkpoint = trunk.run(until_step=5)
    branch(checkpoint, Noise(turn=5), tmp_path / "branch")
    branched = Trainer(new_model(seed=9), Noise(turn=5), settings(), tmp_path / "branch")
    branched.run()
    straight = Trainer(new_model(), Noise(turn=5), settings(), tmp_path / "straight")
    straight.run()
    assert_same_bits(straight, branched)
    trunk.run()
    assert not torch.equal(trunk.model.embed_tokens.weight, branched.model.embed_tokens.weight)
    state = read_state(latest_checkpoint(tmp_path / "branch" / "checkpoints"))
    assert [(point.step, point.fingerprint) for point in state.branches] == [(5, Noise().fingerprint)]


def test_a_branch_can_be_asked_for_again_but_not_over_another_run(tmp_path):
    checkpoint = Trainer(new_model(), Noise(), settings(), tmp_path / "trunk").run(until_step=2)
    branch(checkpoint, Noise(turn=2), tmp_path / "branch")
    Trainer(new_model(), Noise(turn=2), settings(), tmp_path / "branch").run(until_step=4)
    assert branch(checkpoint, Noise(turn=2), tmp_path / "branch").name == "step-00000004"
    with pytest.raises(ResumeError, match="not this branch"):
        branch(checkpoint, Noise("other", turn=2), tmp_path / "branch")


def test_other_data_are_refused(tmp_path):
    Trainer(new_model(), Noise("one"), settings(), tmp_path).run(until_step=1)
    with pytest.raises(ResumeError, match=r"'one None'.*'two None'.*branch"):
        Trainer(new_model(), Noise("two"), settings(), tmp_path)


def test_another_configuration_is_refused_by_the_name_of_its_setting(tmp_path):
    Trainer(new_model(), Noise(), settings(), tmp_path).run(until_step=1)
    with pytest.raises(ResumeError, match=r"training\.num_steps was 8, is 9"):
        Trainer(new_model(), Noise(), settings(num_steps=9), tmp_path)
    other = Transformer(dataclasses.replace(SHAPE, window=5), seed=0)
    with pytest.raises(ResumeError, match=r"model\.window was 4, is 5"):
        Trainer(other, Noise(), settings(), tmp_path)


def test_settings_that_change_no_number_may_change(tmp_path):
    straight = Trainer(new_model(), Noise(), settings(), tmp_path / "straight")
    straight.run()
    Trainer(new_model(), Noise(), settings(), tmp_path / "run").run(until_step=2)
    changed = settings(checkpoint_every=2, keep_checkpoints=2, log_every=4)
    resumed = Trainer(new_model(), Noise(), changed, tmp_path / "run")
    resumed.run()
    assert_same_bits(straight, resumed)
    kept = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert kept == ["step-00000006", "step-00000008"]


def test_a_flipped_bit_in_a_checkpoint_is_found_and_named(tmp_path):
    file = Trainer(new_model(), Noise(), settings(), tmp_path).run(until_step=1) / "weights.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(CorruptFileError, match=r"weights\.safetensors"):
        Trainer(new_model(), Noise(), settings(), tmp_path)


def test_a_killed_process_loses_nothing(tmp_path):
    """SIGKILL at an unprepared moment; the next process ends with the bits of an undisturbed run."""
    script = (
        "import importlib.util, sys, pathlib, torch\n"
        "torch.set_num_threads(1)\n"
        f"spec = importlib.util.spec_from_file_location('source', {__file__!r})\n"
        "m = importlib.util.module_from_spec(spec); spec.loader.exec_module(m)\n"
        f"directory = pathlib.Path({str(tmp_path / 'killed')!r})\n"
        "settings = m.settings(num_steps=5000, checkpoint_every=2)\n"
        "m.Trainer(m.new_model(), m.Noise(), settings, directory).run()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script])
    checkpoints = tmp_path / "killed" / "checkpoints"
    deadline = time.monotonic() + 60
    while (newest := latest_checkpoint(checkpoints)) is None or newest.name < "step-00000010":
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    resumed = Trainer(new_model(seed=9), Noise(), settings(num_steps=5000), tmp_path / "killed")
    assert not list(checkpoints.glob(".*"))
    until = resumed.step + 3
    resumed.run(until_step=until)
    straight = Trainer(new_model(), Noise(), settings(num_steps=5000), tmp_path / "straight")
    straight.run(until_step=until)
    assert_same_bits(straight, resumed)
    assert numbers(tmp_path / "killed") == numbers(tmp_path / "straight")


def test_the_gradient_is_that_of_the_weighted_mean_loss():
    batch, model = Noise().batch(0), new_model()
    loss = accumulate_gradients(BatchLoss(model), batch)
    found = {name: p.grad for name, p in model.named_parameters()}
    plain = new_model()
    inputs, targets, segments = (
        torch.from_numpy(array.astype(np.int64))
        for array in (batch.inputs_BT, batch.targets_BT, batch.segments_BT)
    )
    logits = plain.logits(plain(inputs, segments_BT=segments)).flatten(0, 1)
    weights = torch.from_numpy(batch.weights_BT).flatten()
    wanted = (cross_entropy(logits, targets.flatten(), reduction="none") * weights).sum() / weights.sum()
    wanted.backward()
    assert loss == pytest.approx(wanted.item(), rel=1e-5)
    for name, parameter in plain.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("size", [1, 3])
def test_micro_batches_change_nothing_but_rounding(size):
    whole, parts = new_model(), new_model()
    loss = accumulate_gradients(BatchLoss(whole), Noise().batch(0))
    assert accumulate_gradients(BatchLoss(parts), Noise().batch(0), micro_batch_size=size) == pytest.approx(
        loss, rel=1e-6
    )
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-7)


def test_activation_checkpointing_changes_no_bit(tmp_path):
    plain = Trainer(new_model(), Noise(), settings(), tmp_path / "plain")
    plain.run()
    saving = Trainer(new_model(), Noise(), settings(activation_checkpointing=True), tmp_path / "saving")
    saving.run()
    assert_same_bits(plain, saving)


def test_bf16_follows_fp32(tmp_path):
    losses = []
    for precision in ("fp32", "bf16"):
        trainer = Trainer(new_model(), Noise(), settings(precision=precision), tmp_path / precision)
        trainer.run()
        losses.append([line["train/loss"] for line in numbers(tmp_path / precision)])
        assert {p.dtype for p in trainer.model.parameters()} == {torch.float32}
    assert losses[1] == pytest.approx(losses[0], rel=5e-3)
    assert losses[1] != losses[0]


def test_attention_only_training_moves_attention_only(tmp_path):
    model = new_model()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    Trainer(model, Noise(), settings(trainable=("*.self_attn.*",)), tmp_path).run(until_step=3)
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {name for name in before if ".self_attn." in name}


def test_a_later_stage_starts_from_the_weights_with_another_rope_theta(tmp_path):
    first = Trainer(new_model(), Noise(), settings(), tmp_path / "first")
    checkpoint = first.run(until_step=2)
    longer = Transformer(dataclasses.replace(SHAPE, rope_theta=8e6), seed=5)
    load_weights(longer, checkpoint)
    for a, b in zip(first.model.parameters(), longer.parameters(), strict=True):
        assert torch.equal(a, b)
    second = Trainer(longer, Noise(), settings(trainable=("*.self_attn.*",)), tmp_path / "second")
    second.run(until_step=1)
    assert second.step == 1


def test_a_periodic_text_is_learnt(tmp_path):
    tokens = np.tile(np.arange(6, dtype=np.int32), (4, 5))
    batch = TokenBatch(tokens[:, :-1], tokens[:, 1:], np.ones((4, 29), np.float32))
    schedule = LearningRateSchedule(peak=2e-2, warmup_steps=5)
    config = TrainingConfig(num_steps=60, schedule=schedule, optimizer=AdamWConfig(weight_decay=0.0))
    Trainer(new_model(), Fixed(batch), config, tmp_path).run()
    lines = numbers(tmp_path)
    assert lines[0]["train/loss"] == pytest.approx(np.log(VOCABULARY), abs=0.1)
    assert lines[-1]["train/loss"] < 0.01


def test_metrics_count_tokens_and_operations(tmp_path):
    Trainer(new_model(), Noise(), settings(), tmp_path).run(until_step=3)
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert [line["step"] for line in lines] == [1, 2, 3]
    assert [line["train/tokens"] for line in lines] == [48, 96, 144]
    assert lines[-1]["train/flops"] == 3 * 4 * training_flops(SHAPE, 12)
    assert lines[0]["train/learning_rate"] == 1.5e-3
    assert all(line["train/tokens_per_second"] > 0 and line["train/grad_norm"] > 0 for line in lines)


def test_too_few_batches_are_refused_before_training(tmp_path):
    trainer = Trainer(new_model(), Noise(num_batches=5), settings(), tmp_path)
    with pytest.raises(ConfigError, match="5 batches, too few for 8 steps"):
        trainer.run()
    with pytest.raises(ConfigError, match="until_step must be from 0 to 8"):
        trainer.run(until_step=9)
    assert trainer.step == 0
    trainer.run(until_step=5)


def test_token_ids_of_another_vocabulary_are_refused(tmp_path):
    trainer = Trainer(new_model(), Noise(vocabulary=500), settings(), tmp_path)
    with pytest.raises(InputError, match=r"batch 0 have token ids .* the model knows 0 to 29"):
        trainer.run()


def test_a_batch_without_weight_is_refused(tmp_path):
    batch = dataclasses.replace(Noise().batch(0), weights_BT=np.zeros((4, 12), np.float32))
    with pytest.raises(InputError, match="batch 0 has no position of weight"):
        Trainer(new_model(), Fixed(batch), settings(), tmp_path).run()


def test_a_run_that_diverges_stops_and_keeps_its_checkpoints(tmp_path):
    trainer = Trainer(new_model(), Noise(), settings(checkpoint_every=1), tmp_path)
    trainer.run(until_step=2)
    with torch.no_grad():
        trainer.model.norm.weight.fill_(float("nan"))
    with pytest.raises(FiresideError, match=r"training diverged: in step 2 .* smaller learning rate"):
        trainer.run()
    assert Trainer(new_model(), Noise(), settings(), tmp_path).step == 2
