"""The tree's bound: what it is, and that the search keeps it small."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.mixing.weight_tree import Leaf, Node, deviation_bound, weight_tree

weights_of = st.lists(
    st.one_of(st.integers(1, 9), st.integers(1, 10**6), st.integers(1, 2**55)), min_size=1, max_size=12
)


def leaves(tree: Leaf | Node) -> list[int]:
    return [tree.domain] if isinstance(tree, Leaf) else leaves(tree.left) + leaves(tree.right)


def test_the_bound_of_a_hand_made_tree_is_half_the_sum_over_the_path() -> None:
    tree = Node(Leaf(0), Node(Leaf(1), Leaf(2)))
    # Leaf 1: 3/3 for itself and 3/4 for the node above; leaf 0 only for itself.
    assert deviation_bound(tree, [4, 3, 1]) == pytest.approx((1 + 3 / 4) / 2)


def test_two_domains_stray_by_half_a_sample() -> None:
    assert deviation_bound(weight_tree([7, 3]), [7, 3]) == 0.5


def test_equal_weights_make_a_balanced_tree() -> None:
    # 1 + 1/2 + 1/4, halved.
    assert deviation_bound(weight_tree([1] * 8), [1] * 8) == pytest.approx(0.875)


@given(weights_of)
def test_every_domain_of_positive_weight_has_one_leaf(weights: list[int]) -> None:
    weights = [*weights, 0]
    assert sorted(leaves(weight_tree(weights))) == list(range(len(weights) - 1))


@given(st.lists(st.integers(1, 2**50), min_size=1, max_size=4))
def test_up_to_four_domains_stay_below_a_sample(weights: list[int]) -> None:
    # At most one: a domain 2^50 times lighter than another is lost in the last digit of the bound.
    assert deviation_bound(weight_tree(weights), weights) <= 1


@given(weights_of)
def test_any_number_of_domains_stays_below_the_bound_of_huffmans_tree(weights: list[int]) -> None:
    # Weights grow at least like Fibonacci's numbers on the way up: (1 + sum of 1/F) / 2 = 1.68.
    assert deviation_bound(weight_tree(weights), weights) < 1.69


def test_many_domains_are_searched_within_the_budget() -> None:
    weights = [1 + 37 * number % 101 for number in range(200)]
    assert deviation_bound(weight_tree(weights), weights) < 1.69
