"""Feed-forward layers of which every token uses only a few: sparsely gated mixtures of experts.

A router scores the experts of a token; the k best compute, and their outputs are added up, weighted by the
router's probabilities (Shazeer et al., arXiv 1701.06538; with softmax and k = 2 as in Mixtral, arXiv
2401.04088). No token is ever dropped, so that what a token gets does not depend on what shares its batch.

Shape legend: N tokens, D hidden, E experts, K experts of a token.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fireside.lm.config import ModelConfig
from fireside.lm.feed_forward import FeedForward

__all__ = ["MixtureOfExperts", "balance_loss", "route"]


def route(logits_NE: Tensor, num_chosen: int, *, normalize: bool) -> tuple[Tensor, Tensor]:
    """The experts of each token and their weights.

    Args:
        logits_NE: the router's scores, float32.
        num_chosen: K.
        normalize: whether the weights of a token sum to 1, as in Mixtral, or are the probabilities among
            all experts.

    Returns:
        Weights float32[N, K] and experts int64[N, K].

    >>> route(torch.tensor([[0.0, 1.0, 1.0]]), 2, normalize=True)
    (tensor([[0.5000, 0.5000]]), tensor([[1, 2]]))
    """
    weights_NK, experts_NK = logits_NE.softmax(-1).topk(num_chosen)
    if normalize:
        weights_NK = weights_NK / weights_NK.sum(-1, keepdim=True)
    return weights_NK, experts_NK


def balance_loss(logits_NE: Tensor, experts_NK: Tensor) -> Tensor:
    """E sum_e f_e P_e, which pushes tokens towards experts that have few: 1 where all have equally many.

    f_e is the share of assignments that went to expert e, and P_e its mean probability, through which the
    gradient flows (Switch Transformer, arXiv 2101.03961, equations 4 to 6).

    >>> logits_NE = torch.eye(3) * 50  # each expert wins one token
    >>> balance_loss(logits_NE, logits_NE.argmax(1)[:, None])
    tensor(1.000...)
    >>> balance_loss(logits_NE[[0, 0, 0]], torch.zeros(3, 1, dtype=torch.int64))
    tensor(3.)
    """
    num_experts = logits_NE.shape[-1]
    shares_E = torch.bincount(experts_NK.flatten(), minlength=num_experts) / experts_NK.numel()
    return num_experts * torch.dot(shares_E, logits_NE.softmax(-1).mean(0))


class MixtureOfExperts(nn.Module):
    """A router and its experts, each a gated feed-forward layer."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.num_chosen = config.num_experts_per_token
        self.normalize = config.normalize_experts
        self.gate = nn.Linear(config.hidden_size, config.num_experts, bias=False)
        self.experts = nn.ModuleList(FeedForward(config) for _ in range(config.num_experts))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """[..., D] -> [..., D], and the load-balance loss of these tokens."""
        x_ND = x.flatten(0, -2)
        # In full precision: rounding would send tokens to other experts (Switch Transformer, section 2.4).
        with torch.autocast(x.device.type, enabled=False):
            logits_NE = F.linear(x_ND.float(), self.gate.weight.float())
            weights_NK, experts_NK = route(logits_NE, self.num_chosen, normalize=self.normalize)
            balance = balance_loss(logits_NE, experts_NK)
        out_ND = torch.zeros_like(x_ND, dtype=torch.float32)
        for number, expert in enumerate(self.experts):
            # Experts without tokens compute too: every process then has a gradient for every weight.
            rows, places = (experts_NK == number).nonzero(as_tuple=True)
            outputs = expert(x_ND[rows]).float() * weights_NK[rows, places, None]
            out_ND = out_ND.index_add(0, rows, outputs)
        return out_ND.view(x.shape).to(x.dtype), balance
