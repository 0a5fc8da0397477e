"""Mixtures: every sample once an epoch, wherever the stages are cut."""

import numpy as np
import pytest

from fireside.mixing.domain_size import DomainSize
from fireside.mixing.mixture import Mixture
from fireside.mixing.plan import make_plan
from fireside.mixing.schedule import Schedule
from fireside.mixing.stage import Stage

SIZES = [DomainSize(name="web", num_tokens=501), DomainSize(name="books", num_tokens=71)]


def mixture(*stages: Stage, tokens: int = 1000, seed: int = 0, sizes: list[DomainSize] = SIZES) -> Mixture:
    schedule = Schedule(tokens=tokens, sequence_length=5, stages=stages, seed=seed, max_epochs=float("inf"))
    return Mixture(make_plan(schedule, sizes))


HALF = Stage(name="half", shares={"web": 0.5, "books": 0.5})
MORE = Stage(name="more", start=0.5, shares={"web": 0.2, "books": 0.8})


def test_each_epoch_holds_every_sample_once_across_stages() -> None:
    samples = mixture(HALF, MORE).samples(np.arange(200))
    for domain, size in ((0, 100), (1, 14)):
        of_domain = samples.domains == domain
        epochs, positions = samples.epochs[of_domain], samples.positions[of_domain]
        assert np.all(np.diff(epochs) >= 0)
        for epoch in range(epochs.max()):
            assert sorted(positions[epochs == epoch].tolist()) == list(range(size))
        last = positions[epochs == epochs.max()]
        assert np.unique(last).size == last.size


def test_each_epoch_has_an_order_of_its_own() -> None:
    samples = mixture(HALF).samples(np.arange(200))
    books = samples.domains == 1
    orders = [tuple(samples.positions[books & (samples.epochs == epoch)].tolist()) for epoch in range(7)]
    assert len(set(orders)) == 7


def test_one_sample_is_the_one_of_many() -> None:
    mix = mixture(HALF, MORE)
    samples = mix.samples(np.arange(len(mix)))
    for index in (0, 99, 100, 199):
        name, epoch, position = mix.sample(index)
        assert name == SIZES[samples.domains[index]].name
        assert (epoch, position) == (samples.epochs[index], samples.positions[index])


def test_a_seed_moves_positions_and_leaves_domains() -> None:
    one, other = (mixture(HALF, seed=seed).samples(np.arange(200)) for seed in (0, 1))
    assert np.array_equal(one.domains, other.domains)
    assert not np.array_equal(one.positions, other.positions)


def test_another_domain_beside_it_leaves_a_domains_order() -> None:
    alone = mixture(Stage(name="a", shares={"books": 1.0}), tokens=70)
    beside = mixture(HALF, tokens=140)
    positions = beside.samples(np.arange(28))
    books = positions.positions[positions.domains == 1]
    assert books.tolist() == alone.samples(np.arange(14)).positions.tolist()


def test_the_far_end_of_the_longest_run_is_exact() -> None:
    sizes = [DomainSize(name="web", num_tokens=5 * 10**14 + 1), DomainSize(name="books", num_tokens=71)]
    mix = mixture(Stage(name="a", shares={"web": 0.7, "books": 0.3}), tokens=5 * 10**15, sizes=sizes)
    samples = mix.samples(10**15 - 100 + np.arange(100))
    counts = mix.plan.counts_at(10**15 - 100)
    assert counts == {"web": 7 * 10**14 - 70, "books": 3 * 10**14 - 30}
    for domain, (count, size) in enumerate(zip(counts.values(), (10**14, 14), strict=True)):
        epochs = samples.epochs[samples.domains == domain]
        ranks = count + np.arange(epochs.size)
        assert epochs.tolist() == (ranks // size).tolist()


def test_an_index_outside_is_refused() -> None:
    mix = mixture(HALF)
    assert len(mix) == 200
    for index in (-1, 200):
        with pytest.raises(IndexError):
            mix.samples(np.array([index]))
