"""The shape of the binary tree that an interleaving deals its slots through.

Every leaf of the tree is a domain. A leaf of weight w strays from its exact share by at most

    1/2 * sum over the nodes a between root and leaf, the leaf included and the root not, of  w / W_a

samples, W_a being the weight below a node (proof in `fireside.mixing.interleave`). Each level costs half a
sample, scaled down to the leaf, so the best tree is neither flat nor skewed: a leaf may be deep only where it
is light within its ancestors. Two levels always stay below one sample, so four domains always can.
Knows nothing about samples.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Leaf", "Node", "Tree", "deviation_bound", "weight_tree"]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One domain, by its number."""

    domain: int


@dataclass(frozen=True, slots=True)
class Node:
    """Two subtrees that share out what reaches them."""

    left: "Tree"
    right: "Tree"


Tree = Leaf | Node

_SEARCH_BUDGET = 3000
"""How many subsets the search may look at: enough to try all of its trees over seven domains."""


def weight_tree(weights: Sequence[int]) -> Tree:
    """A tree with a small `deviation_bound`: below 1 for up to four domains, below 1.7 for any number.

    Starts from Huffman's tree (weights double within two levels or so, hence the 1.7) and searches the trees
    that part the domains, sorted by weight, in two runs. Depends on nothing but the weights and their order.

    Args:
        weights: the weight of each domain; domains of weight 0 are left out, at least one is positive.

    >>> weight_tree([6, 3, 1])
    Node(left=Node(left=Leaf(domain=0), right=Leaf(domain=1)), right=Leaf(domain=2))
    """
    domains = tuple(sorted((d for d, w in enumerate(weights) if w > 0), key=lambda d: (-weights[d], d)))
    assert domains
    huffman = _huffman(weights, domains)
    search = _Search(weights)
    found = search.best(domains, 0.0, limit=2 * deviation_bound(huffman, weights))
    return huffman if found is None else found[1]


def deviation_bound(tree: Tree, weights: Sequence[int]) -> float:
    """The bound in the module's docstring, in samples, for the leaf that strays furthest.

    >>> deviation_bound(weight_tree([1, 1]), [1, 1])
    0.5
    """

    def worst(node: Tree, load: float) -> float:
        if isinstance(node, Leaf):
            return weights[node.domain] * load
        return max(
            worst(child, load + _inverse(_weight(child, weights))) for child in (node.left, node.right)
        )

    return worst(tree, 0.0) / 2


class _Search:
    """Branch and bound over the ways to part a run of domains, heaviest first, in two.

    `load` is the sum of 1/W_a over the nodes on the way down, the one at hand included. A domain of weight w
    that ends there strays by w * load / 2.
    """

    def __init__(self, weights: Sequence[int]) -> None:
        self._weights = weights
        self._looked = 0

    def best(self, domains: tuple[int, ...], load: float, limit: float) -> tuple[float, Tree] | None:
        """The best tree over `domains` and its greatest w * load, or None where none is below `limit`."""
        self._looked += 1
        heaviest = self._weights[domains[0]]
        if len(domains) == 1:
            return (heaviest * load, Leaf(domains[0])) if heaviest * load < limit else None
        if 1 + heaviest * load >= limit:
            return None  # even as a child of this node, the heaviest would stray too far
        found: tuple[float, Tree] | None = None
        for left, right in self._splits(domains):
            if self._looked > _SEARCH_BUDGET:
                break
            a = self.best(left, load + _inverse(self._total(left)), limit)
            b = None if a is None else self.best(right, load + _inverse(self._total(right)), limit)
            if a is not None and b is not None:
                limit = max(a[0], b[0])
                found = limit, Node(a[1], b[1])
        return found

    def _splits(self, domains: tuple[int, ...]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Cuts of the sorted run, and the heaviest with a tail of light ones; the most even first."""
        size = len(domains)
        splits = [(domains[:cut], domains[cut:]) for cut in range(1, size)]
        splits += [((domains[0], *domains[cut:]), domains[1:cut]) for cut in range(2, size)]
        whole = self._total(domains)
        return sorted(splits, key=lambda split: abs(2 * self._total(split[0]) - whole))

    def _total(self, domains: tuple[int, ...]) -> int:
        return sum(self._weights[domain] for domain in domains)


def _huffman(weights: Sequence[int], domains: tuple[int, ...]) -> Tree:
    heap: list[tuple[int, int, Tree]] = [(weights[d], rank, Leaf(d)) for rank, d in enumerate(domains)]
    heapq.heapify(heap)
    for rank in range(len(domains), 2 * len(domains) - 1):
        light, heavy = heapq.heappop(heap), heapq.heappop(heap)
        heapq.heappush(heap, (light[0] + heavy[0], rank, Node(heavy[2], light[2])))
    return heap[0][2]


def _weight(tree: Tree, weights: Sequence[int]) -> int:
    if isinstance(tree, Leaf):
        return weights[tree.domain]
    return _weight(tree.left, weights) + _weight(tree.right, weights)


def _inverse(weight: int) -> float:
    # Where a stage moves its weights, a subtree may weigh nothing for a while; it then receives nothing.
    return 1 / weight if weight else 0.0
