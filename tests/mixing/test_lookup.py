"""Looking up blocks gives what looking up samples gives, in any order and from any thread."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fireside.mixing.domain_size import DomainSize
from fireside.mixing.lookup import BLOCK, Lookup
from fireside.mixing.mixture import Mixture, Samples
from fireside.mixing.plan import make_plan
from fireside.mixing.schedule import Schedule
from fireside.mixing.stage import Stage


@pytest.fixture(scope="module")
def mixture() -> Mixture:
    stages = (
        Stage(name="a", shares={"web": 0.7, "books": 0.3}),
        Stage(name="b", start=0.4, shares={"web": 1.0}),
    )
    schedule = Schedule(tokens=3 * BLOCK + 100, sequence_length=1, stages=stages)
    return Mixture(make_plan(schedule, [DomainSize(name=name, num_tokens=9000) for name in ("web", "books")]))


def assert_is(samples: Samples, mixture: Mixture, start: int, stop: int) -> None:
    expected = mixture.samples(np.arange(start, stop))
    assert np.array_equal(samples.domains, expected.domains)
    assert np.array_equal(samples.epochs, expected.epochs)
    assert np.array_equal(samples.positions, expected.positions)


RANGES = [
    (0, 8),
    (BLOCK - 3, BLOCK + 5),
    (BLOCK, 2 * BLOCK),
    (5, 3 * BLOCK + 7),
    (3 * BLOCK + 99, 3 * BLOCK + 100),
    (BLOCK - 1, BLOCK),
    (0, 1),
]


def test_ranges_across_blocks_and_backwards_are_those_of_the_mixture(mixture: Mixture) -> None:
    lookup = Lookup(mixture)
    for start, stop in RANGES:
        assert_is(lookup(start, stop), mixture, start, stop)


def test_threads_do_not_disturb_each_other(mixture: Mixture) -> None:
    lookup = Lookup(mixture)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda edges: lookup(*edges), RANGES * 20))
    for (start, stop), samples in zip(RANGES * 20, found, strict=True):
        assert_is(samples, mixture, start, stop)
