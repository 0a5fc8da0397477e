"""A policy that learns from whole sequences: the `Learner` of `fireside.core.protocols`.

    update:  ln pi of every sequence -> the caller's loss and its derivatives c_n -> gradient of
             sum_n c_n ln pi(y_n|x_n) -> clip -> AdamW

By the chain rule that sum has the gradient of the loss itself, whatever the loss is: the learner knows
nothing about algorithms. Logits exist only where the policy wrote a token. With `num_trainable_layers` the
layers below run once for a sequence, not once for an update.

Shape legend: N sequences, B sequences of a micro-batch, T positions, D hidden, M positions of a micro-batch
where a token of the policy is predicted, one sequence after the other.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from fireside.core.config import config
from fireside.core.errors import CapacityError, ConfigError, FiresideError, InputError
from fireside.core.protocols import SequenceLoss, TrainingSequence
from fireside.lm.frozen_layers import FrozenLayers
from fireside.lm.losses import linear_cross_entropy, token_logprobs
from fireside.lm.optimizer import AdamWConfig, adamw, clip_gradients, freeze_all_but, set_learning_rate
from fireside.lm.policy_checkpoint import load_policy, load_policy_optimizer, save_policy
from fireside.lm.policy_tokens import PolicyTokens, micro_batches, policy_tokens
from fireside.lm.transformer import Transformer

__all__ = ["LearnerConfig", "PolicyLearner"]

Float64Array = npt.NDArray[np.float64]


@config
class LearnerConfig:
    """How a policy learns.

    Attributes:
        learning_rate: of every update; the default is OAPL's (arXiv 2602.19362).
        optimizer: AdamW's constants and the clipping of gradients.
        num_trainable_layers: only the last so many layers and the final norm train; `None`: everything.
        micro_batch_tokens: the most positions, padding included, that pass through the model at once. Where
            all sequences fit, an update needs one forward pass through the trainable layers instead of two.
        cache_bytes: memory for the hidden states that enter the trainable layers.
    """

    learning_rate: float = 1e-6
    optimizer: AdamWConfig = field(default_factory=lambda: AdamWConfig(weight_decay=0.0))
    num_trainable_layers: int | None = None
    micro_batch_tokens: int = 2048
    cache_bytes: int = 1 << 30

    def __post_init__(self) -> None:
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ConfigError(f"learning_rate must be above 0, got {self.learning_rate}")
        if self.num_trainable_layers is not None and self.num_trainable_layers < 1:
            raise ConfigError(
                f"num_trainable_layers must be at least 1, or None, got {self.num_trainable_layers}"
            )
        if self.micro_batch_tokens < 1:
            raise ConfigError(f"micro_batch_tokens must be at least 1, got {self.micro_batch_tokens}")
        if self.cache_bytes < 0:
            raise ConfigError(f"cache_bytes must be at least 0, got {self.cache_bytes}")


class PolicyLearner:
    """Trains a model in place.

    Args:
        model: the policy; whoever samples from the same object samples from the newest version. What does
            not train is frozen.
        config: how it learns.
        version: how many updates the model has seen already.

    Raises:
        ConfigError: the model has fewer layers than are to train.

    >>> from fireside.lm.config import ModelConfig
    >>> shape = ModelConfig(vocab_size=32, hidden_size=16, intermediate_size=32, num_heads=2, num_kv_heads=1,
    ...                     head_dim=8, layer_map="0_1", context_length=64)
    >>> settings = LearnerConfig(learning_rate=1e-3, num_trainable_layers=1)
    >>> learner = PolicyLearner(Transformer(shape, seed=0), settings)
    >>> sequences = [TrainingSequence((1, 2, 3), (False, True, True))]
    >>> before = learner.logprobs(sequences)
    >>> metrics = learner.update(sequences, lambda logprobs_N: (-logprobs_N.sum(), -np.ones(1)))
    >>> learner.version, bool(learner.logprobs(sequences) > before)
    (1, True)
    """

    def __init__(self, model: Transformer, config: LearnerConfig, version: int = 0) -> None:
        self.model = model
        self.config = config
        self._version = version
        self._first_trainable = _first_trainable(model, config.num_trainable_layers)
        self._frozen: FrozenLayers | None = None
        patterns = ["*"]
        if config.num_trainable_layers is not None:
            self._frozen = FrozenLayers(model, self._first_trainable, capacity_bytes=config.cache_bytes)
            last_layers = range(self._first_trainable, model.config.num_layers)
            patterns = ["norm.weight", *(f"layers.{layer}.*" for layer in last_layers)]
        self._trained = freeze_all_but(model, patterns)
        self._optimizer = adamw(model, config.optimizer)
        set_learning_rate(self._optimizer, config.learning_rate)

    @property
    def version(self) -> int:
        """How many updates have been made."""
        return self._version

    @torch.no_grad()
    def logprobs(self, sequences: Sequence[TrainingSequence]) -> Float64Array:
        """ln pi(y|x) of each sequence, summed over the tokens the policy wrote: float64[N].

        Raises:
            InputError: a sequence cannot be used; the message gives its number.
            CapacityError: a sequence is longer than the model's context.
        """
        prepared = self._prepare(sequences)
        logprobs_N = np.zeros(len(prepared))
        for group in self._groups(prepared):
            members = [prepared[n] for n in group]
            logprobs_N[group] = self._logprobs(self._policy_hidden(members), members)
        return logprobs_N

    def update(self, sequences: Sequence[TrainingSequence], loss: SequenceLoss) -> dict[str, float]:
        """One optimizer step.

        Args:
            sequences: at least one.
            loss: from ln pi of each sequence to the loss and its derivatives.

        Returns:
            `train/loss`, `train/grad_norm` (before clipping), `train/tokens` (written by the policy) and
            `train/logprob_mean` (of such a token, before the step).

        Raises:
            InputError: a sequence cannot be used; the message gives its number.
            CapacityError: a sequence is longer than the model's context.
            FiresideError: the loss or its gradient is not finite; the policy is unchanged.
        """
        prepared = self._prepare(sequences)
        if not prepared:
            raise InputError("an update needs at least one sequence")
        value, logprobs_N = self._accumulate_gradients(prepared, loss)
        norm = clip_gradients(self.model.parameters(), self.config.optimizer.max_grad_norm)
        if math.isfinite(norm):
            self._optimizer.step()
            self._version += 1
        self._optimizer.zero_grad()
        if not math.isfinite(norm):
            raise FiresideError(
                f"the gradient's norm is {norm} at a loss of {value}: the policy is unchanged"
            )
        num_tokens = sum(len(one.targets_M) for one in prepared)
        return {
            "train/loss": value,
            "train/grad_norm": norm,
            "train/tokens": num_tokens,
            "train/logprob_mean": float(logprobs_N.sum()) / num_tokens,
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the weights that train, and the optimizer; `policy_checkpoint.load_policy` reads it too.

        Raises:
            CheckpointError: `path` exists and is no checkpoint.
            DiskFullError: there is no room.
        """
        save_policy(path, self.model, self._optimizer, trained=self._trained, version=self._version)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Go on, bit for bit, from what `save` wrote.

        Raises:
            CheckpointError: it is corrupt, or belongs to another model or to other trainable layers.
        """
        self._version = load_policy(path, self.model, trained=self._trained)
        load_policy_optimizer(path, self.model, self._optimizer)

    def _prepare(self, sequences: Sequence[TrainingSequence]) -> list[PolicyTokens]:
        vocab_size, context_length = self.model.config.vocab_size, self.model.config.context_length
        prepared = []
        for n, sequence in enumerate(sequences):
            try:
                one = policy_tokens(sequence, vocab_size=vocab_size, context_length=context_length)
            except (InputError, CapacityError) as error:
                raise type(error)(f"sequence {n}: {error}") from error
            prepared.append(one)
        return prepared

    def _groups(self, prepared: Sequence[PolicyTokens]) -> list[list[int]]:
        return micro_batches([len(one) for one in prepared], self.config.micro_batch_tokens)

    def _accumulate_gradients(
        self, prepared: Sequence[PolicyTokens], loss: SequenceLoss
    ) -> tuple[float, Float64Array]:
        """Put the gradient of the loss into the parameters; returns the loss and ln pi of each sequence."""
        indices = self._groups(prepared)
        groups = [[prepared[n] for n in group] for group in indices]
        logprobs_N = np.zeros(len(prepared))
        # The loss wants every ln pi before it gives a derivative. A single group keeps its graph meanwhile.
        hidden_MD = None
        for group, members in zip(indices, groups, strict=True):
            with torch.set_grad_enabled(len(groups) == 1):
                hidden_MD = self._policy_hidden(members)
            logprobs_N[group] = self._logprobs(hidden_MD, members)
        value, slopes_N = _evaluate(loss, logprobs_N)
        for group, members in zip(indices, groups, strict=True):
            if hidden_MD is None or len(groups) > 1:
                hidden_MD = self._policy_hidden(members)
            # Cross-entropy is -ln pi, so that weights -c have the gradient of the sum of c ln pi.
            slopes_M = np.repeat(slopes_N[group], [len(one.targets_M) for one in members])
            weights_M = torch.from_numpy(-slopes_M.astype(np.float32)).to(hidden_MD.device)
            surrogate = linear_cross_entropy(
                hidden_MD, self.model.output_weight, self._targets(members), weights_M
            )
            surrogate.backward()  # type: ignore[no-untyped-call]
        return value, logprobs_N

    def _policy_hidden(self, members: Sequence[PolicyTokens]) -> Tensor:
        """Last hidden states where tokens of the policy are predicted: [M, D]."""
        if self._frozen is None:
            tokens_BT = pad_sequence([torch.from_numpy(one.inputs_T) for one in members], batch_first=True)
            hidden_BTD = self.model(tokens_BT.to(self.model.output_weight.device))
        else:
            boundary = self._frozen(members)
            layers = range(self._first_trainable, self.model.config.num_layers)
            x_BTD, _ = self.model.run_layers(boundary.x, layers, boundary.shared)
            hidden_BTD = self.model.norm(x_BTD)
        rows_M = np.repeat(np.arange(len(members)), [len(one.positions_M) for one in members])
        positions_M = np.concatenate([one.positions_M for one in members])
        hidden_MD: Tensor = hidden_BTD[torch.from_numpy(rows_M), torch.from_numpy(positions_M)]
        return hidden_MD

    def _logprobs(self, hidden_MD: Tensor, members: Sequence[PolicyTokens]) -> Float64Array:
        """ln pi of each member, summed in float64: [B]."""
        logprobs_M = token_logprobs(hidden_MD, self.model.output_weight, self._targets(members))
        ends_B = np.cumsum([len(one.targets_M) for one in members])
        return np.add.reduceat(logprobs_M.cpu().numpy().astype(np.float64), [0, *ends_B[:-1]])

    def _targets(self, members: Sequence[PolicyTokens]) -> Tensor:
        targets_M = torch.from_numpy(np.concatenate([one.targets_M for one in members]))
        return targets_M.to(self.model.output_weight.device)


def _first_trainable(model: Transformer, num_trainable_layers: int | None) -> int:
    num_layers = model.config.num_layers
    if num_trainable_layers is None:
        return 0
    if num_trainable_layers > num_layers:
        raise ConfigError(
            f"num_trainable_layers is {num_trainable_layers}, but the model has {num_layers} layers"
        )
    return num_layers - num_trainable_layers


def _evaluate(loss: SequenceLoss, logprobs_N: Float64Array) -> tuple[float, Float64Array]:
    value, slopes_N = loss(logprobs_N.copy())
    if np.shape(slopes_N) != logprobs_N.shape:
        raise InputError(
            f"the loss gave derivatives of shape {np.shape(slopes_N)} for {len(logprobs_N)} sequences"
        )
    if not (math.isfinite(value) and np.isfinite(slopes_N).all()):
        raise FiresideError(f"the loss is {value}, or a derivative is not finite: the policy is unchanged")
    return float(value), np.asarray(slopes_N, dtype=np.float64)
