"""The paper's fifteen layer maps (arXiv 2409.15012), as rules for any number of layers.

Each rule gives, for a number of layers, the owner of each layer and the set of full layers; at 24 layers they
are the paper's own maps. Common to all: sliding layers share only inside one run of adjacent sliding layers,
full layers across any distance. What a map means is `layer_map`'s business.
"""

from collections.abc import Callable
from itertools import cycle, pairwise

__all__ = ["PRESETS", "PresetRule"]

PresetRule = Callable[[int], tuple[list[int], set[int]]]
"""Maps the number of layers to the owner of each layer and the set of full layers."""


def _standard(num_layers: int) -> tuple[list[int], set[int]]:
    return list(range(num_layers)), set(range(num_layers))


def _sliding(num_layers: int) -> tuple[list[int], set[int]]:
    return list(range(num_layers)), set()


def _periodic(
    offset: int, sharers: int | None, *, share_runs: bool = False, last_full: bool = False
) -> PresetRule:
    """A full layer in every six, at `offset`; each `sharers` of them in turn share one K/V, or all do."""

    def rule(num_layers: int) -> tuple[list[int], set[int]]:
        full = list(range(offset, num_layers, 6))
        if last_full and num_layers - 1 not in full:
            full.append(num_layers - 1)
        owner = {layer: full[0 if sharers is None else n - n % sharers] for n, layer in enumerate(full)}
        return _with_sliding_runs(num_layers, owner, share_runs=share_runs)

    return rule


def _successive(*starts_of_24: int) -> PresetRule:
    """Two pairs of adjacent full layers; each pair shares one K/V."""

    def rule(num_layers: int) -> tuple[list[int], set[int]]:
        owner: dict[int, int] = {}
        free = 0
        for start_of_24 in starts_of_24:
            start = max(free, _in_proportion(start_of_24, 22, num_layers - 2))
            owner.update({layer: start for layer in (start, start + 1) if layer < num_layers})
            free = start + 2
        return _with_sliding_runs(num_layers, owner)

    return rule


def _no_share(full_of_24: int, *, tail_backwards: bool) -> PresetRule:
    """One full layer. In two of the three maps the run after it is grouped from the last layer backwards."""

    def rule(num_layers: int) -> tuple[list[int], set[int]]:
        full = _in_proportion(full_of_24, 23, num_layers - 1)
        return _with_sliding_runs(num_layers, {full: full}, tail_backwards=tail_backwards)

    return rule


def _in_proportion(place: int, of: int, to: int) -> int:
    """`place` on a scale of 0..of, moved to the nearest place on a scale of 0..to."""
    return (2 * place * max(to, 0) + of) // (2 * of)


def _with_sliding_runs(
    num_layers: int, full_owner: dict[int, int], *, share_runs: bool = False, tail_backwards: bool = False
) -> tuple[list[int], set[int]]:
    """Fill the gaps between full layers with sliding ones, in groups of 2, 3, 2, 3 ... or one group a gap."""
    owners = list(range(num_layers))
    for layer, owner in full_owner.items():
        owners[layer] = owner
    borders = [-1, *sorted(full_owner), num_layers]
    for before, after in pairwise(borders):
        length = after - before - 1
        sizes = [length] if share_runs else _group_sizes(length)
        if tail_backwards and after == num_layers:
            sizes.reverse()
        start = before + 1
        for size in sizes:
            owners[start : start + size] = [start] * size
            start += size
    return owners, set(full_owner)


def _group_sizes(length: int) -> list[int]:
    """2, 3, 2, 3 ... cut where the run ends.

    >>> _group_sizes(10), _group_sizes(4), _group_sizes(1)
    ([2, 3, 2, 3], [2, 2], [1])
    """
    sizes: list[int] = []
    for size in cycle((2, 3)):
        if length <= 0:
            break
        sizes.append(min(size, length))
        length -= size
    return sizes


PRESETS: dict[str, PresetRule] = {
    "standard": _standard,
    "sliding": _sliding,
    "ma": _periodic(0, None, last_full=True),
    "ma-end-slide": _periodic(0, None),
    "ma-offset": _periodic(5, None),
    "ma-pairs": _periodic(0, 2),
    "ma-offset-slide-share": _periodic(5, None, share_runs=True),
    "ma-pairs-slide-share": _periodic(0, 2, share_runs=True),
    "ma-successive-1": _successive(0, 12),
    "ma-successive-2": _successive(5, 12),
    "ma-successive-3": _successive(10, 17),
    "ma-successive-4": _successive(10, 22),
    "ma-no-share-1": _no_share(3, tail_backwards=True),
    "ma-no-share-2": _no_share(10, tail_backwards=False),
    "ma-no-share-3": _no_share(20, tail_backwards=True),
}
