from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fireside.agents.training.oapl import (
    OAPLBatch,
    OAPLConfig,
    build_batch,
    improve,
    oapl_loss,
    optimal_value,
)
from fireside.agents.types import RolloutEnd, Segment, Step, Trajectory, TrajectoryGroup
from fireside.core.errors import ConfigError, InputError
from fireside.core.protocols import Learner, SequenceLoss, TrainingSequence

REWARDS = arrays(np.float64, st.integers(1, 8), elements=st.floats(0, 1))


def step(tokens: Sequence[int], logprobs: Sequence[float]) -> Step:
    return Step(
        prompt_tokens=(9, 9),
        tokens=tuple(tokens),
        logprobs=tuple(logprobs),
        text="",
        stop_reason="stop",
        version=0,
        action="answer",
    )


def rollout(*segments: Step, reward: float | None) -> Trajectory:
    return Trajectory(
        question_id="q",
        kind="lookup",
        seed=0,
        end=RolloutEnd.ANSWERED,
        segments=tuple(Segment(opening=(), steps=(s,)) for s in segments),
        reward=reward,
    )


def group(*trajectories: Trajectory) -> TrajectoryGroup:
    return TrajectoryGroup(question_id="q", kind="lookup", trajectories=trajectories)


@pytest.mark.parametrize(("passed", "value"), [(1, 0.195), (4, 0.620), (7, 0.918)])
def test_the_value_of_binary_rewards_is_that_of_the_paper(passed: int, value: float) -> None:
    rewards = np.array([1.0] * passed + [0.0] * (8 - passed))
    assert optimal_value(rewards, 1.0) == pytest.approx(value, abs=5e-4)


@given(REWARDS, st.floats(0.01, 100))
def test_the_value_lies_between_the_mean_and_the_largest_reward(rewards_G: np.ndarray, beta1: float) -> None:
    value = optimal_value(rewards_G, beta1)
    assert rewards_G.mean() - 1e-9 <= value <= rewards_G.max() + 1e-9


@given(REWARDS)
def test_the_limits_of_beta1_are_the_mean_and_the_largest_reward(rewards_G: np.ndarray) -> None:
    assert optimal_value(rewards_G, 1e6) == pytest.approx(rewards_G.mean(), abs=1e-5)
    assert optimal_value(rewards_G, 1e-4) == pytest.approx(rewards_G.max(), abs=1e-3)


@given(REWARDS, st.floats(-5, 5))
def test_a_constant_added_to_all_rewards_is_added_to_the_value(
    rewards_G: np.ndarray, constant: float
) -> None:
    assert optimal_value(rewards_G + constant, 0.5) == pytest.approx(optimal_value(rewards_G, 0.5) + constant)


def test_at_the_reference_the_gradient_is_reinforce_with_advantage_r_minus_v() -> None:
    reference = np.array([-3.0, -5.0, -1.0])
    advantages = np.array([0.8, -0.2, -0.2])
    loss, derivative = oapl_loss(OAPLBatch((), reference, advantages), 0.05)(reference)
    assert loss == pytest.approx(np.sum(advantages**2))
    np.testing.assert_allclose(derivative, -2 * 0.05 * advantages)


@given(
    arrays(np.float64, 3, elements=st.floats(-50, 0)),
    arrays(np.float64, 3, elements=st.floats(-50, 0)),
    arrays(np.float64, 3, elements=st.floats(-1, 1)),
    st.floats(1e-3, 1),
)
def test_the_derivative_is_that_of_the_loss(
    logprobs: np.ndarray, reference: np.ndarray, advantages: np.ndarray, beta2: float
) -> None:
    loss = oapl_loss(OAPLBatch((), reference, advantages), beta2)
    _, derivative = loss(logprobs)
    for n in range(3):
        nudge = np.eye(3)[n] * 1e-3
        # The loss is quadratic, so the central difference is exact up to rounding.
        slope = (loss(logprobs + nudge)[0] - loss(logprobs - nudge)[0]) / 2e-3
        assert derivative[n] == pytest.approx(slope, rel=1e-4, abs=1e-7)


def test_the_pull_ends_where_the_log_ratio_is_the_advantage_over_beta2() -> None:
    reference, advantages = np.array([-3.0, -4.0]), np.array([0.8, -0.2])
    loss, derivative = oapl_loss(OAPLBatch((), reference, advantages), 0.1)(reference + advantages / 0.1)
    assert loss == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(derivative, 0.0, atol=1e-12)


def test_the_reference_is_the_sum_over_tokens_and_the_prompt_is_masked() -> None:
    batch = build_batch(
        [group(rollout(step([1, 2], [-0.5, -0.25]), reward=1.0), rollout(step([3], [-2.0]), reward=0.0))], 1.0
    )
    value = np.log((np.e + 1) / 2)
    np.testing.assert_allclose(batch.reference_N, [-0.75, -2.0])
    np.testing.assert_allclose(batch.advantages_N, [1 - value, -value])
    assert batch.sequences[0] == TrainingSequence((9, 9, 1, 2), (False, False, True, True))


def test_a_compressed_rollout_is_several_pairs_with_the_rollouts_reward_and_one_value() -> None:
    compressed = rollout(step([1], [-1.0]), step([2, 2], [-1.0, -3.0]), reward=1.0)
    batch = build_batch([group(compressed, rollout(step([3], [-2.0]), reward=0.0))], 1.0)
    value = np.log((np.e + 1) / 2)
    np.testing.assert_allclose(batch.advantages_N, [1 - value, 1 - value, -value])
    np.testing.assert_allclose(batch.reference_N, [-1.0, -4.0, -2.0])


def test_a_rollout_without_a_word_counts_in_the_value_and_is_no_sequence() -> None:
    silent = Trajectory(
        question_id="q",
        kind="lookup",
        seed=0,
        end=RolloutEnd.CONTEXT_OVERFLOW,
        segments=(Segment(opening=(), steps=()),),
        reward=0.0,
    )
    batch = build_batch([group(rollout(step([1], [-1.0]), reward=1.0), silent)], 1.0)
    np.testing.assert_allclose(batch.advantages_N, [1 - np.log((np.e + 1) / 2)])


def test_rollouts_of_a_sampler_without_logprobs_cannot_be_trained_on() -> None:
    with pytest.raises(InputError, match="2 tokens and 0 log-probabilities"):
        build_batch([group(rollout(step([1, 2], []), reward=1.0))], 1.0)


def test_a_group_without_rewards_cannot_be_trained_on() -> None:
    with pytest.raises(InputError, match="no rewards"):
        build_batch([group(rollout(step([1], [-1.0]), reward=None))], 1.0)


class UnigramPolicy:
    """A `Learner` with one logit for each of a few tokens and exact gradients."""

    def __init__(self, num_tokens: int, rate: float) -> None:
        self.logits = np.zeros(num_tokens)
        self.rate = rate
        self.version = 0
        self.seen: list[int] = []

    def token_logprobs(self) -> np.ndarray:
        return self.logits - np.log(np.exp(self.logits).sum())

    def logprobs(self, sequences: Sequence[TrainingSequence]) -> np.ndarray:
        return np.array([counts @ self.token_logprobs() for counts in map(self._counts, sequences)])

    def update(self, sequences: Sequence[TrainingSequence], loss: SequenceLoss) -> dict[str, float]:
        value, derivative = loss(self.logprobs(sequences))
        probabilities = np.exp(self.token_logprobs())
        for weight, counts in zip(derivative, map(self._counts, sequences), strict=True):
            self.logits -= self.rate * weight * (counts - counts.sum() * probabilities)
        self.version += 1
        self.seen.append(len(sequences))
        return {"train/loss": value}

    def _counts(self, sequence: TrainingSequence) -> np.ndarray:
        drawn = [t for t, policy in zip(sequence.tokens, sequence.policy_mask, strict=True) if policy]
        return np.bincount(drawn, minlength=len(self.logits)).astype(float)


@pytest.fixture
def bandit() -> Callable[[], tuple[UnigramPolicy, list[TrajectoryGroup]]]:
    """Eight uniform draws of one of four tokens; token 0 is right."""

    def make() -> tuple[UnigramPolicy, list[TrajectoryGroup]]:
        draws = [
            rollout(step([token], [float(np.log(0.25))]), reward=float(token == 0))
            for token in (0, 0, 1, 1, 2, 2, 3, 3)
        ]
        return UnigramPolicy(4, rate=0.01), [group(*draws)] * 3

    return make


def test_the_test_policy_is_a_learner() -> None:
    assert isinstance(UnigramPolicy(2, 0.1), Learner)


def test_a_round_moves_the_policy_to_the_optimum_of_the_regularised_objective(bandit: Callable) -> None:
    learner, groups = bandit()
    beta2 = 1.0
    improve(learner, groups, OAPLConfig(beta1=1.0, beta2=beta2, num_epochs=3000), seed=0)
    # With beta1 = beta2 the optimum is pi_ref * exp(r / beta), which is where every residual is 0.
    wanted = np.array([np.e, 1, 1, 1]) / (np.e + 3)
    np.testing.assert_allclose(np.exp(learner.token_logprobs()), wanted, atol=1e-3)


def test_every_step_reports_how_far_the_policy_is_from_the_one_that_drew(bandit: Callable) -> None:
    learner, groups = bandit()
    told: list[int] = []
    history = improve(
        learner,
        groups,
        OAPLConfig(beta2=0.1, num_epochs=2, groups_per_step=2),
        seed=0,
        on_step=lambda index, metrics: told.append(index),
    )
    assert learner.seen == [16, 8, 16, 8]
    assert told == [0, 1, 2, 3]
    assert history[0]["oapl/log_ratio_max"] == pytest.approx(0.0, abs=1e-12)
    assert history[1]["oapl/log_ratio_max"] > 0
    assert history[0]["oapl/num_sequences"] == history[0]["oapl/policy_tokens"] == 16
    advantages = np.array([1.0, 1, 0, 0, 0, 0, 0, 0]) - np.log((2 * np.e + 6) / 8)
    assert history[0]["oapl/advantage_mean"] == pytest.approx(advantages.mean())
    ess = 2 * np.abs(advantages).sum() ** 2 / (advantages**2).sum()
    assert history[0]["oapl/effective_sequences"] == pytest.approx(ess)


def test_an_epoch_sees_every_group_once_in_an_order_that_the_seed_decides(bandit: Callable) -> None:
    def orders(seed: int) -> list[float]:
        learner, _ = bandit()
        groups = [group(rollout(step([0] * n, [-1.0] * n), reward=1.0)) for n in range(1, 7)]
        history = improve(learner, groups, OAPLConfig(num_epochs=1, groups_per_step=1), seed=seed)
        return [metrics["oapl/policy_tokens"] for metrics in history]

    assert sorted(orders(0)) == [1, 2, 3, 4, 5, 6]
    assert orders(0) == orders(0)
    assert orders(0) != orders(1)


def test_nothing_to_learn_from_is_an_error(bandit: Callable) -> None:
    learner, _ = bandit()
    with pytest.raises(InputError, match="no groups"):
        improve(learner, [], OAPLConfig(), seed=0)


def test_settings_without_meaning_are_refused() -> None:
    with pytest.raises(ConfigError, match="beta2 0"):
        OAPLConfig(beta2=0)
    with pytest.raises(ConfigError, match="groups_per_step is 0"):
        OAPLConfig(groups_per_step=0)
