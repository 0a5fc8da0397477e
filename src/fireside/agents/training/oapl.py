"""OAPL, the off-policy objective of KARL: regress the policy's log-ratio on the advantage.

    V(x)  = beta1 * ln( (1/G) * sum_i exp(r_i / beta1) )
    loss  = sum_x sum_i ( beta2 * (ln pi(y_i|x) - ln pi_ref(y_i|x)) - (r_i - V(x)) )^2

pi_ref is the policy that drew the rollouts; its log-probabilities are stored with them, so no second model is
needed, nor a ratio, a clip or a critic. At pi = pi_ref the gradient is that of REINFORCE with the advantage
r - V, and it vanishes where the log-ratio reaches (r - V) / beta2.

Sources: "LLMs can learn to reason via off-policy RL", arXiv 2602.19362; KARL, arXiv 2603.05218.

Shape legend: G rollouts of one question, N training sequences. A compressed rollout is several sequences;
each has the whole rollout's reward and the value of the question's first prompt.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fireside.agents.types import TrajectoryGroup, reference_logprobs, training_sequences
from fireside.core.config import config
from fireside.core.errors import ConfigError, InputError
from fireside.core.protocols import Learner, SequenceLoss, TrainingSequence
from fireside.core.seeding import RandomStreams

__all__ = ["OAPLBatch", "OAPLConfig", "build_batch", "improve", "oapl_loss", "optimal_value"]

Float64Array = npt.NDArray[np.float64]


@config
class OAPLConfig:
    """Settings of one offline round.

    Attributes:
        beta1: temperature of the value; the larger, the nearer V is to the mean reward.
        beta2: strength of the pull to the reference policy. Small models want 1e-2 to 1e-1.
        num_epochs: passes over the groups.
        groups_per_step: groups in one optimizer step; `None` for all of them.
    """

    beta1: float = 1.0
    beta2: float = 0.03
    num_epochs: int = 2
    groups_per_step: int | None = None

    def __post_init__(self) -> None:
        if self.beta1 <= 0 or self.beta2 <= 0:
            raise ConfigError(f"beta1 is {self.beta1} and beta2 {self.beta2}: both must be above 0")
        if self.num_epochs < 1:
            raise ConfigError(f"num_epochs is {self.num_epochs}: make at least 1 pass")
        if self.groups_per_step is not None and self.groups_per_step < 1:
            raise ConfigError(f"groups_per_step is {self.groups_per_step}: take at least 1 group a step")


@dataclass(frozen=True, slots=True)
class OAPLBatch:
    """What one optimizer step learns from.

    Attributes:
        sequences: N of them.
        reference_N: float64, ln pi_ref(y|x), summed over the tokens the policy wrote.
        advantages_N: float64, r - V.
    """

    sequences: tuple[TrainingSequence, ...]
    reference_N: Float64Array
    advantages_N: Float64Array


def optimal_value(rewards_G: Float64Array, beta1: float) -> float:
    """V(x), the value that the best policy near pi_ref would have, from G rewards.

    It lies between the mean reward (large beta1) and the largest (small beta1).

    >>> rewards = np.array([1.0, 0, 0, 0, 0, 0, 0, 0])
    >>> round(optimal_value(rewards, 1.0), 3)
    0.195
    """
    scaled_G = rewards_G / beta1
    peak = scaled_G.max()
    return float(beta1 * (peak + np.log(np.mean(np.exp(scaled_G - peak)))))


def oapl_loss(batch: OAPLBatch, beta2: float) -> SequenceLoss:
    """The loss of a batch as a function of ln pi(y|x), float64[N], with its derivative, float64[N].

    >>> batch = OAPLBatch((), np.array([-2.0]), np.array([0.5]))
    >>> loss, derivative = oapl_loss(batch, 0.1)(np.array([-1.0]))
    >>> round(loss, 6), np.round(derivative, 6).tolist()
    (0.16, [-0.08])
    """

    def loss(logprobs_N: Float64Array) -> tuple[float, Float64Array]:
        residual_N = beta2 * (logprobs_N - batch.reference_N) - batch.advantages_N
        return float(np.sum(residual_N**2)), 2.0 * beta2 * residual_N

    return loss


def build_batch(groups: Sequence[TrajectoryGroup], beta1: float) -> OAPLBatch:
    """Every training sequence of some groups, with its reference log-probability and its advantage.

    A rollout in which the model wrote nothing counts in V and is no sequence.

    Raises:
        InputError: a rollout has no reward or no log-probabilities.
    """
    sequences: list[TrainingSequence] = []
    reference: list[float] = []
    advantages: list[float] = []
    for group in groups:
        rewards_G = group.rewards_G
        value = optimal_value(rewards_G, beta1)
        for trajectory, reward in zip(group.trajectories, rewards_G, strict=True):
            parts = training_sequences(trajectory)
            sequences += parts
            reference += reference_logprobs(trajectory)
            advantages += [float(reward) - value] * len(parts)
    return OAPLBatch(tuple(sequences), np.array(reference), np.array(advantages))


def improve(
    learner: Learner,
    groups: Sequence[TrajectoryGroup],
    config: OAPLConfig,
    *,
    seed: int,
    on_step: Callable[[int, dict[str, float]], None] | None = None,
) -> list[dict[str, float]]:
    """One offline round: a few optimizer steps over a fixed set of groups.

    Args:
        learner: starts as the policy that drew the groups, or a later one.
        groups: rewarded; those without a difference in reward teach nothing and are best filtered out.
        config: the round.
        seed: of the order of the groups.
        on_step: is told the number of each step, from 0, and its metrics.

    Returns:
        The metrics of each step: the learner's own and `oapl/*`. The log-ratio is ln pi - ln pi_ref before
        the step, so that of the first step tells how far sampler and learner differ.

    Raises:
        InputError: there are no groups, or no sequences in them.
    """
    if not groups:
        raise InputError("there are no groups to learn from: collect more rollouts, or filter less")
    size = config.groups_per_step or len(groups)
    history: list[dict[str, float]] = []
    for epoch in range(config.num_epochs):
        order = RandomStreams(seed).generator("epoch", epoch).permutation(len(groups))
        for start in range(0, len(groups), size):
            batch = build_batch([groups[i] for i in order[start : start + size]], config.beta1)
            if not batch.sequences:
                raise InputError("the model wrote nothing in any of these rollouts: nothing to learn from")
            metrics = _step(learner, batch, config.beta2)
            if on_step is not None:
                on_step(len(history), metrics)
            history.append(metrics)
    return history


def _step(learner: Learner, batch: OAPLBatch, beta2: float) -> dict[str, float]:
    """One optimizer step; the log-ratio is seen in passing, where the learner evaluates the loss."""
    loss = oapl_loss(batch, beta2)
    seen: list[Float64Array] = []

    def watched(logprobs_N: Float64Array) -> tuple[float, Float64Array]:
        seen.append(np.array(logprobs_N))
        return loss(logprobs_N)

    metrics = dict(learner.update(batch.sequences, watched))
    if seen and len(seen[0]) == len(batch.sequences):
        ratio_N = seen[0] - batch.reference_N
        metrics |= {
            "oapl/log_ratio_mean": float(ratio_N.mean()),
            "oapl/log_ratio_max": float(np.abs(ratio_N).max()),
            "oapl/residual_rms": float(np.sqrt(np.mean((beta2 * ratio_N - batch.advantages_N) ** 2))),
        }
    size_N = np.abs(batch.advantages_N)
    return metrics | {
        "oapl/advantage_mean": float(batch.advantages_N.mean()),
        "oapl/advantage_std": float(batch.advantages_N.std()),
        # How many equally weighted sequences would pull as evenly as these.
        "oapl/effective_sequences": float(size_N.sum() ** 2 / max(float(np.sum(size_N**2)), 1e-300)),
        "oapl/num_sequences": float(len(batch.sequences)),
        "oapl/policy_tokens": float(sum(sum(s.policy_mask) for s in batch.sequences)),
    }
