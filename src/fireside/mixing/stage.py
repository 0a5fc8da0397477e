"""`Stage`: what part of a run draws from which domains, and how much.

Knows nothing about how large the domains are; that is settled by `fireside.mixing.plan`.
"""

import math
from collections.abc import Mapping
from dataclasses import field

from fireside.core.config import config
from fireside.core.errors import ConfigError

__all__ = ["SHARE_TOLERANCE", "Stage"]

SHARE_TOLERANCE = 1e-5
"""Shares may miss the sum of 1 by this much, so that 0.333333 can be written three times."""


@config
class Stage:
    """A part of a run, from its start to the start of the next stage.

    Each domain is named once: by its share, or by an amount. Shares divide among them what the amounts
    leave. With `end_shares`, the weights go along a straight line from `shares` to those.

    Attributes:
        name: for plans and reports.
        start: where the stage begins. A whole number counts tokens; a fraction from 0 to below 1 is a part of
            the run.
        shares: domain -> its share of the stage's tokens; they sum to 1.
        end_shares: domain -> its share at the end of the stage; they sum to 1. Only beside `shares` alone.
        tokens: domain -> how many tokens the stage takes from it.
        epochs: domain -> how many times over the stage reads it; need not be whole.

    Raises:
        ConfigError: the shares do not sum to 1, or a domain is named twice, or nothing is drawn from.

    >>> Stage(name="upsampled", start=0.8, shares={"web": 1.0}, epochs={"encyclopaedia": 2}).domains
    ('web', 'encyclopaedia')
    >>> Stage(name="base", shares={"web": 0.8, "books": 0.1})
    Traceback (most recent call last):
    fireside.core.errors.ConfigError: stage 'base': the shares sum to 0.9, not 1 (web 0.8, books 0.1): ...
    """

    name: str
    start: int | float = 0
    shares: dict[str, float] = field(default_factory=dict)
    end_shares: dict[str, float] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    epochs: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("a stage needs a name, for plans and reports")
        _check_start(self.name, self.start)
        for what, amounts in (("tokens", self.tokens), ("epochs", self.epochs)):
            _check_amounts(self.name, what, amounts)
        for what, shares in (("shares", self.shares), ("end_shares", self.end_shares)):
            _check_amounts(self.name, what, shares)
            if shares:
                _check_sum(self.name, what, shares)
        for domain in {**self.tokens, **self.epochs}:
            if (domain in self.shares) + (domain in self.tokens) + (domain in self.epochs) > 1:
                raise ConfigError(
                    f"stage {self.name!r} says twice how much of {domain!r} to take: name it under one of "
                    "shares, tokens and epochs"
                )
        if not self.domains:
            raise ConfigError(f"stage {self.name!r} draws from no domain: give shares, tokens or epochs")
        if self.end_shares and (not self.shares or self.tokens or self.epochs):
            raise ConfigError(
                f"stage {self.name!r} has end_shares: it then needs shares to start from, and neither tokens "
                "nor epochs; amounts can be taken in a stage of their own"
            )

    @property
    def domains(self) -> tuple[str, ...]:
        """All domains that the stage names, in order."""
        return tuple(dict.fromkeys([*self.shares, *self.end_shares, *self.tokens, *self.epochs]))


def _check_start(name: str, start: int | float) -> None:
    if isinstance(start, int) and start < 0:
        raise ConfigError(f"stage {name!r} starts at token {start}: the first token of a run is 0")
    if isinstance(start, float) and not 0 <= start < 1:
        raise ConfigError(
            f"stage {name!r} starts at {start}: give a fraction of the run from 0 to below 1, or a whole "
            "number of tokens"
        )


def _check_amounts(name: str, what: str, amounts: Mapping[str, float]) -> None:
    for domain, amount in amounts.items():
        if not (math.isfinite(amount) and amount >= 0):
            raise ConfigError(
                f"stage {name!r}: {what} of {domain!r} is {amount}: give a number of at least 0"
            )


def _check_sum(name: str, what: str, shares: Mapping[str, float]) -> None:
    excess = math.fsum(shares.values()) - 1
    if abs(excess) > SHARE_TOLERANCE:
        listed = ", ".join(f"{domain} {share:g}" for domain, share in shares.items())
        raise ConfigError(
            f"stage {name!r}: the {what} sum to {1 + excess:.6g}, not 1 ({listed}): "
            f"{'lower' if excess > 0 else 'raise'} them by {abs(excess):.6g}"
        )
