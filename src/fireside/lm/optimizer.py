"""AdamW over the parameters that train: which ones, which of them decay, and clipping.

Weight decay is decoupled from the gradient (Loshchilov and Hutter, arXiv 1711.05101) and scaled by the
learning rate, as in PyTorch. Matrices decay; norms, biases and embeddings do not. Knows nothing about
schedules: the learning rate is an argument of every step.
"""

import math
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from fireside.core.config import config
from fireside.core.errors import ConfigError
from fireside.lm.parallel import whole

__all__ = ["AdamWConfig", "adamw", "clip_gradients", "decays", "freeze_all_but", "set_learning_rate"]


@config
class AdamWConfig:
    """AdamW's constants, and the clipping of gradients before it.

    Attributes:
        weight_decay: pulls matrices towards zero by this share of the learning rate a step.
        beta1: decay of the running mean of gradients.
        beta2: decay of the running mean of squared gradients.
        epsilon: added to the root of that mean.
        max_grad_norm: gradients are scaled down to this global L2 norm; `None` leaves them as they are.
    """

    weight_decay: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.95
    epsilon: float = 1e-8
    max_grad_norm: float | None = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight_decay) and self.weight_decay >= 0):
            raise ConfigError(f"weight_decay must be at least 0, got {self.weight_decay}")
        for name, beta in (("beta1", self.beta1), ("beta2", self.beta2)):
            if not 0 <= beta < 1:
                raise ConfigError(f"{name} must be at least 0 and below 1, got {beta}")
        if not (math.isfinite(self.epsilon) and self.epsilon > 0):
            raise ConfigError(f"epsilon must be above 0, got {self.epsilon}")
        if self.max_grad_norm is not None and not self.max_grad_norm > 0:
            raise ConfigError(f"max_grad_norm must be above 0, or None, got {self.max_grad_norm}")


def adamw(model: nn.Module, config: AdamWConfig) -> torch.optim.AdamW:
    """AdamW over the parameters of `model` that require a gradient, in the order of their names.

    The learning rate starts at 0: call `set_learning_rate` before each step.

    >>> optimizer = adamw(nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 2)), AdamWConfig())
    >>> [(len(group["params"]), group["weight_decay"]) for group in optimizer.param_groups]
    [(1, 0.1), (2, 0.0)]
    """
    decaying = decays(model)
    trainable = sorted((name, p) for name, p in model.named_parameters() if p.requires_grad)
    groups = [
        {"params": [p for name, p in trainable if decaying[name]], "weight_decay": config.weight_decay},
        {"params": [p for name, p in trainable if not decaying[name]], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=0.0,
        betas=(config.beta1, config.beta2),
        eps=config.epsilon,
        fused=True,
    )


def decays(model: nn.Module) -> dict[str, bool]:
    """Whether weight decay applies, for each parameter: to matrices that are not embeddings.

    >>> decays(nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 2)))
    {'0.weight': False, '1.weight': True, '1.bias': False}
    """
    embeddings = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    return {name: p.ndim >= 2 and id(p) not in embeddings for name, p in model.named_parameters()}


def freeze_all_but(model: nn.Module, patterns: Sequence[str]) -> list[str]:
    """Let only the parameters train whose name matches one of the shell-style patterns.

    Args:
        model: every parameter's `requires_grad` is set.
        patterns: such as `"*"` (everything) or `"*.self_attn.*"`.

    Returns:
        The names that train, sorted.

    Raises:
        ConfigError: a pattern matches nothing.

    >>> freeze_all_but(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2)), ["1.*"])
    ['1.bias', '1.weight']
    """
    names = [name for name, _ in model.named_parameters()]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ConfigError(
                f"no parameter matches {pattern!r}; names look like {', '.join(sorted(names)[:4])}"
            )
    chosen = sorted(name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns))
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in chosen)
    return chosen


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Use this learning rate in the next step, in every group."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def clip_gradients(parameters: Iterable[nn.Parameter], max_norm: float | None) -> float:
    """Scale all gradients down to a global L2 norm of `max_norm`; returns the norm before that.

    >>> weight = nn.Parameter(torch.zeros(2))
    >>> weight.grad = torch.tensor([3.0, 4.0])
    >>> clip_gradients([weight], 1.0), weight.grad.norm().item()
    (5.0, 1.0)
    """
    grads: list[Tensor] = [p.grad for p in parameters if p.grad is not None]
    norm = float(whole(torch.nn.utils.get_total_norm(grads, foreach=True)))
    # Not clip_grads_with_norm_: it adds 1e-6 to the norm and multiplies even where nothing is clipped.
    if max_norm is not None and norm > max_norm:
        torch._foreach_mul_(grads, max_norm / norm)
    return norm
