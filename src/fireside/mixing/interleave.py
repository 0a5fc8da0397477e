"""The order of the domains: slot i -> (domain, how many samples of the domain came before).

A *piece* is a run of slots with constant integer weights w_d. Its slots fall through a binary tree whose
leaves are the domains (`fireside.mixing.weight_tree`). A node that weighs W = W_L + W_R numbers the slots
that reach it 0, 1, 2, ... and gives the first j of them so that

    C_L(j) = floor(j W_L / W + 1/2)   go left,    C_R(j) = j - C_L(j)   go right.

Slot j goes left exactly if C_L(j + 1) > C_L(j); it is number C_L(j) there, or C_R(j) on the right. A slot is
found, and its rank in its domain with it, in one walk from root to leaf: the order has no state.

What holds, and why:
1. *Nothing is lost or repeated.* W_L / W lies in [0, 1], so C_L and C_R both grow by 0 or 1 and their sum by
   1: each slot goes to exactly one child, whose numbers are dense. By induction each domain receives the
   ranks 0, 1, 2, ... each once, and the counts of all domains after i slots sum to i.
2. *Shares hold at every prefix.* Let e_a(i) be the count of node a after i slots, less i W_a / W_root. The
   root has e = 0. A child c of p has e_c = (W_c / W_p) e_p + r with |r| <= 1/2, since C_L rounds and C_R
   takes the opposite rest. Unrolled, |e_leaf| <= 1/2 sum_a w_leaf / W_a over its ancestors and itself, root
   excluded: `deviation_bound`, below one sample for up to four domains, and little above for more.
3. *A multiple of the sum of the weights is exact:* there every j W_L / W is an integer.
4. *A shorter piece is a prefix of a longer one:* its length appears nowhere. A run can therefore be branched
   at any slot, and what a later piece holds moves nothing before it.

Weights that move along a line are many short pieces (`fireside.mixing.ramp`). All arithmetic is on integers,
exact up to `MAX_SLOTS` slots. Knows nothing about epochs, permutations or tokens.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fireside.mixing.weight_tree import Leaf, Tree, deviation_bound

__all__ = ["MAX_SLOTS", "MAX_WEIGHT", "Interleaving", "Piece"]

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

MAX_SLOTS = 10**15
"""The most slots: below 2^50, so that a float64 quotient is off by at most one."""

MAX_WEIGHT = 2**60
"""The greatest sum of weights: twice a remainder must fit in 63 bits."""

_CHUNK = 1 << 14
"""Slots that are looked up together, so that the work stays in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Slots with constant weights.

    Attributes:
        length: number of slots.
        weights: integer weight of each domain; their sum is from 1 to `MAX_WEIGHT`.
        tree: the tree that deals the slots out; it has every domain of positive weight.
    """

    length: int
    weights: tuple[int, ...]
    tree: Tree


class Interleaving:
    """Pieces, one after another; ranks in a domain run on from piece to piece.

    Raises:
        ValueError: more than `MAX_SLOTS` slots, or weights above `MAX_WEIGHT`.

    >>> from fireside.mixing.weight_tree import weight_tree
    >>> weights = (2, 1)
    >>> order = Interleaving([Piece(length=6, weights=weights, tree=weight_tree(weights))])
    >>> domains, ranks = order.locate(np.arange(6))
    >>> domains.tolist(), ranks.tolist()
    ([0, 1, 0, 0, 1, 0], [0, 0, 1, 2, 1, 3])
    >>> order.counts(3)
    [2, 1]
    """

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = tuple(pieces)
        num_domains = len(pieces[0].weights)
        starts, counts = [0], [[0] * num_domains]
        nodes = _Nodes()
        for piece in pieces:
            if not 1 <= sum(piece.weights) <= MAX_WEIGHT:
                raise ValueError(f"the sum of the weights must be from 1 to {MAX_WEIGHT}: {piece.weights}")
            nodes.add_tree(piece)
            starts.append(starts[-1] + piece.length)
            within = _piece_counts(piece, piece.length)
            counts.append([a + b for a, b in zip(counts[-1], within, strict=True)])
        if starts[-1] > MAX_SLOTS:
            raise ValueError(f"{starts[-1]} slots are more than {MAX_SLOTS}, the most whose order is exact")
        self._starts, self._counts = starts, counts
        self._start_array = np.array(starts[:-1], np.int64)
        self._count_array = np.array(counts[:-1], np.int64)
        self._root = np.array(nodes.roots, np.int64)
        self._left_weight = np.array(nodes.left_weight, np.int64)
        self._weight = np.array(nodes.weight, np.int64)
        self._ratio = self._left_weight / np.maximum(self._weight, 1)
        # One table for both children: [2 node] is the right one, [2 node + 1] the left one.
        self._child = np.array(nodes.child, np.int64).ravel()
        self._domain = np.array(nodes.domain, np.int32)
        self._depth = nodes.depth

    @property
    def num_slots(self) -> int:
        """How many slots there are."""
        return self._starts[-1]

    @property
    def bound(self) -> float:
        """How far a domain's count in a piece can be from its exact share, in samples, at any slot."""
        return max(deviation_bound(piece.tree, piece.weights) for piece in self._pieces)

    def counts(self, slot: int) -> list[int]:
        """How many samples of each domain lie before a slot, from 0 to `num_slots`; their sum is `slot`."""
        if not 0 <= slot <= self.num_slots:
            raise IndexError(f"slot {slot} is not in 0..{self.num_slots}")
        number = min(bisect_right(self._starts, slot) - 1, len(self._pieces) - 1)
        within = _piece_counts(self._pieces[number], slot - self._starts[number])
        return [a + b for a, b in zip(self._counts[number], within, strict=True)]

    def locate(self, slots: Int64Array) -> tuple[Int32Array, Int64Array]:
        """The domain of each slot, and its rank among all samples of that domain.

        Args:
            slots: int64[n], in any order, each from 0 to `num_slots` - 1.

        Returns:
            int32[n] domains and int64[n] ranks.

        Raises:
            IndexError: a slot lies outside.
        """
        slots = np.asarray(slots, np.int64)
        if slots.size and not (slots.min() >= 0 and slots.max() < self.num_slots):
            raise IndexError(f"slots {slots.min()}..{slots.max()} are not all in 0..{self.num_slots - 1}")
        domains, ranks = np.empty(slots.size, np.int32), np.empty(slots.size, np.int64)
        for start in range(0, slots.size, _CHUNK):
            part = slice(start, start + _CHUNK)
            domains[part], ranks[part] = self._locate_chunk(slots[part])
        return domains, ranks

    def _locate_chunk(self, slots: Int64Array) -> tuple[Int32Array, Int64Array]:
        piece = np.searchsorted(self._start_array, slots, side="right") - 1
        number = slots - self._start_array[piece]
        node = self._root[piece]
        for _ in range(self._depth):
            weight, left_weight = self._weight[node], self._left_weight[node]
            before, goes_left = _rounded_share(number, left_weight, weight, self._ratio[node])
            number = np.where(goes_left, before, number - before)
            node = self._child[2 * node + goes_left]
        domain = self._domain[node]
        return domain, self._count_array[piece, domain] + number


def _rounded_share(
    number: Int64Array, left_weight: Int64Array, weight: Int64Array, ratio: npt.NDArray[np.float64]
) -> tuple[Int64Array, npt.NDArray[np.bool_]]:
    """floor(j W_L / W + 1/2) for each j, and whether it is greater for j + 1.

    The products need some 110 bits. A float64 quotient is off by at most one, so that the remainder, taken
    modulo 2^64, is the true one, and mends the quotient.
    """
    quotient = np.rint(number * ratio).astype(np.int64)
    twice = 2 * weight
    remainder = 2 * (number * left_weight - quotient * weight) + weight
    low, high = remainder < 0, remainder >= twice
    quotient += high
    quotient -= low
    remainder += twice * low
    remainder -= twice * high
    return quotient, remainder + 2 * left_weight >= twice


def _piece_counts(piece: Piece, slots: int) -> list[int]:
    """Samples of each domain among the first slots of a piece, in Python's integers."""
    # After every multiple of the sum of the weights all counts are exact, and everything starts anew.
    rounds, rest = divmod(slots, sum(piece.weights))
    counts = [rounds * weight for weight in piece.weights]

    def deal(tree: Tree, number: int) -> None:
        if isinstance(tree, Leaf):
            counts[tree.domain] += number
        elif number:
            left, whole = _weight(tree.left, piece.weights), _weight(tree, piece.weights)
            to_left = (2 * number * left + whole) // (2 * whole)
            deal(tree.left, to_left)
            deal(tree.right, number - to_left)

    deal(piece.tree, rest)
    return counts


def _weight(tree: Tree, weights: Sequence[int]) -> int:
    if isinstance(tree, Leaf):
        return weights[tree.domain]
    return _weight(tree.left, weights) + _weight(tree.right, weights)


class _Nodes:
    """The trees of all pieces, laid out in flat lists.

    A leaf is a node that sends everything to itself, so that walks of different depth can go in step.
    """

    def __init__(self) -> None:
        self.roots: list[int] = []
        self.left_weight: list[int] = []
        self.weight: list[int] = []
        self.child: list[tuple[int, int]] = []
        self.domain: list[int] = []
        self.depth = 0

    def add_tree(self, piece: Piece) -> None:
        self.roots.append(self._add(piece.tree, piece.weights, level=0))

    def _add(self, tree: Tree, weights: Sequence[int], level: int) -> int:
        node = len(self.domain)
        self.weight.append(_weight(tree, weights))
        if isinstance(tree, Leaf):
            self.left_weight.append(self.weight[node])
            self.child.append((node, node))
            self.domain.append(tree.domain)
            self.depth = max(self.depth, level)
            return node
        self.left_weight.append(_weight(tree.left, weights))
        self.child.append((node, node))
        self.domain.append(0)  # never read: a walk ends at a leaf
        left = self._add(tree.left, weights, level + 1)
        right = self._add(tree.right, weights, level + 1)
        self.child[node] = (right, left)
        return node
