"""Loaders: one order for any ranks and workers, resumed to the bit, refused on other data."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fireside.core.errors import ConfigError, ResumeError
from fireside.core.protocols import TokenBatch
from fireside.mixing.build import BuildSettings, build_domain
from fireside.mixing.domain import Domain
from fireside.mixing.loader import LoaderConfig, MixtureLoader
from fireside.mixing.plan import Plan, make_plan
from fireside.mixing.schedule import Schedule
from fireside.mixing.stage import Stage

STAGES = (
    Stage(name="base", shares={"web": 0.75, "books": 0.25}),
    Stage(name="up", start=0.6, shares={"web": 0.75, "books": 0.25}, end_shares={"books": 1.0}),
)


@pytest.fixture(scope="module")
def domains(tmp_path_factory: pytest.TempPathFactory) -> list[Domain]:
    path = tmp_path_factory.mktemp("domains")
    generator = np.random.default_rng(0)
    settings = BuildSettings(vocab_size=256, separator=0, shard_tokens=500)
    return [
        build_domain(
            path / name,
            ["".join(generator.choice(list(letters), size)) for size in generator.integers(1, 40, 80)],
            lambda text: list(text.encode()),
            settings,
        )
        for name, letters in (("web", "abcdefgh"), ("books", "0123456789"))
    ]


def plan_of(domains: list[Domain], *, stages: tuple[Stage, ...] = STAGES, seed: int = 0) -> Plan:
    schedule = Schedule(tokens=3000, sequence_length=12, stages=stages, max_epochs=9, seed=seed)
    return make_plan(schedule, [domain.size for domain in domains])


def loader_of(domains: list[Domain], plan: Plan | None = None, **settings: Any) -> MixtureLoader:
    config = LoaderConfig(**{"batch_size": 6, "mask_documents": True, **settings})
    return MixtureLoader(plan or plan_of(domains), domains, config)


def arrays(batch: TokenBatch) -> list[np.ndarray[Any, Any]]:
    assert batch.segments_BT is not None
    assert batch.domains_B is not None
    return [batch.inputs_BT, batch.targets_BT, batch.weights_BT, batch.segments_BT, batch.domains_B]


def assert_same(a: TokenBatch, b: TokenBatch) -> None:
    for x, y in zip(arrays(a), arrays(b), strict=True):
        assert np.array_equal(x, y)


@pytest.mark.parametrize("world_size", [1, 2, 3, 4, 6])
def test_ranks_share_the_rows_of_the_same_batches(domains: list[Domain], world_size: int) -> None:
    whole = loader_of(domains)
    ranks = [loader_of(domains, rank=rank, world_size=world_size) for rank in range(world_size)]
    for step in (0, 7, whole.num_batches - 1):
        parts = [arrays(rank.batch(step)) for rank in ranks]
        for number, array in enumerate(arrays(whole.batch(step))):
            assert np.array_equal(np.concatenate([part[number] for part in parts]), array)
    assert {rank.fingerprint for rank in ranks} == {whole.fingerprint}


@pytest.mark.parametrize("num_workers", [1, 2, 5])
def test_workers_change_nothing(domains: list[Domain], num_workers: int) -> None:
    here = loader_of(domains)
    with loader_of(domains, num_workers=num_workers) as ahead:
        assert ahead.fingerprint == here.fingerprint
        for step in [*range(here.num_batches), 3, 2, 2, 11, here.num_batches - 1]:
            assert_same(ahead.batch(step), here.batch(step))


def test_a_resumed_loader_goes_on_to_the_bit_into_other_ranks(domains: list[Domain]) -> None:
    straight = list(loader_of(domains))
    for stop in (0, 1, 23, len(straight)):
        first = loader_of(domains, num_workers=2)
        with first:
            taken = [batch for _, batch in zip(range(stop), first, strict=False)]
            state = first.state_dict()
        assert state["step"] == stop
        second = [loader_of(domains, rank=rank, world_size=2) for rank in range(2)]
        for rank in second:
            rank.load_state_dict(state)
        rest = list(zip(*second, strict=True))
        assert len(taken) + len(rest) == len(straight)
        for batch, expected in zip(taken, straight, strict=False):
            assert_same(batch, expected)
        for halves, expected in zip(rest, straight[stop:], strict=True):
            for number, array in enumerate(arrays(expected)):
                assert np.array_equal(np.concatenate([arrays(half)[number] for half in halves]), array)


def test_the_state_is_one_integer_beside_what_it_belongs_to(domains: list[Domain]) -> None:
    state = loader_of(domains).state_dict()
    assert {name: type(value) for name, value in state.items()} == {
        "step": int,
        "fingerprint": str,
        "description": dict,
        "beginning": dict,
    }


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        ({"seed": 1}, ["- seed: 0", "+ seed: 1"]),
        (
            {"stages": (STAGES[0], Stage(name="up", start=0.8, shares={"books": 1.0}))},
            [
                "- stage 0: sequences 0 to 150: web 3, books 1",
                "+ stage 0: sequences 0 to 200: web 3, books 1",
            ],
        ),
        (
            {"stages": STAGES[:1]},
            ["- stage 1: sequences 150 to 250: web 3, books 1, moving to books 4 over 100"],
        ),
    ],
)
def test_another_order_is_refused_with_what_differs(
    domains: list[Domain], change: dict[str, Any], lines: list[str]
) -> None:
    state = loader_of(domains).state_dict()
    with pytest.raises(ResumeError) as caught:
        loader_of(domains, plan_of(domains, **change)).load_state_dict(state)
    for line in lines:
        assert line in str(caught.value).splitlines()
    assert "domain web" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "line"),
    [({"batch_size": 8}, "+ batch size: 8"), ({"mask_documents": False}, "+ documents masked: False")],
)
def test_another_way_to_batch_is_refused(domains: list[Domain], change: dict[str, Any], line: str) -> None:
    state = loader_of(domains).state_dict()
    with pytest.raises(ResumeError) as caught:
        loader_of(domains, **change).load_state_dict(state)
    assert line in str(caught.value).splitlines()


def test_changed_data_under_a_resumed_run_are_refused_by_name(domains: list[Domain], tmp_path: Path) -> None:
    state = loader_of(domains).state_dict()
    settings = BuildSettings(vocab_size=256, separator=0)
    texts = ["changed " * 400]
    changed = build_domain(tmp_path / "books", texts, lambda text: list(text.encode()), settings)
    with pytest.raises(ResumeError, match=r"\+ domain books: 3201 tokens, checksum"):
        loader_of([domains[0], changed]).load_state_dict(state)


def test_data_that_were_not_planned_with_are_refused(domains: list[Domain], tmp_path: Path) -> None:
    plan = plan_of(domains)
    settings = BuildSettings(vocab_size=256, separator=0)
    changed = build_domain(tmp_path / "books", ["changed " * 400], lambda text: list(text.encode()), settings)
    with pytest.raises(ConfigError, match=r"domain 'books' in .* has changed since it was planned with"):
        loader_of([domains[0], changed], plan)
    with pytest.raises(ConfigError, match="the plan needs domain 'books'; given are web"):
        loader_of(domains[:1], plan)


def test_a_moved_domain_is_the_same_domain(domains: list[Domain], tmp_path: Path) -> None:
    shutil.copytree(domains[0].path, tmp_path / "elsewhere")
    moved = [Domain(tmp_path / "elsewhere"), domains[1]]
    assert loader_of(moved).fingerprint == loader_of(domains).fingerprint


def test_the_order_in_which_domains_are_given_is_that_of_the_plan(domains: list[Domain]) -> None:
    plan = plan_of(domains)
    assert_same(loader_of(domains, plan).batch(3), loader_of(domains[::-1], plan).batch(3))


@pytest.mark.parametrize("change", [{"tokenizer": "other"}, {"vocab_size": 300}])
def test_different_vocabularies_are_refused(
    domains: list[Domain], tmp_path: Path, change: dict[str, Any]
) -> None:
    settings = BuildSettings(**{"vocab_size": 256, "separator": 0, **change})
    other = build_domain(tmp_path / "books", ["text " * 400], lambda text: list(text.encode()), settings)
    with pytest.raises(
        ConfigError, match="domains 'web' and 'books' have different vocabularies: 256 tokens"
    ):
        loader_of([domains[0], other])


def test_a_batch_outside_is_refused(domains: list[Domain]) -> None:
    loader = loader_of(domains)
    assert loader.num_batches == 250 // 6
    for step in (-1, 41):
        with pytest.raises(IndexError, match=f"batch {step} is not in 0..40"):
            loader.batch(step)


def test_a_run_without_a_whole_batch_is_refused(domains: list[Domain]) -> None:
    with pytest.raises(ConfigError, match="250 sequences, fewer than one batch of 251"):
        loader_of(domains, batch_size=251)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"rank": 2, "world_size": 2}, "rank must be from 0 to world_size - 1, got 2 of 2"),
        ({"batch_size": 2, "world_size": 3}, "a batch of 2 cannot be shared by 3 ranks"),
        ({"num_workers": -2}, "num_workers must be at least 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LoaderConfig(**{"batch_size": 4, **settings})


def test_a_closed_loader_with_workers_reads_no_more(domains: list[Domain]) -> None:
    with loader_of(domains, num_workers=1) as loader:
        loader.batch(0)
    with pytest.raises(RuntimeError, match="after shutdown"):
        loader.batch(5)


def test_a_branch_goes_on_from_the_state_of_its_base(domains: list[Domain]) -> None:
    base = plan_of(domains)
    branched = base.branch([Stage(name="other", start=0.72, shares={"books": 1.0})])
    # Sequence 180 is the first of batch 30, in the middle of a line.
    straight = list(loader_of(domains, branched))
    first = loader_of(domains, base)
    for _ in zip(range(30), first, strict=False):
        pass
    second = loader_of(domains, branched)
    second.load_state_dict(first.state_dict(), branch=True)
    rest = list(second)
    assert len(rest) == len(straight) - 30
    for batch, expected in zip(rest, straight[30:], strict=True):
        assert_same(batch, expected)


def test_a_branch_does_not_go_on_from_past_its_start(domains: list[Domain]) -> None:
    base = plan_of(domains)
    branched = base.branch([Stage(name="other", start=0.72, shares={"books": 1.0})])
    first = loader_of(domains, base)
    for _ in zip(range(31), first, strict=False):
        pass
    with pytest.raises(ResumeError, match=r"\+ stage 2: sequences 180 to 186: books 1"):
        loader_of(domains, branched).load_state_dict(first.state_dict(), branch=True)


def test_a_branch_of_other_data_is_refused(domains: list[Domain]) -> None:
    state = loader_of(domains).state_dict() | {"step": 3}
    other = loader_of(domains, plan_of(domains, seed=1))
    with pytest.raises(ResumeError, match=r"\+ seed: 1"):
        other.load_state_dict(state, branch=True)


def test_what_is_no_state_is_refused(domains: list[Domain]) -> None:
    with pytest.raises(ResumeError, match="not the state of a mixture: it has step, weights"):
        loader_of(domains).load_state_dict({"step": 1, "weights": 2})
