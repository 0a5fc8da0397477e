"""A decoder whose layers follow a layer map: the model that is trained, converted and served.

Keys and values are shared through the forward pass: an owner hands its K/V on, a child receives it. There is
no cache here, so sharing cannot depend on one. Parameter names are those of Hugging Face's Llama without the
`model.` prefix.

Shape legend: B batch, T positions, D hidden, V vocabulary.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from fireside.core.errors import CheckpointError
from fireside.lm.attention import KeysValues, SelfAttention
from fireside.lm.config import ModelConfig
from fireside.lm.feed_forward import FeedForward
from fireside.lm.finite_weights import check_finite
from fireside.lm.mixture_of_experts import MixtureOfExperts
from fireside.lm.norm import RMSNorm
from fireside.lm.rotary import Rotation, rotation

__all__ = ["DecoderLayer", "Transformer"]


class DecoderLayer(nn.Module):
    """Attention, then feed-forward, each on a normalised input and added to the residual stream.

    With post-norms what is added is normalised too, by `attention_output_layernorm` and
    `mlp_output_layernorm`.
    """

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.self_attn = SelfAttention(config, layer)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.mlp = MixtureOfExperts(config) if config.num_experts else FeedForward(config)
        self.post_norms = config.post_norms
        if self.post_norms:
            self.attention_output_layernorm = RMSNorm(config.hidden_size, eps=config.rms_norm_eps)
            self.mlp_output_layernorm = RMSNorm(config.hidden_size, eps=config.rms_norm_eps)

    def forward(
        self, x_BTD: Tensor, rotary: Rotation, shared: KeysValues | None, segments_BT: Tensor | None
    ) -> tuple[Tensor, KeysValues, Tensor | None]:
        """The new residual stream, the K/V that were attended to, and the load-balance loss of experts."""
        attended_BTD, kv = self.self_attn(self.input_layernorm(x_BTD), rotary, shared, segments_BT)
        if self.post_norms:
            attended_BTD = self.attention_output_layernorm(attended_BTD)
        x_BTD = x_BTD + attended_BTD
        fed = self.mlp(self.post_attention_layernorm(x_BTD))
        fed_BTD, balance = fed if isinstance(fed, tuple) else (fed, None)
        if self.post_norms:
            fed_BTD = self.mlp_output_layernorm(fed_BTD)
        return x_BTD + fed_BTD, kv, balance


class Transformer(nn.Module):
    """Token ids in, hidden states out; `logits` turns hidden states into scores of the next token.

    Args:
        config: the shape.
        seed: of the initial weights; no global generator is touched.

    Attributes:
        activation_checkpointing: recompute each layer in the backward pass instead of keeping its
            intermediate results; the same gradients for about a third more time and much less memory.

    >>> config = ModelConfig(vocab_size=32, hidden_size=16, intermediate_size=32, num_heads=2, num_kv_heads=1,
    ...                      head_dim=8, layer_map="0_1s_1s", window=4, context_length=64)
    >>> model = Transformer(config, seed=0)
    >>> tokens_BT = torch.arange(10)[None]
    >>> hidden_BTD = model(tokens_BT)
    >>> hidden_BTD.shape, model.logits(hidden_BTD).shape
    (torch.Size([1, 10, 16]), torch.Size([1, 10, 32]))
    """

    def __init__(self, config: ModelConfig, *, seed: int) -> None:
        super().__init__()
        # Built without memory first: the layers' own initialisation would draw from the global generator.
        with torch.device("meta"):
            self._build(config)
        self.to_empty(device="cpu")
        _initialize(self, torch.Generator().manual_seed(seed % 2**63))

    @classmethod
    def from_weights(cls, config: ModelConfig, weights: Mapping[str, Tensor]) -> "Transformer":
        """A model around existing tensors, which are used as they are and not copied.

        Raises:
            CheckpointError: a tensor is missing, superfluous, of another shape, or holds NaN or infinity; the
                message names it.
        """
        model = cls.__new__(cls)
        nn.Module.__init__(model)
        with torch.device("meta"):
            model._build(config)
        _check_weights({name: tuple(p.shape) for name, p in model.state_dict().items()}, weights)
        check_finite(weights.items())
        model.load_state_dict(dict(weights), assign=True)
        return model

    def _build(self, config: ModelConfig) -> None:
        self.config = config
        self.layer_map = config.layers
        self.activation_checkpointing = False
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(DecoderLayer(config, layer) for layer in range(config.num_layers))
        self.norm = RMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        if not config.tie_embeddings:
            self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(self, tokens_BT: Tensor, *, segments_BT: Tensor | None = None) -> Tensor:
        """Run whole sequences, without a cache.

        Args:
            tokens_BT: int64 token ids.
            segments_BT: integers; attention stays inside positions of equal value. `None`: one document each.

        Returns:
            float[B, T, D], the normalised output of the last layer.
        """
        hidden_BTD, _ = self.forward_with_balance(tokens_BT, segments_BT=segments_BT)
        return hidden_BTD

    def forward_with_balance(
        self, tokens_BT: Tensor, *, segments_BT: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """As `forward`, and the mean load-balance loss of all layers; 0 in a model without experts."""
        x_BTD, _, balances = self._run(self.embed(tokens_BT), range(len(self.layers)), {}, segments_BT)
        balance = torch.stack(balances).mean() if balances else x_BTD.new_zeros(())
        return self.norm(x_BTD), balance

    def embed(self, tokens: Tensor) -> Tensor:
        """[...] -> [..., D]: what enters the first layer."""
        embedded: Tensor = self.embed_tokens(tokens)
        scale = self.config.embedding_scale
        return embedded if scale == 1 else embedded * scale

    def run_layers(
        self,
        x_BTD: Tensor,
        layers: range,
        shared: Mapping[int, KeysValues],
        *,
        segments_BT: Tensor | None = None,
    ) -> tuple[Tensor, dict[int, KeysValues]]:
        """Run some of the layers, so that one can stop below a layer and go on from there.

        Args:
            x_BTD: the residual stream that enters the first of them.
            layers: consecutive indices.
            shared: K/V of earlier owners, by layer; those that these layers read must be there.
            segments_BT: as in `forward`.

        Returns:
            The residual stream after the last of them, and `shared` with the K/V of their owners added.
        """
        x_BTD, known, _ = self._run(x_BTD, layers, shared, segments_BT)
        return x_BTD, known

    def _run(
        self, x_BTD: Tensor, layers: range, shared: Mapping[int, KeysValues], segments_BT: Tensor | None
    ) -> tuple[Tensor, dict[int, KeysValues], list[Tensor]]:
        """As `run_layers`, with the load-balance losses of layers with experts."""
        positions_T = torch.arange(x_BTD.shape[1], device=x_BTD.device)
        rotary = {
            full: rotation(positions_T, head_dim=self.config.head_dim, theta=theta)
            for full, theta in ((True, self.config.rope_theta), (False, self.config.rope_theta_sliding))
        }
        known, balances = dict(shared), []
        for index in layers:
            layer, owner = self.layers[index], self.layer_map.owners[index]
            inputs = (x_BTD, rotary[self.layer_map.windows[index] is None], known.get(owner), segments_BT)
            if self.activation_checkpointing and torch.is_grad_enabled():
                x_BTD, kv, balance = checkpoint(layer, *inputs, use_reentrant=False)
            else:
                x_BTD, kv, balance = layer(*inputs)
            if owner == index:
                known[index] = kv
            if balance is not None:
                balances.append(balance)
        return x_BTD, known, balances

    def logits(self, hidden: Tensor) -> Tensor:
        """[..., D] -> [..., V]: unnormalised log-probabilities of the next token."""
        return F.linear(hidden, self.output_weight)

    @property
    def output_weight(self) -> Tensor:
        """The output projection [V, D]; the embedding itself where they are tied."""
        return self.embed_tokens.weight if self.config.tie_embeddings else self.lm_head.weight


@torch.no_grad()
def _initialize(model: Transformer, generator: torch.Generator) -> None:
    """Normal weights; projections into the residual stream smaller by sqrt(2 L), as in GPT-2.

    Norms start at 1 and biases at 0.
    """
    config = model.config
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1:
            parameter.fill_(0.0 if name.endswith("bias") else 1.0)
            continue
        std = config.initializer_range
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            std /= math.sqrt(2 * config.num_layers)
        parameter.normal_(0.0, std, generator=generator)


def _check_weights(wanted: Mapping[str, tuple[int, ...]], given: Mapping[str, Tensor]) -> None:
    for name, shape in wanted.items():
        if name not in given:
            raise CheckpointError(
                f"the weights have no tensor {name!r}, which the model's configuration needs"
            )
        if tuple(given[name].shape) != shape:
            raise CheckpointError(
                f"tensor {name!r} has shape {list(given[name].shape)}, "
                f"the model's configuration needs {list(shape)}"
            )
    for name in given:
        if name not in wanted:
            raise CheckpointError(
                f"the weights have a tensor {name!r} that the model's configuration does not use"
            )
