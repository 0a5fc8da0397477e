"""The order of the domains: exact, dense, close to its shares at every slot, and without memory."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.mixing.interleave import MAX_SLOTS, MAX_WEIGHT, Interleaving, Piece
from fireside.mixing.weight_tree import deviation_bound, weight_tree

weights_of = st.lists(
    st.one_of(st.integers(0, 9), st.integers(0, 10**6), st.integers(0, 2**56)), min_size=1, max_size=9
).filter(any)


def piece(length: int, weights: list[int]) -> Piece:
    return Piece(length=length, weights=tuple(weights), tree=weight_tree(weights))


def test_a_third_and_two_thirds_by_hand() -> None:
    domains, ranks = Interleaving([piece(6, [1, 2])]).locate(np.arange(6))
    assert domains.tolist() == [1, 0, 1, 1, 0, 1]
    assert ranks.tolist() == [0, 0, 1, 2, 1, 3]


@given(weights_of, st.data())
def test_a_slot_agrees_with_the_counts_on_both_sides_of_it(weights: list[int], data: st.DataObject) -> None:
    order = Interleaving([piece(MAX_SLOTS, weights)])
    slots = data.draw(st.lists(st.integers(0, MAX_SLOTS - 1), min_size=1, max_size=8))
    domains, ranks = order.locate(np.array(slots))
    for slot, domain, rank in zip(slots, domains.tolist(), ranks.tolist(), strict=True):
        before, after = order.counts(slot), order.counts(slot + 1)
        assert [b - a for a, b in zip(before, after, strict=True)] == [
            d == domain for d in range(len(weights))
        ]
        assert before[domain] == rank


@given(weights_of, st.integers(0, MAX_SLOTS - 400))
def test_counts_stay_within_the_bound_at_every_slot(weights: list[int], first: int) -> None:
    order = Interleaving([piece(MAX_SLOTS, weights)])
    bound = Fraction(deviation_bound(weight_tree(weights), weights)) + Fraction(1, 10**9)
    for slot in range(first, first + 100):
        counts = order.counts(slot)
        assert sum(counts) == slot
        for count, weight in zip(counts, weights, strict=True):
            assert abs(count - Fraction(slot * weight, sum(weights))) <= bound


@given(weights_of, st.integers(0, 10**6))
def test_a_multiple_of_the_whole_weight_is_exact(weights: list[int], multiple: int) -> None:
    whole = sum(weights)
    multiple = min(multiple, MAX_SLOTS // whole)
    order = Interleaving([piece(MAX_SLOTS, weights)])
    assert order.counts(multiple * whole) == [multiple * weight for weight in weights]


@given(weights_of, st.integers(1, 300), st.integers(0, 300))
def test_a_shorter_piece_is_a_prefix_of_a_longer_one(weights: list[int], length: int, more: int) -> None:
    slots = np.arange(length)
    short = Interleaving([piece(length, weights)]).locate(slots)
    long = Interleaving([piece(length + more, weights)]).locate(slots)
    assert short[0].tolist() == long[0].tolist()
    assert short[1].tolist() == long[1].tolist()


@given(st.lists(st.tuples(st.integers(1, 40), weights_of), min_size=1, max_size=5))
def test_ranks_run_on_from_piece_to_piece(drawn: list[tuple[int, list[int]]]) -> None:
    width = max(len(weights) for _, weights in drawn)
    pieces = [piece(length, weights + [0] * (width - len(weights))) for length, weights in drawn]
    order = Interleaving(pieces)
    domains, ranks = order.locate(np.arange(order.num_slots))
    for domain in range(width):
        assert ranks[domains == domain].tolist() == list(range(order.counts(order.num_slots)[domain]))


def test_a_domain_without_weight_gets_no_slot() -> None:
    domains, _ = Interleaving([piece(1000, [3, 0, 1])]).locate(np.arange(1000))
    assert np.bincount(domains, minlength=3).tolist() == [750, 0, 250]


def test_slots_can_be_asked_for_in_any_order() -> None:
    order = Interleaving([piece(10**6, [5, 3, 2]), piece(10**6, [1, 1, 8])])
    slots = np.random.default_rng(0).integers(0, 2 * 10**6, 50_000)
    domains, ranks = order.locate(slots)
    sorted_domains, sorted_ranks = order.locate(np.sort(slots))
    places = np.argsort(slots, kind="stable")
    assert np.array_equal(domains[places], sorted_domains)
    assert np.array_equal(ranks[places], sorted_ranks)


@pytest.mark.parametrize("slot", [-1, 10])
def test_a_slot_outside_is_refused(slot: int) -> None:
    order = Interleaving([piece(10, [1, 1])])
    with pytest.raises(IndexError, match="slots"):
        order.locate(np.array([slot]))
    with pytest.raises(IndexError, match="slot"):
        order.counts(slot if slot < 0 else 11)


def test_more_slots_than_are_exact_are_refused() -> None:
    with pytest.raises(ValueError, match="slots are more than"):
        Interleaving([piece(MAX_SLOTS, [1]), piece(1, [1])])


def test_weights_beyond_the_arithmetic_are_refused() -> None:
    with pytest.raises(ValueError, match="sum of the weights"):
        Interleaving([piece(1, [MAX_WEIGHT, 1])])
