"""Statistics of a sweep, against SciPy and cases solved by hand."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from fireside.core.errors import InputError
from fireside.mixing.duration_choice import choose_duration, pareto_set
from fireside.mixing.estimate import Estimate, estimate, estimates, judged_together
from fireside.mixing.holm import holm
from fireside.mixing.student_t import t_quantile, two_sided_p
from fireside.mixing.utility import gains, mean_over, utilities
from fireside.mixing.worth import worth


@pytest.mark.parametrize("df", [1, 2, 3, 4, 5, 8, 9, 30, 101])
def test_the_t_distribution_is_scipys(df: int) -> None:
    for t in (0.0, 1e-3, 0.3, 1.0, 2.5, 12.0, 4000.0):
        assert two_sided_p(t, df) == pytest.approx(2 * scipy.stats.t.sf(t, df), abs=1e-12)
        assert two_sided_p(-t, df) == two_sided_p(t, df)
    for confidence in (0.5, 0.95, 0.999):
        expected = scipy.stats.t.ppf(0.5 + confidence / 2, df)
        assert t_quantile(df, confidence) == pytest.approx(expected, rel=1e-9)


def test_an_interval_needs_a_degree_of_freedom_and_a_confidence() -> None:
    with pytest.raises(InputError, match="0 degrees of freedom"):
        two_sided_p(1.0, 0)
    with pytest.raises(InputError, match=r"confidence of 95"):
        t_quantile(3, 95)


@given(
    st.lists(
        st.tuples(st.floats(-5, 5), st.floats(-5, 5)).filter(lambda pair: abs(pair[0] - pair[1]) > 1e-3),
        min_size=2,
        max_size=12,
    )
)
def test_an_estimate_of_differences_is_a_paired_t_test(pairs: list[tuple[float, float]]) -> None:
    first, second = np.array(pairs).T
    if np.ptp(first - second) < 1e-6:
        return
    expected = scipy.stats.ttest_rel(first, second)
    interval = expected.confidence_interval(0.95)
    one = estimate(first - second)
    assert one is not None
    assert one.p == pytest.approx(expected.pvalue, abs=1e-9)
    assert (one.low, one.high) == pytest.approx((interval.low, interval.high), rel=1e-7, abs=1e-9)
    assert one.excludes_zero == (expected.pvalue < 0.05)


def test_an_interval_by_hand() -> None:
    # Mean 2, standard deviation 1, standard error 1 / sqrt(3); Student's 97.5 % point for 2 is 4.302653.
    one = estimate(np.array([1.0, 2.0, 3.0]))
    assert one is not None
    assert (one.low, one.high) == pytest.approx((2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5), abs=1e-5)


def test_one_replicate_has_no_interval_and_none_no_estimate() -> None:
    one = estimate(np.array([np.nan, 0.3]))
    assert one == Estimate(mean=0.3, count=1)
    assert not one.excludes_zero
    assert estimate(np.array([np.nan])) is None
    assert estimates(np.array([[0.1, np.nan]])) == [Estimate(mean=0.1, count=1), None]


def test_replicates_that_agree_exactly_have_no_noise() -> None:
    same, nothing = estimates(np.array([[0.5, 0.0], [0.5, 0.0]]))
    assert same is not None
    assert nothing is not None
    assert (same.low, same.high, same.p) == (0.5, 0.5, 0.0)
    assert nothing.p == 1.0


def test_holm_by_hand() -> None:
    # 5 tests: 0.005 x 5, 0.01 x 4, 0.03 x 3, then 0.04 x 2 is smaller than the one before, 0.2 x 1.
    assert holm([0.04, 0.005, 0.2, 0.01, 0.03]) == pytest.approx([0.09, 0.025, 0.2, 0.04, 0.09])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_chance_findings_do_not_hold_when_the_table_is_judged_together() -> None:
    generator = np.random.default_rng(5)
    tables = generator.normal(size=(200, 4, 40))
    alone = together = 0
    for table in tables:
        family = judged_together(estimates(table))
        alone += any(one is not None and one.excludes_zero for one in family)
        together += any(one is not None and one.holds for one in family)
    assert alone > 160  # 1 - 0.95^40 = 87 % of tables
    assert together < 22  # at most 5 % of tables, and chance


def test_gains_and_utilities_are_taken_inside_a_replicate() -> None:
    # The second replicate is better by 1 throughout: that must not show.
    scores_RBM = np.array([[[1.0, -3.0], [1.2, -2.5], [1.1, -2.9]], [[2.0, -2.0], [2.2, -1.5], [2.1, -1.9]]])
    assert gains(scores_RBM, 0)[:, 1] == pytest.approx(np.array([[0.2, 0.5], [0.2, 0.5]]))
    assert utilities(scores_RBM, 1, [2])[:, 0] == pytest.approx(np.array([[0.1, 0.4], [0.1, 0.4]]))


def test_a_run_that_has_not_ended_counts_only_where_it_is_missing() -> None:
    scores_RBM = np.array([[[1.0], [1.5], [np.nan]], [[2.0], [2.5], [2.25]]])
    assert gains(scores_RBM, 0)[:, 1, 0].tolist() == [0.5, 0.5]
    assert np.isnan(utilities(scores_RBM, 1, [2])[0, 0, 0])
    assert np.isnan(gains(scores_RBM, 2)[0]).all()


def test_a_mean_over_no_measures_is_refused() -> None:
    with pytest.raises(InputError, match="no measures"):
        mean_over(np.zeros((2, 3)), [])


def noisy(means: list[float], noise: float, replicates: int = 5) -> np.ndarray:
    wiggle = np.random.default_rng(3).normal(scale=noise, size=(replicates, len(means)))
    return np.array(means) + wiggle - wiggle.mean(axis=0)


def test_the_best_target_gain_within_the_tolerance_is_chosen() -> None:
    choice = choose_duration(noisy([0.1, 0.2, 0.4], 1e-3), noisy([-0.01, -0.02, -0.3], 1e-3), 0.05)
    assert (choice.best, choice.tied, choice.admissible) == (1, (), (0, 1))
    assert choice.target is not None
    assert choice.target.mean == pytest.approx(0.2)


def test_durations_that_the_replicates_do_not_tell_apart_are_tied() -> None:
    choice = choose_duration(noisy([0.19, 0.2, 0.01], 0.02), noisy([-0.01, -0.02, -0.03], 1e-3), 0.05)
    assert (choice.best, choice.tied) == (1, (0,))


def test_one_replicate_ties_everything() -> None:
    choice = choose_duration(np.array([[0.1, 0.9]]), np.array([[0.0, 0.0]]), 0.05)
    assert (choice.best, choice.tied, choice.num_replicates) == (1, (0,), 1)


def test_no_duration_is_chosen_where_all_cost_too_much() -> None:
    choice = choose_duration(noisy([0.1, 0.2], 1e-3), noisy([-0.1, -0.2], 1e-3), 0.05)
    assert (choice.best, choice.admissible, choice.pareto) == (None, (), (0, 1))


def test_durations_are_compared_on_the_same_replicates() -> None:
    # The first replicate is a lucky one, and only the first duration has it.
    target_RD = np.array([[0.9, np.nan], [0.1, 0.2], [0.1, 0.2]])
    choice = choose_duration(target_RD, np.zeros((3, 2)), 0.0)
    assert (choice.best, choice.num_replicates) == (1, 2)
    nothing = choose_duration(np.array([[0.9, np.nan], [np.nan, 0.2]]), np.zeros((2, 2)), 0.0)
    assert (nothing.best, nothing.num_replicates) == (None, 0)
    assert choose_duration(np.full((2, 2), np.nan), np.zeros((2, 2)), 0.0).best is None
    # A duration of which nothing has ended does not keep the others from being compared.
    assert choose_duration(np.array([[0.1, np.nan, 0.3]]), np.zeros((1, 3)), 0.0).best == 2


def test_what_the_base_mix_beats_is_not_in_the_pareto_set() -> None:
    choice = choose_duration(np.array([[-0.1, 0.2]]), np.array([[-0.1, -0.2]]), 1.0)
    assert choice.pareto == (1,)
    assert pareto_set(np.array([1.0, 1.0]), np.array([1.0, 1.0])).tolist() == [True, True]


def test_what_a_data_set_is_worth() -> None:
    def sure(mean: float) -> Estimate:
        return Estimate(mean=mean, count=3, adjusted_p=0.01)

    unsure = Estimate(mean=0.5, count=3, p=0.04, adjusted_p=0.2)
    assert worth(sure(0.01), sure(-0.04), 0.05) == "keep"
    assert worth(unsure, sure(0.06), 0.05) == "keep"
    assert worth(sure(-0.01), sure(0.04), 0.05) == "drop"
    assert worth(None, sure(-0.06), 0.05) == "drop"
    assert worth(sure(-0.01), sure(0.06), 0.05) == "trade-off"
    assert worth(sure(0.01), sure(-0.06), 0.05) == "trade-off"
    assert worth(unsure, sure(0.04), 0.05) == "cannot tell"
    assert worth(Estimate(mean=0.5, count=1), None, 0.05) == "cannot tell"
