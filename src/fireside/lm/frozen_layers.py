"""What enters the trainable layers, remembered: frozen layers give the same for the same tokens for ever.

Knows nothing about losses or optimizers.

Shape legend: B sequences, T positions, D hidden, G key/value heads, d head dimension.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from fireside.lm.attention import KeysValues
from fireside.lm.policy_tokens import PolicyTokens
from fireside.lm.transformer import Transformer

__all__ = ["Boundary", "FrozenLayers"]


@dataclass(frozen=True, slots=True)
class Boundary:
    """What passes from the frozen layers to the others, of one sequence ([T, ...]) or several ([B, T, ...]).

    Attributes:
        x: the residual stream, [..., T, D].
        shared: K/V of the frozen owners that trainable layers read, [..., G, T, d] each.
    """

    x: Tensor
    shared: dict[int, KeysValues]


class FrozenLayers:
    """The layers of a model below the first trainable one, with a memory.

    Args:
        model: its layers below `first_trainable`, and its embedding, must not change; else call `clear`.
        first_trainable: index of the first layer that trains.
        capacity_bytes: the most memory for remembered sequences; the least recently used are forgotten.
    """

    def __init__(self, model: Transformer, first_trainable: int, *, capacity_bytes: int) -> None:
        owners = model.layer_map.owners
        self._model = model
        self._layers = range(first_trainable)
        self._read_above = {owner for owner in owners[first_trainable:] if owner < first_trainable}
        self._capacity_bytes = capacity_bytes
        self._held_bytes = 0
        self._held: OrderedDict[bytes, Boundary] = OrderedDict()

    @torch.no_grad()
    def __call__(self, sequences: Sequence[PolicyTokens]) -> Boundary:
        """The boundary of some sequences, padded on the right with zeros; no gradient flows from it."""
        keys = [sequence.inputs_T.tobytes() for sequence in sequences]
        known = {key: self._held[key] for key in keys if key in self._held}
        missing = {key: one for key, one in zip(keys, sequences, strict=True) if key not in known}
        if missing:
            known |= dict(zip(missing, self._compute(list(missing.values())), strict=True))
        for key in keys:
            self._remember(key, known[key])
        boundaries = [known[key] for key in keys]
        return Boundary(
            pad_sequence([boundary.x for boundary in boundaries], batch_first=True),
            {
                owner: KeysValues(
                    *(
                        _pad_heads([boundary.shared[owner][part] for boundary in boundaries])
                        for part in (0, 1)
                    )
                )
                for owner in self._read_above
            },
        )

    def clear(self) -> None:
        """Forget everything: the frozen layers have changed."""
        self._held.clear()
        self._held_bytes = 0

    def _compute(self, sequences: Sequence[PolicyTokens]) -> list[Boundary]:
        tokens_BT = pad_sequence([torch.from_numpy(one.inputs_T) for one in sequences], batch_first=True)
        x_BTD = self._model.embed(tokens_BT.to(self._model.output_weight.device))
        x_BTD, shared = self._model.run_layers(x_BTD, self._layers, {})
        # Clones: a slice would keep the whole padded batch alive.
        return [
            Boundary(
                x_BTD[row, : len(one)].clone(),
                {
                    owner: KeysValues(*(part[row, :, : len(one)].clone() for part in shared[owner]))
                    for owner in self._read_above
                },
            )
            for row, one in enumerate(sequences)
        ]

    def _remember(self, key: bytes, boundary: Boundary) -> None:
        if key not in self._held:
            self._held[key] = boundary
            self._held_bytes += _bytes(boundary)
        self._held.move_to_end(key)
        while self._held_bytes > self._capacity_bytes:
            _, forgotten = self._held.popitem(last=False)
            self._held_bytes -= _bytes(forgotten)


def _pad_heads(parts: Sequence[Tensor]) -> Tensor:
    """[G, T, d] each -> [B, G, longest T, d]."""
    return pad_sequence([part.transpose(0, 1) for part in parts], batch_first=True).transpose(1, 2)


def _bytes(boundary: Boundary) -> int:
    tensors = [boundary.x, *(part for kv in boundary.shared.values() for part in kv)]
    return sum(tensor.nbytes for tensor in tensors)
