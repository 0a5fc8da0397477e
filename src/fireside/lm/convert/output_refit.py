"""Output projections refitted layer by layer, so that attention says what it said in the full model.

Both models run over the same text, the new one on its own residual stream. In each layer in turn, `o_proj` is
moved by least squares until what it makes of the new heads comes as close as it can to what the full model's
makes of its own. Positions count inversely to the size of the stream there, because the next norm divides by
it: without that, the few tokens with huge activations would decide everything.

Shape legend: B batch, T positions, N = B T, D width, X width of all query heads.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from fireside.lm.attention import KeysValues
from fireside.lm.transformer import Transformer

__all__ = ["refit_outputs"]

_RIDGE = 1e-2


@dataclass(slots=True, eq=False)
class _Stream:
    """A batch of text on its way through a model: the residual stream, and the K/V of owners passed."""

    x_BTD: Tensor
    shared: dict[int, KeysValues] = field(default_factory=dict)

    def pass_layer(self, model: Transformer, index: int) -> "_Stream":
        return _Stream(*model.run_layers(self.x_BTD, range(index, index + 1), self.shared))


@torch.no_grad()
def refit_outputs(model: Transformer, full: Transformer, tokens: Iterable[Tensor]) -> None:
    """Refit every output projection of a converted model, in place.

    Args:
        model: the converted model.
        full: the model that it was made of.
        tokens: int64[B, T] each. The residual streams of all of them are held in memory.
    """
    texts = [(_Stream(model.embed(tokens_BT)), _Stream(full.embed(tokens_BT))) for tokens_BT in tokens]
    for index in range(model.config.num_layers):
        projection, wanted = (_output_projection(one, index) for one in (model, full))
        width = projection.in_features
        gram_XX = torch.zeros(width, width, dtype=torch.float64)
        missing_XD = torch.zeros(width, projection.out_features, dtype=torch.float64)
        for number, (new, old) in enumerate(texts):
            with _recorded(projection) as ours, _recorded(wanted) as theirs:
                new.pass_layer(model, index)
                old = old.pass_layer(full, index)
            weight_N1 = (
                old.x_BTD.flatten(0, 1).double().square().mean(-1, keepdim=True).clamp_min(1e-12).rsqrt()
            )
            heads_NX = ours[0].flatten(0, 1) * weight_N1
            gram_XX += heads_NX.T @ heads_NX
            missing_XD += heads_NX.T @ ((theirs[1] - ours[1]).flatten(0, 1) * weight_N1)
            texts[number] = new, old
        penalty = _RIDGE * float(gram_XX.trace()) / width + 1e-300
        gram_XX += penalty * torch.eye(width, dtype=torch.float64)
        projection.weight += torch.linalg.solve(gram_XX, missing_XD).T
        texts = [(new.pass_layer(model, index), old) for new, old in texts]


def _output_projection(model: Transformer, index: int) -> nn.Linear:
    projection = model.get_submodule(f"layers.{index}.self_attn.o_proj")
    assert isinstance(projection, nn.Linear)
    return projection


@contextmanager
def _recorded(projection: nn.Linear) -> Iterator[list[Tensor]]:
    """What goes into a projection and what comes out of it."""
    seen: list[Tensor] = []
    hook = projection.register_forward_hook(lambda _, inputs, output: seen.extend((inputs[0], output)))
    try:
        yield seen
    finally:
        hook.remove()
