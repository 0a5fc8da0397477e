"""From shares and amounts to the integer weights of an interleaving."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import gcd, lcm

from fireside.core.errors import ConfigError
from fireside.mixing.interleave import MAX_WEIGHT
from fireside.mixing.stage import Stage

__all__ = ["exact", "integer_weights", "stage_weights"]

Weights = tuple[int, ...]

_WHOLE = MAX_WEIGHT // 2
"""What a share of 1 becomes where a common denominator would be larger."""


def exact(value: float) -> Fraction:
    """The decimal number that was written, not its nearest binary one.

    >>> exact(0.1)
    Fraction(1, 10)
    """
    return Fraction(repr(value))


def stage_weights(
    stage: Stage, *, sequences: int, sequence_length: int, sizes: Mapping[str, int]
) -> tuple[Weights, Weights]:
    """The weights of every domain at the start and at the end of a stage; equal where they are constant.

    Args:
        stage: what was asked for.
        sequences: the length of the stage.
        sequence_length: tokens in a sequence.
        sizes: domain -> how many sequences it holds, in the order of the weights.

    Raises:
        ConfigError: the amounts are more than the stage, or less and there are no shares for the rest.

    >>> stage = Stage(name="last", shares={"web": 1.0}, epochs={"books": 2})
    >>> stage_weights(stage, sequences=100, sequence_length=8, sizes={"web": 1000, "books": 10})
    ((4, 1), (4, 1))
    """
    amounts = {name: Fraction(tokens, sequences * sequence_length) for name, tokens in stage.tokens.items()}
    amounts |= {name: exact(epochs) * sizes[name] / sequences for name, epochs in stage.epochs.items()}
    rest = _rest_for_shares(stage, amounts, sequences, sequence_length)
    start = {**_scaled(stage.shares, rest), **amounts}
    end = _scaled(stage.end_shares, rest) if stage.end_shares else start
    columns = [[table.get(name, Fraction(0)) for name in sizes] for table in (start, end)]
    start_weights, end_weights = integer_weights(*columns)
    return start_weights, end_weights


def integer_weights(*groups: Sequence[Fraction]) -> list[Weights]:
    """Integers in the proportion of shares; groups with one sum keep one sum.

    Exact where a common denominator fits into an interleaving's arithmetic. Else each share is rounded to a
    multiple of 2^-59 and the greatest takes up what that leaves, which moves a count of 10^15 samples by a
    hundredth of one.

    >>> integer_weights([Fraction(1, 2), Fraction(1, 3), Fraction(1, 6)])
    [(3, 2, 1)]
    """
    denominator = lcm(*(share.denominator for group in groups for share in group))
    if denominator > _WHOLE:
        return [_rounded(group) for group in groups]
    scaled = [[int(share * denominator) for share in group] for group in groups]
    divisor = gcd(*(weight for group in scaled for weight in group))
    return [tuple(weight // divisor for weight in group) for group in scaled]


def _rounded(shares: Sequence[Fraction]) -> Weights:
    weights = [round(share * _WHOLE) for share in shares]
    greatest = weights.index(max(weights))
    weights[greatest] += round(sum(shares) * _WHOLE) - sum(weights)
    return tuple(weights)


def _rest_for_shares(
    stage: Stage, amounts: Mapping[str, Fraction], sequences: int, sequence_length: int
) -> Fraction:
    """The part of the stage that its amounts leave, which is 0 where there are no shares."""
    taken = sum(amounts.values(), Fraction(0))
    whole = sequences * sequence_length
    tokens = round(taken * whole)
    # Amounts are written in tokens or rounded epochs, a stage has whole sequences.
    slack = Fraction(len(amounts), sequences)
    if taken > 1 + slack or (stage.shares and taken > 1):
        raise ConfigError(
            f"stage {stage.name!r} has {whole} tokens, and its amounts ask for {tokens}: take "
            f"{tokens - whole} fewer, or make the stage longer"
        )
    if not stage.shares and taken < 1 - slack:
        raise ConfigError(
            f"stage {stage.name!r} has {whole} tokens, and its amounts ask for {tokens} only: take "
            f"{whole - tokens} more, or say by shares which domains fill the rest"
        )
    return 1 - taken if stage.shares else Fraction(0)


def _scaled(shares: Mapping[str, float], whole: Fraction) -> dict[str, Fraction]:
    written = {name: exact(share) for name, share in shares.items()}
    total = sum(written.values(), Fraction(0))
    return {name: share * whole / total for name, share in written.items()}
