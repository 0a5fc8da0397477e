"""Permutations that are computed: bijective at any size, even, and different by key and epoch."""

from itertools import permutations as all_orders
from typing import Any

import numpy as np
import pytest

from fireside.mixing.permutation import MAX_SIZE, Permutations


def places(size: int, *, key: int = 17, epoch: int = 0) -> list[int]:
    zeros = np.zeros(size, np.int64)
    return Permutations([size], keys=[key])(zeros, zeros + epoch, np.arange(size)).tolist()


@pytest.mark.parametrize("key", [0, 1, 2**63 + 5, 2**64 - 1])
def test_every_small_range_is_permuted_onto_itself(key: int) -> None:
    for size in [*range(1, 130), 1000, 4096, 4097]:
        assert sorted(places(size, key=key, epoch=size % 3)) == list(range(size))


def test_elements_of_a_huge_range_stay_apart_and_inside() -> None:
    size = 10**15 + 37
    indices = np.concatenate([np.arange(100_000), size - 1 - np.arange(100_000)])
    zeros = np.zeros(indices.size, np.int64)
    found = Permutations([size], keys=[5])(zeros, zeros, indices)
    assert np.unique(found).size == indices.size
    assert found.min() >= 0
    assert found.max() < size
    # Spread evenly: a tenth of them in each tenth of the range, to within six standard deviations.
    counts = np.bincount(found // (size // 10 + 1), minlength=10)
    assert np.all(np.abs(counts - 20_000) < 6 * np.sqrt(20_000 * 0.9))


def orders(size: int, epochs: int) -> np.ndarray[Any, Any]:
    """The order of each epoch, one a row."""
    indices = np.tile(np.arange(size), epochs)
    found = Permutations([size], keys=[7])(
        np.zeros_like(indices), np.repeat(np.arange(epochs), size), indices
    )
    return found.reshape(epochs, size)


def test_all_orders_of_a_few_elements_occur() -> None:
    assert set(map(tuple, orders(4, 2000).tolist())) == set(all_orders(range(4)))


@pytest.mark.parametrize("size", [16, 50])
def test_two_elements_fall_on_any_two_places_equally_often(size: int) -> None:
    epochs = 30_000
    found = orders(size, epochs)
    places = size * (size - 1)
    for first, second in ((0, 1), (0, size - 1), (5, 9)):
        counts = np.bincount(found[:, first] * size + found[:, second], minlength=size * size)
        expected = epochs / places
        of_pairs = counts.reshape(size, size)[~np.eye(size, dtype=bool)]
        chi_squared = float(((of_pairs - expected) ** 2 / expected).sum())
        # Five standard deviations of a chi-squared variable with places - 1 degrees of freedom.
        assert chi_squared < places - 1 + 5 * np.sqrt(2 * (places - 1))


def test_neighbours_are_torn_apart() -> None:
    order = np.array(places(10_000))
    assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 0.05
    assert abs(np.corrcoef(np.arange(10_000), order)[0, 1]) < 0.05


def test_epochs_and_keys_give_unrelated_orders() -> None:
    first = np.array(places(5000))
    for other in (places(5000, epoch=1), places(5000, key=18)):
        # Two unrelated permutations agree in one place on average.
        assert np.count_nonzero(first == np.array(other)) < 10


def test_ranges_in_one_call_do_not_disturb_each_other() -> None:
    together = Permutations([5, 7, 1], keys=[1, 2, 3])
    ranges = np.array([0, 1, 1, 2, 0, 1])
    epochs = np.array([0, 4, 4, 0, 2, 0])
    indices = np.array([3, 6, 0, 0, 1, 2])
    alone = [
        Permutations([size], keys=[key])(np.array([0]), np.array([epoch]), np.array([index]))[0]
        for size, key, epoch, index in [
            (5, 1, 0, 3),
            (7, 2, 4, 6),
            (7, 2, 4, 0),
            (1, 3, 0, 0),
            (5, 1, 2, 1),
            (7, 2, 0, 2),
        ]
    ]
    assert together(ranges, epochs, indices).tolist() == alone


@pytest.mark.parametrize("size", [0, -1, MAX_SIZE + 1])
def test_a_size_out_of_range_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="a permuted range holds"):
        Permutations([size], keys=[0])
