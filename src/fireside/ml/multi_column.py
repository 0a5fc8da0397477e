"""Stages that work on one column (`inputCol`) or on several (`inputCols`), never on both."""

from fireside.core.errors import InputError
from fireside.ml.param.params import Params

__all__ = ["column_pairs"]


def column_pairs(stage: Params) -> list[tuple[str, str]]:
    """The columns that a stage reads, each with the one it appends.

    Args:
        stage: has the params `inputCol`, `outputCol`, `inputCols` and `outputCols`.

    Raises:
        InputError: neither or both forms are set, or the two lists differ in length.
    """
    one, many = stage.isSet("inputCol"), stage.isSet("inputCols")
    if one == many:
        given = "both are" if one else "neither is"
        raise InputError(f"{stage.uid}: set inputCol and outputCol, or inputCols and outputCols; {given} set")
    if one:
        return [(stage.getOrDefault("inputCol"), stage.getOrDefault("outputCol"))]
    sources, targets = stage.getOrDefault("inputCols"), stage.getOrDefault("outputCols")
    if len(sources) != len(targets):
        raise InputError(f"{stage.uid}: {len(sources)} inputCols need as many outputCols, got {len(targets)}")
    return list(zip(sources, targets, strict=True))
