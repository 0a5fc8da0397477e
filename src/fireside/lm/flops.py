"""How many floating-point operations a model spends; follows the layer map.

A multiply-add counts as two operations. Counted are the matrix products and, of attention, exactly the pairs
of query and key that are visible: a window pays for its keys, a child layer pays for no K/V projections, and
a token pays for the experts it uses. Norms, rotation and softmax are left out, as is usual; masks between
documents are not subtracted.
"""

import msgspec

from fireside.lm.config import ModelConfig

__all__ = ["ForwardFlops", "forward_flops", "training_flops", "visible_pairs"]


class ForwardFlops(msgspec.Struct, frozen=True):
    """Operations of one forward pass, by part."""

    projections: int
    attention: int
    feed_forward: int
    head: int

    @property
    def total(self) -> int:
        """All parts together."""
        return self.projections + self.attention + self.feed_forward + self.head


def visible_pairs(num_tokens: int, window: int | None) -> int:
    """Pairs of a query and a key it sees in one sequence: sum over t of min(t + 1, W).

    >>> visible_pairs(5, None), visible_pairs(5, 2)
    (15, 9)
    """
    reach = num_tokens if window is None else min(window, num_tokens)
    return reach * (reach + 1) // 2 + (num_tokens - reach) * reach


def forward_flops(config: ModelConfig, num_tokens: int) -> ForwardFlops:
    """Operations of one sequence of `num_tokens`, logits of every position included.

    >>> config = ModelConfig(vocab_size=32, hidden_size=16, intermediate_size=32, num_heads=2, num_kv_heads=1,
    ...                      head_dim=8, layer_map="0_1s_1s", window=4, context_length=64)
    >>> forward_flops(config, 10).attention == 4 * 16 * (55 + 34 + 34)
    True
    """
    layers, width = config.layers, config.hidden_size
    query_width, kv_width = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
    num_owners = len(layers.full_owners) + len(layers.sliding_owners)
    projected = layers.num_layers * 2 * query_width + num_owners * 2 * kv_width
    num_used = config.num_experts_per_token if config.num_experts else 1
    fed = width * (num_used * 3 * config.intermediate_size + config.num_experts)
    return ForwardFlops(
        projections=2 * num_tokens * width * projected,
        attention=4 * query_width * sum(visible_pairs(num_tokens, window) for window in layers.windows),
        feed_forward=2 * num_tokens * layers.num_layers * fed,
        head=2 * num_tokens * width * config.vocab_size,
    )


def training_flops(config: ModelConfig, num_tokens: int, *, num_frozen: int = 0) -> int:
    """Operations of a forward and a backward pass over one sequence of `num_tokens`.

    The backward pass costs twice the forward pass: one product for the gradient of the input, one for that
    of the weight. A frozen weight saves the latter.

    Args:
        config: the model.
        num_tokens: length of the sequence.
        num_frozen: numbers in matrices that do not train, the output projection included; of experts, as
            many as a token uses.

    >>> config = ModelConfig(vocab_size=32, hidden_size=16, intermediate_size=32, num_heads=2, num_kv_heads=1,
    ...                      head_dim=8, layer_map="0_1s_1s", window=4, context_length=64)
    >>> training_flops(config, 10) == 3 * forward_flops(config, 10).total
    True
    """
    return 3 * forward_flops(config, num_tokens).total - 2 * num_tokens * num_frozen
