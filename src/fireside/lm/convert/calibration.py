"""What layers' keys and values are on real text, summed up so that one K/V can be fitted for all of a group.

For the layers that a map lets share one K/V, the sums hold how their keys and values hang together with the
input of the layer that will own them. Keys are taken before rotation.

Shape legend: B batch, T positions, N positions of all sequences, D width (plus 1 where there are biases),
X width of all key/value heads, M layers that share.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fireside.core.errors import InputError
from fireside.lm.config import ModelConfig
from fireside.lm.layer_map import LayerMap
from fireside.lm.transformer import DecoderLayer, Transformer

__all__ = ["Projection", "SharedSums", "calibrate", "groups_of"]


class Projection(NamedTuple):
    """A linear map as one matrix [D, X]; the last row is the bias where there is one."""

    weight_DX: Tensor

    @classmethod
    def of(cls, linear: nn.Linear) -> "Projection":
        """That of a layer, in float64."""
        weight_DX = linear.weight.detach().double().T
        rows = [weight_DX, *(bias.detach().double()[None] for bias in _biases(linear))]
        return cls(torch.cat(rows))

    @torch.no_grad()
    def write_to(self, linear: nn.Linear) -> None:
        """Make this the projection of a layer."""
        width = linear.in_features
        linear.weight.copy_(self.weight_DX[:width].T)
        for bias in _biases(linear):
            bias.copy_(self.weight_DX[width])


@dataclass(slots=True, eq=False)
class SharedSums:
    """Sums over positions of one kind of output, keys or values, of M layers that will share it.

    Attributes:
        gram_DD: of the owner's input with itself.
        cross_MDX: of the owner's input with each layer's output.
    """

    gram_DD: Tensor
    cross_MDX: Tensor

    def add(self, inputs_ND: Tensor, outputs_MNX: Tensor) -> None:
        """Add some positions."""
        inputs_ND, outputs_MNX = inputs_ND.double(), outputs_MNX.double()
        self.gram_DD += inputs_ND.T @ inputs_ND
        self.cross_MDX += inputs_ND.T @ outputs_MNX

    def regression(self, near: list[Projection], *, ridge: float) -> Tensor:
        """The linear maps of least squared error from the owner's input to each layer's output, [M, D, X].

        Args:
            near: M maps that are right without any text; a distance to them is penalised.
            ridge: the penalty, as a share of the mean square of an input; it makes the maps unique for any
                amount of text.

        >>> inputs_ND = torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
        >>> sums = SharedSums(torch.zeros(2, 2).double(), torch.zeros(1, 2, 1).double())
        >>> sums.add(inputs_ND, (inputs_ND @ torch.tensor([[3.0], [-1.0]]))[None])
        >>> sums.regression([Projection(torch.ones(2, 1).double())], ridge=0.0).round(decimals=6).tolist()
        [[[3.0], [-1.0]]]
        """
        width = len(self.gram_DD)
        penalty = ridge * float(self.gram_DD.trace()) / width
        matrix_DD = self.gram_DD + penalty * torch.eye(width, dtype=torch.float64)
        near_MDX = torch.stack([one.weight_DX for one in near])
        return near_MDX + torch.linalg.solve(matrix_DD, self.cross_MDX - self.gram_DD @ near_MDX)


def groups_of(layers: LayerMap) -> list[tuple[int, ...]]:
    """Layers that share one K/V, the owner first, where there is more than one.

    >>> groups_of(LayerMap.parse("0_1s_1s_0_4"))
    [(0, 3), (1, 2)]
    """
    groups: dict[int, list[int]] = {}
    for layer, owner in enumerate(layers.owners):
        groups.setdefault(owner, []).append(layer)
    return [tuple(members) for members in groups.values() if len(members) > 1]


@torch.no_grad()
def calibrate(
    model: Transformer, layers: LayerMap, tokens: Iterable[Tensor]
) -> dict[int, tuple[SharedSums, SharedSums]]:
    """Run a model over text and sum up keys and values, for each owner that will share.

    Args:
        model: one in which every layer has keys and values of its own.
        layers: the map to be.
        tokens: int64[B, T] each.

    Returns:
        For each owner with children the sums of keys and of values.

    Raises:
        InputError: there is no text.
    """
    groups = {members[0]: members for members in groups_of(layers)}
    sums = {
        owner: (_empty(model.config, members), _empty(model.config, members))
        for owner, members in groups.items()
    }
    num_tokens = 0
    for tokens_BT in tokens:
        num_tokens += tokens_BT.numel()
        inputs: dict[int, Tensor] = {}
        outputs: dict[int, tuple[Tensor, Tensor]] = {}
        x_BTD = model.embed(tokens_BT)
        for index in range(model.config.num_layers):
            layer = model.layers[index]
            assert isinstance(layer, DecoderLayer)
            normed_ND = layer.input_layernorm(x_BTD).flatten(0, 1)
            attention = layer.self_attn
            inputs[index] = _with_one(normed_ND, model.config)
            outputs[index] = attention.k_proj(normed_ND), attention.v_proj(normed_ND)
            x_BTD, _ = model.run_layers(x_BTD, range(index, index + 1), {})
        for owner, members in groups.items():
            for part in (0, 1):
                sums[owner][part].add(inputs[owner], torch.stack([outputs[one][part] for one in members]))
    if groups and not num_tokens:
        raise InputError("there is no text to calibrate with: give at least one batch of tokens")
    return sums


def _biases(linear: nn.Linear) -> list[Tensor]:
    """The bias of a layer, if it has one."""
    return [] if linear.bias is None else [linear.bias]


def _empty(config: ModelConfig, members: tuple[int, ...]) -> SharedSums:
    width, outputs = config.hidden_size + config.qkv_bias, config.num_kv_heads * config.head_dim
    return SharedSums(
        torch.zeros(width, width, dtype=torch.float64),
        torch.zeros(len(members), width, outputs, dtype=torch.float64),
    )


def _with_one(normed_ND: Tensor, config: ModelConfig) -> Tensor:
    """A column of ones for the bias, where there is one."""
    return F.pad(normed_ND, (0, 1), value=1.0) if config.qkv_bias else normed_ND
