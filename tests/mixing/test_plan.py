"""Plans: exact accounts, refusals with numbers, branches with a common beginning."""

import numpy as np
import pytest

from fireside.core.errors import ConfigError
from fireside.mixing.domain_size import DomainSize
from fireside.mixing.mixture import Mixture
from fireside.mixing.plan import Plan, fingerprint_of, make_plan
from fireside.mixing.schedule import Schedule
from fireside.mixing.stage import Stage

SIZES = [
    DomainSize(name="web", num_tokens=100_001, fingerprint="w"),
    DomainSize(name="books", num_tokens=2_001, fingerprint="b"),
    DomainSize(name="code", num_tokens=1_001, fingerprint="c"),
]
BASE = Stage(name="base", shares={"web": 0.9, "books": 0.07, "code": 0.03})


def plan(*stages: Stage, tokens: int = 20_000, max_epochs: float = 4.0, seed: int = 0) -> Plan:
    schedule = Schedule(
        tokens=tokens, sequence_length=10, stages=stages or (BASE,), max_epochs=max_epochs, seed=seed
    )
    return make_plan(schedule, SIZES)


def beginning(plan: Plan, length: int) -> list[list[int]]:
    samples = Mixture(plan).samples(np.arange(length))
    return np.stack([samples.domains, samples.epochs, samples.positions]).tolist()


def test_rows_account_for_every_sequence() -> None:
    last = Stage(name="last", start=0.8, shares={"web": 1.0}, epochs={"books": 1.5}, tokens={"code": 500})
    rows = list(plan(BASE, last).rows())
    assert [(row.stage, row.domain, row.sequences, row.tokens) for row in rows] == [
        ("base", "web", 1440, 14_400),
        ("base", "books", 112, 1120),
        ("base", "code", 48, 480),
        ("last", "web", 50, 500),
        ("last", "books", 300, 3000),
        ("last", "code", 50, 500),
    ]
    books = rows[4]
    assert (books.share, books.epochs) == (0.75, 1.5)
    assert books.epochs_so_far == pytest.approx((112 + 300) / 200)


def test_a_stage_by_epochs_reads_them_to_the_sample() -> None:
    stages = [
        Stage(name="one", shares={"web": 1.0}, epochs={"books": 1, "code": 1}),
        Stage(name="two", start=0.37, shares={"web": 1.0}, epochs={"books": 0.5, "code": 2}),
    ]
    found = {(row.stage, row.domain): row.sequences for row in plan(*stages).rows()}
    assert (found["one", "books"], found["one", "code"]) == (200, 100)
    assert (found["two", "books"], found["two", "code"]) == (100, 200)


def test_a_line_gives_each_domain_the_mean_of_its_ends() -> None:
    line = Stage(name="line", shares={"web": 1.0}, end_shares={"web": 0.6, "books": 0.4})
    counts = plan(line).counts_at(2000)
    assert counts == {"web": 1600, "books": 400, "code": 0}
    # By the middle, a quarter of the second domain's samples have come.
    assert plan(line).counts_at(1000)["books"] == pytest.approx(100, abs=1.2)


def test_the_cap_is_checked_over_all_stages_with_numbers() -> None:
    last = Stage(name="last", start=0.8, shares={"web": 0.2, "books": 0.5, "code": 0.3})
    message = (
        r"domain 'code' would be read 1.68 times \(1680 tokens; it holds 1000\), its cap is 1.5: "
        r"take 180 tokens fewer, raise max_epochs, or add documents"
    )
    with pytest.raises(ConfigError, match=message):
        plan(BASE, last, max_epochs=1.5, tokens=20_000)


def test_all_domains_beyond_their_cap_are_named() -> None:
    with pytest.raises(ConfigError, match=r"'books' would be .*; domain 'code' would be"):
        plan(Stage(name="a", shares={"books": 0.5, "code": 0.5}))


def test_a_cap_of_exactly_what_is_asked_for_fits() -> None:
    stage = Stage(name="a", shares={"web": 1.0}, epochs={"books": 3})
    assert plan(stage, max_epochs=3).counts_at(2000)["books"] == 600


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (DomainSize(name="x", num_tokens=0), "domain 'x' is empty"),
        (DomainSize(name="x", num_tokens=10), "'x' has 10 tokens, less than the 11 that one sequence reads"),
        (DomainSize(name="y", num_tokens=100), "names the domain 'x'. Known: y"),
    ],
)
def test_a_domain_that_gives_no_sequence_is_refused(size: DomainSize, message: str) -> None:
    schedule = Schedule(tokens=100, sequence_length=10, stages=(Stage(name="a", shares={"x": 1.0}),))
    with pytest.raises(ConfigError, match=message):
        make_plan(schedule, [size])


def test_a_domain_that_no_stage_uses_may_be_empty() -> None:
    schedule = Schedule(tokens=100, sequence_length=10, stages=(Stage(name="a", shares={"x": 1.0}),))
    sizes = [DomainSize(name="x", num_tokens=101), DomainSize(name="unused", num_tokens=0)]
    assert Mixture(make_plan(schedule, sizes)).sample(9)[0] == "x"


def test_two_domains_of_one_name_are_refused() -> None:
    schedule = Schedule(tokens=100, sequence_length=10, stages=(Stage(name="a", shares={"x": 1.0}),))
    with pytest.raises(ConfigError, match="two domains have one name: x, x"):
        make_plan(schedule, [DomainSize(name="x", num_tokens=101)] * 2)


def test_a_misspelt_domain_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="stage 'a' names the domain 'boks'; did you mean 'books'"):
        plan(Stage(name="a", shares={"boks": 1.0}))


def test_a_branch_keeps_every_sample_before_it() -> None:
    base = plan(seed=5)
    branched = base.branch([Stage(name="up", start=0.7, shares={"web": 0.5, "books": 0.3, "code": 0.2})])
    assert branched.num_sequences == base.num_sequences
    assert beginning(branched, 1400) == beginning(base, 1400)
    assert beginning(branched, 2000) != beginning(base, 2000)


def test_a_branch_can_leave_inside_a_line_or_a_stage_by_epochs() -> None:
    line = Stage(name="line", shares={"web": 1.0}, end_shares={"web": 0.5, "books": 0.3, "code": 0.2})
    amounts = Stage(name="amounts", start=0.5, shares={"web": 1.0}, epochs={"books": 1})
    base = plan(line, amounts)
    for point in (0.123, 0.5, 0.777):
        branched = base.branch([Stage(name="up", start=point, shares={"web": 1.0})])
        length = round(2000 * point)
        assert beginning(branched, length) == beginning(base, length)
        assert {row.domain for row in branched.rows() if row.stage == "up"} == {"web"}


def test_a_branch_can_be_branched_again() -> None:
    base = plan()
    once = base.branch([Stage(name="up", start=0.5, shares={"web": 0.8, "books": 0.2})])
    twice = once.branch([Stage(name="down", start=0.9, shares={"web": 1.0})])
    assert beginning(twice, 1800) == beginning(once, 1800)
    assert [stage.name for stage in twice.stages] == ["base", "up", "down"]


def test_a_branch_of_several_stages_and_lines_is_planned_over_what_is_left() -> None:
    stages = [
        Stage(name="rise", start=0.6, shares={"web": 1.0}, end_shares={"web": 0.5, "books": 0.5}),
        Stage(name="hold", start=0.8, shares={"web": 0.5, "books": 0.5}),
    ]
    branched = plan().branch(stages)
    assert [(stage.start, stage.stop) for stage in branched.stages] == [(0, 1200), (1200, 1600), (1600, 2000)]


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        (Stage(name="up", start=0.0, shares={"web": 1.0}), "leaves at sequence 0: the run has 2000"),
        (Stage(name="up", start=20_000, shares={"web": 1.0}), "leaves at sequence 2000"),
        (Stage(name="up", start=0.5, shares={"code": 1.0}), "'code' would be read"),
        (Stage(name="up", start=0.5, shares={"cod": 1.0}), "did you mean 'code'"),
    ],
)
def test_a_branch_that_does_not_fit_is_refused(stage: Stage, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan().branch([stage])


def test_the_fingerprint_tells_every_change_of_the_order() -> None:
    def digest(plan: Plan) -> str:
        return fingerprint_of(plan.describe())

    base = plan()
    assert digest(base) == digest(plan())
    others = [
        plan(seed=1),
        plan(tokens=20_010),
        base.branch([Stage(name="up", start=0.9, shares={"web": 1.0})]),
        make_plan(base.schedule, [*SIZES[:2], DomainSize(name="code", num_tokens=1_001, fingerprint="d")]),
    ]
    assert len({digest(base), *map(digest, others)}) == 5


def test_renaming_a_stage_leaves_the_fingerprint() -> None:
    renamed = Stage(name="other", shares=BASE.shares)
    assert fingerprint_of(plan(renamed).describe()) == fingerprint_of(plan().describe())


def test_a_branch_is_the_plan_of_both_stages_written_out() -> None:
    last = Stage(name="up", start=0.7, shares={"web": 0.5, "books": 0.3, "code": 0.2})
    assert plan().branch([last]).describe() == plan(BASE, last).describe()


def test_branches_of_different_orders_read_the_rest_differently() -> None:
    base = plan(seed=3)
    stage = Stage(name="last", start=0.8, shares={"web": 0.5, "books": 0.5})
    orders = [base.branch([stage]), *(base.reordered(1600, k).branch([stage]) for k in (1, 2, 1))]
    drawn = [np.array(beginning(branch, 2000)) for branch in orders]
    assert np.array_equal(drawn[1], drawn[3])
    for one, two in ((0, 1), (0, 2), (1, 2)):
        later = drawn[one][2, 1600:] != drawn[two][2, 1600:]
        assert later.mean() > 0.9
        assert np.array_equal(drawn[one][:, :1600], drawn[two][:, :1600])
        fingerprints = [fingerprint_of(orders[which].describe()) for which in (one, two)]
        assert fingerprints[0] != fingerprints[1]
        assert orders[one].describe(1600) == orders[two].describe(1600)
