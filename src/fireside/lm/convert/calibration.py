"""What layers' keys and values are on real text, summed up so that sharing can be fitted and judged.

For the layers that a map lets share one K/V, the sums hold how their keys and values hang together with the
input of the layer that will own them. From these follow the best shared projection (least squares) and the
error of any other. Keys are taken before rotation, which is the same for all and changes no distance; where
a model normalises keys, before the norm's weight.

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
        squares: of all outputs.
    """

    gram_DD: Tensor
    cross_MDX: Tensor
    squares: float = 0.0

    def add(self, inputs_ND: Tensor, outputs_MNX: Tensor) -> None:
        """Add some positions."""
        inputs_ND, outputs_MNX = inputs_ND.double(), outputs_MNX.double()
        self.gram_DD += inputs_ND.T @ inputs_ND
        self.cross_MDX += inputs_ND.T @ outputs_MNX
        self.squares += float(outputs_MNX.square().sum())

    def error(self, projection: Projection) -> float:
        """Mean squared distance of a shared output to those of all layers, as a share of their size.

        >>> inputs_ND = torch.randn(50, 3)
        >>> sums = SharedSums(torch.zeros(3, 3).double(), torch.zeros(2, 3, 1).double())
        >>> sums.add(inputs_ND, torch.stack((inputs_ND[:, :1], -inputs_ND[:, :1])))
        >>> round(sums.error(Projection(torch.zeros(3, 1).double())), 6)
        1.0
        """
        weight_DX = projection.weight_DX
        num_layers = len(self.cross_MDX)
        fitted = num_layers * float((weight_DX * (self.gram_DD @ weight_DX)).sum())
        shared = 2 * float((weight_DX * self.cross_MDX.sum(0)).sum())
        return (fitted - shared + self.squares) / self.squares

    def best_near(self, start: Projection, *, ridge: float) -> Projection:
        """The projection of least error, with a penalty on its distance to `start`.

        The penalty makes the solution unique for any amount of text; `start` itself pays none, so that the
        error is never larger than that of `start`.
        """
        width = len(self.gram_DD)
        penalty = ridge * float(self.gram_DD.trace()) / width
        matrix_DD = self.gram_DD + penalty * torch.eye(width, dtype=torch.float64)
        missing_DX = self.cross_MDX.mean(0) - self.gram_DD @ start.weight_DX
        return Projection(start.weight_DX + torch.linalg.solve(matrix_DD, missing_DX))


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
            inputs[index], outputs[index] = _with_one(normed_ND, model.config), _keys_values(layer, normed_ND)
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


def _keys_values(layer: DecoderLayer, normed_ND: Tensor) -> tuple[Tensor, Tensor]:
    attention = layer.self_attn
    keys_NX, values_NX = attention.k_proj(normed_ND), attention.v_proj(normed_ND)
    if attention.qk_norm:
        head_dim = attention.head_dim
        keys_NX = F.rms_norm(
            keys_NX.unflatten(-1, (-1, head_dim)), (head_dim,), eps=attention.k_norm.eps
        ).flatten(1)
    return keys_NX, values_NX


def _with_one(normed_ND: Tensor, config: ModelConfig) -> Tensor:
    """A column of ones for the bias, where there is one."""
    return F.pad(normed_ND, (0, 1), value=1.0) if config.qkv_bias else normed_ND
