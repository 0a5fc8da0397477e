"""The shape of a transformer."""

from typing import Literal

from fireside.core.config import config
from fireside.core.errors import ConfigError
from fireside.lm.layer_map import LayerMap

__all__ = ["ModelConfig"]


@config
class ModelConfig:
    """Everything that decides the shape and the arithmetic of a `Transformer`.

    Attributes:
        vocab_size: number of token ids.
        hidden_size: width of the residual stream.
        intermediate_size: width inside the feed-forward layers, or inside each expert.
        num_heads: query heads.
        num_kv_heads: key/value heads; each serves `num_heads / num_kv_heads` query heads.
        head_dim: width of one head; even, because rotary embedding turns pairs.
        layer_map: windows and K/V owners in the paper's notation, see `LayerMap`.
        window: keys that a query of a sliding layer sees, itself included.
        context_length: the most tokens of a sequence.
        rope_theta: rotary base of full layers.
        rope_theta_sliding: rotary base of sliding layers.
        rms_norm_eps: added to the mean square in every norm.
        tie_embeddings: whether the output projection is the embedding matrix.
        qk_norm: whether queries and keys are normalised per head before rotation.
        qkv_bias: whether the projections to queries, keys and values add a bias.
        out_bias: whether the projection of the heads back to the residual stream does.
        post_norms: whether the outputs of attention and feed-forward layers are normalised too.
        activation: of the gate in feed-forward layers: SiLU, or GELU in its tanh approximation.
        embedding_scale: what embeddings are multiplied by.
        initializer_range: standard deviation of the initial weights.
        num_experts: how many feed-forward layers each layer chooses from; 0: one that all tokens use.
        num_experts_per_token: how many of them each token uses.
        normalize_experts: whether the weights of a token's experts sum to 1. With one expert a token the
            router then learns nothing from the answers: say `False`, as in the Switch Transformer.
        balance_weight: of the load-balance loss in training.

    Raises:
        ConfigError: sizes that do not fit together, or an invalid layer map.

    >>> model = ModelConfig(vocab_size=256, hidden_size=64, intermediate_size=160, num_heads=4,
    ...                     num_kv_heads=2, head_dim=16, layer_map="0_1s_1s_0", context_length=128)
    >>> model.layers.full_owners, model.num_parameters
    ((0,), 180800)
    """

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    layer_map: str
    window: int = 1024
    context_length: int
    rope_theta: float = 10_000.0
    rope_theta_sliding: float = 10_000.0
    rms_norm_eps: float = 1e-5
    tie_embeddings: bool = True
    qk_norm: bool = False
    qkv_bias: bool = False
    out_bias: bool = False
    post_norms: bool = False
    activation: Literal["silu", "gelu_tanh"] = "silu"
    embedding_scale: float = 1.0
    initializer_range: float = 0.02
    num_experts: int = 0
    num_experts_per_token: int = 2
    normalize_experts: bool = True
    balance_weight: float = 0.01

    def __post_init__(self) -> None:
        for name in (
            "vocab_size",
            "hidden_size",
            "intermediate_size",
            "num_heads",
            "num_kv_heads",
            "head_dim",
            "context_length",
            "rope_theta",
            "rope_theta_sliding",
            "rms_norm_eps",
            "embedding_scale",
            "initializer_range",
        ):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be positive, got {getattr(self, name)}")
        if self.num_heads % self.num_kv_heads:
            raise ConfigError(
                f"num_heads ({self.num_heads}) must be a multiple of num_kv_heads ({self.num_kv_heads})"
            )
        if self.head_dim % 2:
            raise ConfigError(f"head_dim must be even, got {self.head_dim}")
        if self.activation not in ("silu", "gelu_tanh"):
            raise ConfigError(f"activation must be 'silu' or 'gelu_tanh', got {self.activation!r}")
        if self.num_experts < 0:
            raise ConfigError(f"num_experts must be at least 0, got {self.num_experts}")
        if self.num_experts and not 1 <= self.num_experts_per_token <= self.num_experts:
            raise ConfigError(
                f"num_experts_per_token must be from 1 to num_experts ({self.num_experts}), "
                f"got {self.num_experts_per_token}"
            )
        if not self.balance_weight >= 0:
            raise ConfigError(f"balance_weight must be at least 0, got {self.balance_weight}")
        LayerMap.parse(self.layer_map, self.window)

    @property
    def layers(self) -> LayerMap:
        """The layer map, parsed."""
        return LayerMap.parse(self.layer_map, self.window)

    @property
    def num_layers(self) -> int:
        """How many layers the model has."""
        return self.layers.num_layers

    @property
    def num_parameters(self) -> int:
        """How many numbers are trained; child layers own no key and value projections."""
        layers = self.layers
        owners = len(layers.full_owners) + len(layers.sliding_owners)
        hidden, heads_dim, kv_dim = (
            self.hidden_size,
            self.num_heads * self.head_dim,
            self.num_kv_heads * self.head_dim,
        )
        every_layer = 2 * hidden * heads_dim + self.num_experts * hidden
        every_layer += max(self.num_experts, 1) * 3 * hidden * self.intermediate_size
        every_layer += (4 if self.post_norms else 2) * hidden
        every_layer += self.qk_norm * self.head_dim + self.qkv_bias * heads_dim + self.out_bias * hidden
        every_owner = 2 * hidden * kv_dim + self.qk_norm * self.head_dim + self.qkv_bias * 2 * kv_dim
        embeddings = self.vocab_size * hidden * (1 if self.tie_embeddings else 2)
        return embeddings + layers.num_layers * every_layer + owners * every_owner + hidden
