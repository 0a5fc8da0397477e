"""`worth`: what to do with a data set, from what leaving it out did.

    helps       its utility on the target score is above 0, or on the general score above the tolerance
    hurts       its utility on the target score is below 0, or on the general score below minus the tolerance

    keep        it helps, and does not hurt
    drop        it hurts, and does not help
    trade-off   both: more of one score for less of the other
    cannot tell neither

Only differences count that hold after Holm's correction over all data sets and both scores. The target score
is what upsampling is for, so any difference in it counts; the general score may move by the tolerance, as in
the choice of a duration.
"""

from typing import Literal

from fireside.mixing.estimate import Estimate

__all__ = ["Worth", "worth"]

Worth = Literal["keep", "drop", "trade-off", "cannot tell"]


def worth(target: Estimate | None, general: Estimate | None, tolerance: float) -> Worth:
    """Apply the rule above.

    Args:
        target: utility on the target score, with its adjusted p-value.
        general: utility on the general score, with its adjusted p-value.
        tolerance: how far the general score may move, in its unit.

    >>> sure, slight = {"low": 0.0, "high": 0.0, "adjusted_p": 0.01}, {"adjusted_p": 0.3}
    >>> worth(Estimate(mean=0.1, count=3, **sure), Estimate(mean=-0.01, count=3, **sure), tolerance=0.05)
    'keep'
    >>> worth(Estimate(mean=0.1, count=3, **slight), None, tolerance=0.05)
    'cannot tell'
    """
    moved = (_moved(target, 0.0), _moved(general, tolerance))
    helps, hurts = 1 in moved, -1 in moved
    if helps and hurts:
        return "trade-off"
    if helps:
        return "keep"
    return "drop" if hurts else "cannot tell"


def _moved(one: Estimate | None, tolerance: float) -> Literal[-1, 0, 1]:
    if one is None or not one.holds or abs(one.mean) <= tolerance:
        return 0
    return 1 if one.mean > 0 else -1
