"""What a mixture promises, on random schedules over random domains."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fireside.core.errors import ConfigError
from fireside.core.protocols import TokenBatch
from fireside.mixing.build import BuildSettings, build_domain
from fireside.mixing.domain import Domain
from fireside.mixing.domain_size import DomainSize, num_sequences
from fireside.mixing.loader import LoaderConfig, MixtureLoader
from fireside.mixing.mixture import Mixture
from fireside.mixing.plan import Plan, make_plan
from fireside.mixing.ramp import chord_error
from fireside.mixing.schedule import Schedule
from fireside.mixing.stage import Stage

NAMES = ("web", "books", "code", "mathematics", "speeches", "laws")
LENGTH = 4


@st.composite
def shares(draw: st.DrawFn, names: tuple[str, ...]) -> dict[str, float]:
    """Shares in hundredths or in arbitrary fractions; some are 0, some tiny."""
    parts = draw(
        st.lists(
            st.one_of(st.integers(0, 20), st.floats(1e-4, 1)), min_size=len(names), max_size=len(names)
        ).filter(lambda parts: sum(parts) > 0.01)
    )
    return {name: part / sum(parts) for name, part in zip(names, parts, strict=True)}


@st.composite
def plans(draw: st.DrawFn, *, max_sequences: int = 700) -> Plan:
    """Two to six small domains; one to three stages by shares, lines, epochs or tokens."""
    names = NAMES[: draw(st.integers(2, len(NAMES)))]
    sizes = [
        DomainSize(name=name, num_tokens=draw(st.integers(LENGTH + 1, 40 * LENGTH)), fingerprint=name)
        for name in names
    ]
    num = draw(st.integers(20, max_sequences))
    cuts = sorted(draw(st.sets(st.integers(1, num - 1), max_size=2)))
    stages = []
    for number, start in enumerate([0, *cuts]):
        kind = draw(st.sampled_from(["shares", "line", "amounts"]))
        share = draw(shares(names))
        extra: dict[str, Any] = {}
        if kind == "line":
            extra["end_shares"] = draw(shares(names))
        if kind == "amounts":
            share = draw(shares(names[:1]))
            extra["epochs"] = {names[1]: draw(st.sampled_from([0.5, 1.0, 1.75, 3.0]))}
        stages.append(Stage(name=f"{number}", start=start * LENGTH, shares=share, **extra))
    schedule = Schedule(
        tokens=num * LENGTH,
        sequence_length=LENGTH,
        stages=tuple(stages),
        seed=draw(st.integers(0, 2**64 - 1)),
        max_epochs=float("inf"),
    )
    try:
        return make_plan(schedule, sizes)
    except ConfigError as error:
        assume("its amounts ask for" not in str(error))  # more epochs than a short stage has room for
        raise


def all_samples(plan: Plan, length: int | None = None) -> np.ndarray[Any, Any]:
    samples = Mixture(plan).samples(np.arange(length or plan.num_sequences))
    return np.stack([samples.domains, samples.epochs, samples.positions])


@given(plans())
def test_what_is_drawn_is_what_was_planned_at_every_stage_boundary(plan: Plan) -> None:
    domains = all_samples(plan)[0]
    planned = {(row.stage, row.domain): row.sequences for row in plan.rows()}
    for stage in plan.stages:
        counts = np.bincount(domains[stage.start : stage.stop], minlength=len(plan.domains))
        for domain, count in zip(plan.domains, counts.tolist(), strict=True):
            assert count == planned.get((stage.name, domain.name), 0)


@given(plans())
def test_shares_hold_at_every_sample(plan: Plan) -> None:
    """Within the bound of the tree; on a line, a sample more at the cuts, and the chord's error."""
    one_hot = np.eye(len(plan.domains), dtype=np.int64)[all_samples(plan)[0]]
    for stage in plan.stages:
        bound = plan.interleaving.bound + 1e-9
        if stage.weights != stage.end_weights:
            bound += 1 + chord_error(stage.weights, stage.end_weights, stage.length)
        drawn = one_hot[stage.start : stage.stop].cumsum(axis=0)
        time = np.arange(1, stage.stop - stage.start + 1)[:, None]
        whole = sum(stage.weights)
        start = np.array([float(Fraction(weight, whole)) for weight in stage.weights])
        end = np.array([float(Fraction(weight, whole)) for weight in stage.end_weights])
        ideal = start * time + (end - start) * time**2 / (2 * stage.length)
        assert np.abs(drawn - ideal).max() <= bound


@given(plans())
def test_a_stage_ends_within_a_sample_of_its_shares(plan: Plan) -> None:
    """Exactly within one for up to four domains, and within the bound of the tree for more."""
    domains = all_samples(plan)[0]
    bound = max(1.0, plan.interleaving.bound)
    for stage in plan.stages:
        counts = np.bincount(domains[stage.start : stage.stop], minlength=len(plan.domains))
        length, whole = stage.stop - stage.start, sum(stage.weights)
        for count, a, b in zip(counts.tolist(), stage.weights, stage.end_weights, strict=True):
            assert abs(count - Fraction((a + b) * length, 2 * whole)) <= bound


@given(plans())
def test_no_sample_is_lost_or_repeated_inside_an_epoch(plan: Plan) -> None:
    check_epochs(plan)


@given(plans(), st.data())
def test_orders_of_their_own_neither_lose_nor_repeat_and_leave_the_beginning(
    plan: Plan, data: st.DataObject
) -> None:
    names = tuple(domain.name for domain in plan.domains)
    for name in ("one", "two"):
        point = data.draw(st.integers(1, plan.num_sequences - 1))
        stage = Stage(name=name, start=point * LENGTH, shares=data.draw(shares(names)))
        same = plan.branch([stage])
        other = plan.reordered(point, data.draw(st.integers(1, 5))).branch([stage])
        check_epochs(other)
        assert np.array_equal(all_samples(other, point), all_samples(plan, point))
        # Which domain comes when is no matter of the order.
        assert np.array_equal(all_samples(other)[:2], all_samples(same)[:2])
        plan = other


def check_epochs(plan: Plan) -> None:
    domains, epochs, positions = all_samples(plan)
    for number, domain in enumerate(plan.domains):
        size = num_sequences(domain.num_tokens, LENGTH)
        drawn = domains == number
        # The k-th sample of a domain belongs to epoch k // size, and no position comes twice in one.
        assert epochs[drawn].tolist() == [rank // size for rank in range(int(drawn.sum()))]
        keys = epochs[drawn] * size + positions[drawn]
        assert np.unique(keys).size == keys.size
        assert np.all((positions[drawn] >= 0) & (positions[drawn] < size))


@given(plans(), st.data())
def test_a_later_stage_leaves_earlier_samples_where_they_were(plan: Plan, data: st.DataObject) -> None:
    point = data.draw(st.integers(1, plan.num_sequences - 1))
    names = tuple(domain.name for domain in plan.domains)
    changed = plan.branch([Stage(name="changed", start=point * LENGTH, shares=data.draw(shares(names)))])
    assert np.array_equal(all_samples(changed, point), all_samples(plan, point))


@given(plans(), st.data())
def test_a_sample_depends_on_its_index_alone(plan: Plan, data: st.DataObject) -> None:
    indices = data.draw(st.lists(st.integers(0, plan.num_sequences - 1), min_size=1, max_size=30))
    samples = Mixture(plan).samples(np.array(indices))
    found = np.stack([samples.domains, samples.epochs, samples.positions])
    assert np.array_equal(found, all_samples(plan)[:, indices])


@given(
    st.lists(st.integers(1, 1000), min_size=2, max_size=6), st.integers(0, 10**15 - 50), st.integers(0, 99)
)
def test_counts_and_samples_are_exact_to_the_end_of_the_longest_run(
    weights: list[int], first: int, seed: int
) -> None:
    sizes = [DomainSize(name=name, num_tokens=10**13) for name in NAMES[: len(weights)]]
    named = zip(sizes, weights, strict=True)
    stage = Stage(name="a", shares={size.name: weight / sum(weights) for size, weight in named})
    schedule = Schedule(tokens=10**15, sequence_length=1, stages=(stage,), seed=seed, max_epochs=float("inf"))
    plan = make_plan(schedule, sizes)
    samples = Mixture(plan).samples(first + np.arange(50))
    before = list(plan.counts_at(first).values())
    assert sum(before) == first
    for number in range(len(weights)):
        epochs = samples.epochs[samples.domains == number]
        ranks = before[number] + np.arange(epochs.size)
        assert epochs.tolist() == (ranks // (10**13 - 1)).tolist()


@pytest.fixture(scope="module")
def domains(tmp_path_factory: pytest.TempPathFactory) -> list[Domain]:
    path: Path = tmp_path_factory.mktemp("domains")
    generator = np.random.default_rng(1)
    settings = BuildSettings(vocab_size=128, separator=0, shard_tokens=300)
    return [
        build_domain(
            path / name,
            [letter * size for size in generator.integers(0, 30, 60).tolist()],
            lambda text: list(text.encode()),
            settings,
        )
        for name, letter in zip(NAMES[:3], "abc", strict=True)
    ]


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_a_run_that_is_cut_into_pieces_on_changing_ranks_and_workers_is_the_straight_run(
    domains: list[Domain], data: st.DataObject
) -> None:
    names = NAMES[:3]
    stages = (
        Stage(name="base", shares=data.draw(shares(names))),
        Stage(name="up", start=0.5, shares=data.draw(shares(names)), end_shares=data.draw(shares(names))),
    )
    schedule = Schedule(tokens=400 * LENGTH, sequence_length=LENGTH, stages=stages, max_epochs=float("inf"))
    plan = make_plan(schedule, [domain.size for domain in domains])
    batch_size = data.draw(st.integers(4, 9))
    masked = data.draw(st.booleans())

    def loader(**more: int) -> MixtureLoader:
        return MixtureLoader(
            plan, domains, LoaderConfig(batch_size=batch_size, mask_documents=masked, **more)
        )

    straight = list(loader())
    stops = sorted(data.draw(st.sets(st.integers(0, len(straight)), min_size=1, max_size=3)))
    state = loader().state_dict()
    for stop in [*stops, len(straight)]:
        world_size = data.draw(st.integers(1, 4))
        ranks = [
            loader(rank=rank, world_size=world_size, num_workers=data.draw(st.integers(0, 2)))
            for rank in range(world_size)
        ]
        first = state["step"]
        for rank in ranks:
            rank.load_state_dict(state)
            batches = [batch for batch, _ in zip(rank, range(first, stop), strict=False)]
            if rank is ranks[0]:
                parts = [[batch] for batch in batches]
            else:
                for gathered, batch in zip(parts, batches, strict=True):
                    gathered.append(batch)
            rank.close()
        assert len(parts) == stop - first
        for gathered, expected in zip(parts, straight[first:stop], strict=True):
            assert_same(gathered, expected)
        state = {**state, "step": stop}


def assert_same(parts: list[TokenBatch], whole: TokenBatch) -> None:
    for name in ("inputs_BT", "targets_BT", "weights_BT", "segments_BT", "domains_B"):
        expected = getattr(whole, name)
        if expected is None:
            assert all(getattr(part, name) is None for part in parts)
        else:
            assert np.array_equal(np.concatenate([getattr(part, name) for part in parts]), expected)
