"""Gives a trained model another layer map: windows where there were none, K/V shared where each had its own.

The K/V of an owner that is shared from now on is made of those of all layers that read it. With text at hand,
queries and output projections are fitted to it as well; all the rest is taken over as it is. Healing
(`convert.healing`) then trains the model to do what it did before.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from fireside.core.errors import ConfigError
from fireside.lm.config import ModelConfig
from fireside.lm.convert.calibration import Projection, calibrate, groups_of
from fireside.lm.convert.output_refit import refit_outputs
from fireside.lm.convert.shared_projection import read_keys, read_values, shared_keys, shared_values
from fireside.lm.layer_map import LayerMap
from fireside.lm.transformer import DecoderLayer, Transformer

__all__ = ["Initialization", "change_layer_map"]

Initialization = Literal["owner", "mean", "least-squares"]

_PROJECTIONS = ("k_proj", "v_proj")


def change_layer_map(
    model: Transformer,
    layers: LayerMap,
    *,
    initialization: Initialization | None = None,
    tokens: Iterable[Tensor] = (),
) -> Transformer:
    """A model with another layer map and the weights of a given one.

    Args:
        model: the full model; it stays as it is, and shares no memory with the result.
        layers: the new map, for as many layers.
        initialization: what shared keys and values are made of. `"owner"`: the owner's projections.
            `"mean"`: the mean of all members' projections, each as it acts on a normalised input.
            `"least-squares"`: those that come closest to all members' keys and values on `tokens`, when
            each member reads them in its own way; then all output projections are fitted to what is new.
            `None`: least squares if there are `tokens`, else the owner's.
        tokens: int64[B, T] each, text to calibrate with; needed for `"least-squares"` only.

    Raises:
        ConfigError: the map has another number of layers, a layer has no K/V of its own to give, or it
            would change its kind while both kinds have different rotary bases.
        InputError: there is no text to calibrate with.

    >>> config = ModelConfig(vocab_size=32, hidden_size=16, intermediate_size=32, num_heads=2, num_kv_heads=1,
    ...                      head_dim=8, layer_map="0_1_2", context_length=64)
    >>> full = Transformer(config, seed=0)
    >>> small = change_layer_map(full, LayerMap.parse("0_1s_1s", window=4), initialization="mean")
    >>> small.config.layer_map, small.config.window
    ('0_1s_1s', 4)
    """
    texts = list(tokens)
    if initialization is None:
        initialization = "least-squares" if texts else "owner"
    if initialization not in ("owner", "mean", "least-squares"):
        raise ConfigError(
            f"initialization must be 'owner', 'mean' or 'least-squares', got {initialization!r}"
        )
    config = _new_config(model.config, layers)
    weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
    for layer in range(layers.num_layers):
        if not layers.is_owner(layer):
            for name in [name for name in weights if name.startswith(_kv_names(layer))]:
                del weights[name]
    converted = Transformer.from_weights(config, weights)
    if initialization == "mean":
        _share_means(model, converted)
    elif initialization == "least-squares":
        _share_fitted(model, converted, texts)
        refit_outputs(converted, model, texts)
    return converted


def _kv_names(layer: int) -> tuple[str, ...]:
    return tuple(f"layers.{layer}.self_attn.{name}." for name in (*_PROJECTIONS, "k_norm"))


def _new_config(config: ModelConfig, layers: LayerMap) -> ModelConfig:
    old = config.layers
    if old.num_layers != layers.num_layers:
        raise ConfigError(
            f"the model has {old.num_layers} layers and the layer map {layers.num_layers}: "
            "write one entry for each layer"
        )
    for layer in range(layers.num_layers):
        owner = layers.owners[layer]
        if not old.is_owner(owner) or (not old.is_owner(layer) and old.owners[layer] != owner):
            raise ConfigError(
                f"layer {layer} is to read the K/V of layer {owner}, but one of the two has none of its own: "
                "start from a model in which every layer has"
            )
        changes_kind = (old.windows[layer] is None) != (layers.windows[layer] is None)
        if changes_kind and _thetas_differ(config):
            raise ConfigError(
                f"layer {layer} changes between full and sliding attention, whose rotary bases differ "
                f"({config.rope_theta} and {config.rope_theta_sliding}): keep the kind of each layer"
            )
    windows = sorted({window for window in layers.windows if window is not None}) or [config.window]
    if len(windows) > 1:
        raise ConfigError(
            f"the layer map has windows of {', '.join(map(str, windows))}: a model has one size of window"
        )
    # A model without sliding layers may say anything about their base; they are made of full ones here.
    sliding = config.rope_theta_sliding if _thetas_differ(config) else config.rope_theta
    return replace(config, layer_map=str(layers), window=windows[0], rope_theta_sliding=sliding)


def _thetas_differ(config: ModelConfig) -> bool:
    return bool(config.layers.sliding_owners) and config.rope_theta != config.rope_theta_sliding


def _share_means(model: Transformer, converted: Transformer) -> None:
    """Give every owner the means of what its readers had."""
    for members in groups_of(converted.layer_map):
        givers = [_layer(model, layer) for layer in members]
        owner = _layer(converted, members[0]).self_attn
        for name in _PROJECTIONS:
            own_MDX = torch.stack([one.weight_DX for one in _on_owners_input(givers, name)])
            Projection(own_MDX.mean(0)).write_to(getattr(owner, name))
        if model.config.qk_norm:
            with torch.no_grad():
                weights = torch.stack([giver.self_attn.k_norm.weight for giver in givers])
                owner.k_norm.weight.copy_(weights.mean(0))


def _share_fitted(model: Transformer, converted: Transformer, texts: list[Tensor]) -> None:
    """Give every owner K/V fitted to all that its readers had, which each may read in its own way."""
    sums = calibrate(model, converted.layer_map, texts)
    for members in groups_of(converted.layer_map):
        givers = [_layer(model, layer) for layer in members]
        readers = [_layer(converted, layer).self_attn for layer in members]
        of_keys, of_values = sums[members[0]]
        # Behind a norm of their own, queries cannot undo what was done to keys: the owner's stay.
        if not model.config.qk_norm:
            keys = shared_keys(of_keys, _on_owners_input(givers, "k_proj"), model.config.head_dim)
            keys.projection.write_to(readers[0].k_proj)
            for reader, factors_GP in zip(readers, keys.factors_MGP, strict=True):
                read_keys(reader, factors_GP)
        values = shared_values(
            of_values, _on_owners_input(givers, "v_proj"), [giver.self_attn for giver in givers]
        )
        values.projection.write_to(readers[0].v_proj)
        for reader, maps_Gdd in zip(readers, values.maps_MGdd, strict=True):
            read_values(reader, maps_Gdd)


def _on_owners_input(givers: list[DecoderLayer], name: str) -> list[Projection]:
    """Projections, each with the weight of the norm before it, as if behind the norm of the first."""
    return [
        Projection(
            Projection.of(getattr(giver.self_attn, name)).weight_DX
            * (_input_scale(giver, name) / _input_scale(givers[0], name))
        )
        for giver in givers
    ]


def _input_scale(layer: DecoderLayer, name: str) -> Tensor:
    """What multiplies each input of a projection: the norm's weight, and 1 for a bias; never 0."""
    scale_D = layer.input_layernorm.weight.detach().double()
    scale_D = torch.where(scale_D.abs() < 1e-6, 1e-6, scale_D)
    if getattr(layer.self_attn, name).bias is not None:
        scale_D = torch.cat((scale_D, scale_D.new_ones(1)))
    return scale_D[:, None]


def _layer(model: Transformer, index: int) -> DecoderLayer:
    layer = model.layers[index]
    assert isinstance(layer, DecoderLayer)
    return layer
