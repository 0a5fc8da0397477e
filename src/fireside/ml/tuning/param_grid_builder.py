"""All combinations of some values of some params."""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any, Self

from fireside.ml.param import Param, ParamTypeError

__all__ = ["ParamGridBuilder"]


class ParamGridBuilder:
    """Builds the param maps of a grid search.

    >>> from fireside.ml.clustering import KMeans
    >>> kmeans = KMeans()
    >>> grid = ParamGridBuilder().baseOn({kmeans.seed: 1}).addGrid(kmeans.k, [2, 3]).build()
    >>> [{param.name: value for param, value in values.items()} for values in grid]
    [{'seed': 1, 'k': 2}, {'seed': 1, 'k': 3}]
    """

    def __init__(self) -> None:
        self._grid = dict[Param[Any], list[Any]]()

    def addGrid(self, param: Param[Any], values: Iterable[Any]) -> Self:
        """Try each of some values of a param; they replace those that were given before.

        Raises:
            ParamTypeError: that is no param of a stage, or no list of values.
        """
        if not isinstance(param, Param):
            raise ParamTypeError(f"a grid is over params (such as stage.k), got {param!r}")
        if isinstance(values, str | bytes) or not isinstance(values, Iterable):
            raise ParamTypeError(
                f"the values to try for {param.name} are a list, got {values!r}: write [{values!r}], or "
                f"baseOn({{stage.{param.name}: {values!r}}})"
            )
        self._grid[param] = list(values)
        return self

    def baseOn(self, *args: Mapping[Param[Any], Any] | tuple[Param[Any], Any]) -> Self:
        """Hold some params at one value each; takes a dict, or pairs of param and value."""
        for given in args:
            pairs = given.items() if isinstance(given, Mapping) else [given]
            for param, value in pairs:
                self.addGrid(param, [value])
        return self

    def build(self) -> list[dict[Param[Any], Any]]:
        """A param map for each combination, the last param varying fastest.

        Raises:
            InputError: a value that its param does not take.
        """
        values = [
            [param.convert(value, stage=param.parent) for value in given]
            for param, given in self._grid.items()
        ]
        return [dict(zip(self._grid, chosen, strict=True)) for chosen in itertools.product(*values)]
