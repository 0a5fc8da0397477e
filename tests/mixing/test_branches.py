"""Branches: what each draws, where it leaves, and what is refused before anything is trained."""

import numpy as np
import pytest

from fireside.core.errors import ConfigError
from fireside.mixing.branches import BranchConfig, plan_branches, without
from fireside.mixing.domain_size import DomainSize
from fireside.mixing.mixture import Mixture
from fireside.mixing.plan import Plan, make_plan
from fireside.mixing.schedule import Schedule
from fireside.mixing.stage import Stage

SIZES = [
    DomainSize(name="web", num_tokens=40_001),
    DomainSize(name="code", num_tokens=1_601),
    DomainSize(name="books", num_tokens=1_601),
]
BASE = Stage(name="base", shares={"web": 0.9, "code": 0.05, "books": 0.05})
UPSAMPLED = Stage(name="upsampled", shares={"web": 0.4, "code": 0.4, "books": 0.2})
SETTINGS = BranchConfig(durations=(0.1, 0.2), removal_duration=0.2)


def run(tokens: int = 8000, max_epochs: float = 4.0) -> Plan:
    schedule = Schedule(tokens=tokens, sequence_length=10, stages=(BASE,), max_epochs=max_epochs)
    return make_plan(schedule, SIZES)


def samples(plan: Plan) -> np.ndarray:
    found = Mixture(plan).samples(np.arange(plan.num_sequences))
    return np.stack([found.domains, found.epochs, found.positions])


@pytest.mark.parametrize("order", [0, 3])
def test_branches_share_all_that_comes_before_them(order: int) -> None:
    original = run()
    base, *others = plan_branches(original, UPSAMPLED, SETTINGS, batch_size=4, order=order)
    assert [branch.start_step for branch in others] == [180, 160, 160, 160, 160]
    straight = samples(base.plan)
    assert np.array_equal(straight[:, : 160 * 4], samples(original)[:, : 160 * 4])
    assert np.array_equal(straight, samples(original)) == (order == 0)
    for branch in others:
        drawn = samples(branch.plan)
        point = branch.start_step * 4
        assert np.array_equal(drawn[:, :point], straight[:, :point])
        assert not np.array_equal(drawn[:, point:], straight[:, point:])


def test_each_branch_draws_its_mix_after_it_has_left() -> None:
    branches = {branch.name: branch for branch in plan_branches(run(), UPSAMPLED, SETTINGS, batch_size=4)}
    assert list(branches) == [
        "base",
        "upsampled-10",
        "upsampled-20",
        "without-web-20",
        "without-code-20",
        "without-books-20",
    ]
    for name, shares in {
        "upsampled-20": [0.4, 0.4, 0.2],
        "without-web-20": [0, 2 / 3, 1 / 3],
        "without-code-20": [2 / 3, 0, 1 / 3],
        "without-books-20": [0.5, 0.5, 0],
    }.items():
        branch = branches[name]
        domains = samples(branch.plan)[0, branch.start_step * 4 :]
        np.testing.assert_allclose(np.bincount(domains, minlength=3), np.array(shares) * 160, atol=1)


def test_only_the_domains_asked_for_are_left_out() -> None:
    settings = BranchConfig(durations=(0.2,), removal_duration=0.2, removed=("books",))
    names = [branch.name for branch in plan_branches(run(), UPSAMPLED, settings, batch_size=4)]
    assert names == ["base", "upsampled-20", "without-books-20"]


def test_amounts_of_the_domain_left_out_go_with_it() -> None:
    stage = Stage(name="u", shares={"web": 1.0}, epochs={"code": 1}, tokens={"books": 100})
    left = without(stage, "code")
    assert (left.shares, left.epochs, left.tokens) == ({"web": 1.0}, {}, {"books": 100})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"durations": ()}, "durations are parts of the run between 0 and 1"),
        ({"durations": (0.2, 1.0)}, "durations are parts of the run between 0 and 1"),
        ({"durations": (0.2, 0.2)}, "a duration is given twice"),
        ({"durations": (0.1,), "removal_duration": 0.2}, r"removal_duration 0.2 is not among .* \[0.1\]"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        BranchConfig(**settings)  # type: ignore[arg-type]


def test_a_branch_that_does_not_fit_is_refused_with_numbers() -> None:
    with pytest.raises(ConfigError, match=r"domain 'code' would be read .* its cap is 0.5"):
        plan_branches(run(max_epochs=0.5), UPSAMPLED, SETTINGS, batch_size=4)


def test_a_run_too_short_to_be_cut_is_refused() -> None:
    with pytest.raises(ConfigError, match="a run of 2 steps cannot be cut into the last 10, 20 %"):
        plan_branches(run(tokens=80), UPSAMPLED, SETTINGS, batch_size=4)


def test_what_is_not_in_the_mix_or_is_all_of_it_cannot_be_left_out() -> None:
    with pytest.raises(ConfigError, match="'mail' cannot be left out of stage 'upsampled'"):
        without(UPSAMPLED, "mail")
    with pytest.raises(ConfigError, match="nothing is left without it"):
        without(Stage(name="a", shares={"web": 1.0}), "web")
