"""One K/V for several layers, of least squared error when each layer may read it in its own way.

What a layer does to shared keys and values costs nothing where its query and output projections can do it
instead. Values may be mapped by any matrix A, as `o_proj` follows them. Keys may be mapped by what commutes
with rotation: one complex number for each pair of elements that turn together, whose conjugate goes into
`q_proj`. So the best shared projection is a reduced-rank regression (Izenman 1975) of all members' outputs on
the owner's input: rank d for the values of a head, rank one in complex numbers for each pair of its keys.

Shape legend: M layers that share, D width of the input, G key/value heads, R query heads of each, d head
dimension, P = d/2 pairs, Y outputs of one regression, r its rank.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from fireside.lm.attention import SelfAttention
from fireside.lm.convert.calibration import Projection, SharedSums

__all__ = ["SharedKeys", "SharedValues", "read_keys", "read_values", "shared_keys", "shared_values"]

_RIDGE = 1e-4


class SharedKeys(NamedTuple):
    """Keys of a group.

    Attributes:
        projection: of the owner.
        factors_MGP: complex128; a layer's own keys are about these times the shared ones.
    """

    projection: Projection
    factors_MGP: Tensor


class SharedValues(NamedTuple):
    """Values of a group.

    Attributes:
        projection: of the owner.
        maps_MGdd: float64; a layer's own values are about the shared ones times these.
    """

    projection: Projection
    maps_MGdd: Tensor


def shared_keys(sums: SharedSums, own: list[Projection], head_dim: int) -> SharedKeys:
    """Fit the keys of a group.

    Args:
        sums: of the group's keys.
        own: the projection of each of its layers, as it would act on the owner's input.
        head_dim: d.
    """
    wanted_MDGd = _heads(sums.regression(own, ridge=_RIDGE), head_dim)
    wanted_MDGP = _pairs(wanted_MDGd)
    layers, width, heads, pairs = wanted_MDGP.shape
    weight_DGP = wanted_MDGP.new_empty(width, heads, pairs)
    factors_MGP = wanted_MDGP.new_empty(layers, heads, pairs)
    for head in range(heads):
        for pair in range(pairs):
            basis_M = _principal(sums.gram_DD, wanted_MDGP[:, :, head, pair].T, rank=1)[:, 0]
            weight_DGP[:, head, pair] = wanted_MDGP[:, :, head, pair].T @ basis_M.conj()
            factors_MGP[:, head, pair] = basis_M
    return SharedKeys(Projection(_elements(weight_DGP).flatten(1)), factors_MGP)


def shared_values(sums: SharedSums, own: list[Projection], readers: list[SelfAttention]) -> SharedValues:
    """Fit the values of a group; an error counts as much as the output projections of the layers make of it.

    Args:
        sums: of the group's values.
        own: the projection of each of its layers, as it would act on the owner's input.
        readers: the attention of each of its layers, as it was with values of its own.
    """
    head_dim = readers[0].head_dim
    wanted_MDGd = _heads(sums.regression(own, ridge=_RIDGE), head_dim)
    layers, width, heads, _ = wanted_MDGd.shape
    weight_DGd = wanted_MDGd.new_empty(width, heads, head_dim)
    maps_MGdd = wanted_MDGd.new_empty(layers, heads, head_dim, head_dim)
    for head in range(heads):
        roots = [_root(_gain(reader, head, heads)) for reader in readers]
        weighted_DY = torch.cat(
            [wanted_Dd @ root for wanted_Dd, (root, _) in zip(wanted_MDGd[:, :, head], roots, strict=True)], 1
        )
        basis_Yr = _principal(sums.gram_DD, weighted_DY, rank=head_dim)
        weight_DGd[:, head] = weighted_DY @ basis_Yr
        parts_Mdr = basis_Yr.reshape(layers, head_dim, head_dim)
        maps_MGdd[:, head] = parts_Mdr.mT @ torch.stack([inverse for _, inverse in roots])
    return SharedValues(Projection(weight_DGd.flatten(1)), maps_MGdd)


@torch.no_grad()
def read_keys(attention: SelfAttention, factors_GP: Tensor) -> None:
    """Let the queries of a layer read shared keys: q (f k) = (conj(f) q) k."""
    for parameter in (attention.q_proj.weight, attention.q_proj.bias):
        if parameter is not None:
            heads_GRdD = parameter.double().reshape(
                len(factors_GP), -1, attention.head_dim, *parameter.shape[1:]
            )
            factors = factors_GP.conj().reshape(len(factors_GP), 1, 1, -1)
            turned = _elements(_pairs(heads_GRdD.reshape(*heads_GRdD.shape[:3], -1).mT) * factors).mT
            parameter.copy_(turned.reshape(parameter.shape))


@torch.no_grad()
def read_values(attention: SelfAttention, maps_Gdd: Tensor) -> None:
    """Let the output projection of a layer read shared values."""
    weight = attention.o_proj.weight
    heads_DGRd = weight.double().reshape(len(weight), len(maps_Gdd), -1, attention.head_dim)
    weight.copy_(torch.einsum("gxy,dgry->dgrx", maps_Gdd, heads_DGRd).reshape(weight.shape))


def _principal(gram_DD: Tensor, weight_DY: Tensor, *, rank: int) -> Tensor:
    """The orthonormal directions [Y, rank] in which the outputs of a regression vary most."""
    weight_DY = weight_DY.contiguous()
    second_YY = weight_DY.mH @ gram_DD.to(weight_DY.dtype) @ weight_DY
    # For z = W^T x the matrix of E[z z^H] is the conjugate of W^H E[x x^T] W.
    _, vectors_YY = torch.linalg.eigh(second_YY.conj() if second_YY.is_complex() else second_YY)
    return vectors_YY[:, -rank:]


def _gain(reader: SelfAttention, head: int, heads: int) -> Tensor:
    """The quadratic form [d, d] of what an error in the values of a head does to the residual stream."""
    weight = reader.o_proj.weight.detach().double()
    of_head_DRd = weight.reshape(len(weight), heads, -1, reader.head_dim)[:, head]
    return torch.einsum("drx,dry->xy", of_head_DRd, of_head_DRd)


def _root(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """The square root of a symmetric matrix, and its inverse; directions without weight get a little."""
    values, vectors = torch.linalg.eigh(matrix)
    values = values.clamp_min(max(1e-8 * float(values[-1]), 1e-300))
    return (vectors * values.sqrt()) @ vectors.T, (vectors * values.rsqrt()) @ vectors.T


def _heads(x: Tensor, head_dim: int) -> Tensor:
    """[..., G d] -> [..., G, d]."""
    return x.reshape(*x.shape[:-1], -1, head_dim)


def _pairs(x: Tensor) -> Tensor:
    """[..., d] -> complex [..., P]: the elements that rotate together."""
    half = x.shape[-1] // 2
    return torch.complex(x[..., :half], x[..., half:])


def _elements(x: Tensor) -> Tensor:
    """Complex [..., P] -> [..., d]."""
    return torch.cat((x.real, x.imag), dim=-1)
