"""The learning-rate schedules against their formulas and their limits."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireside.core.errors import ConfigError
from fireside.lm.lr_schedule import LearningRateSchedule, learning_rate


def test_cosine_is_half_a_cosine_between_peak_and_final():
    schedule = LearningRateSchedule(peak=2.0, kind="cosine", final_fraction=0.1)
    for step in range(10):
        wanted = 0.2 + 1.8 * (1 + math.cos(math.pi * step / 10)) / 2
        assert learning_rate(schedule, step, 10) == pytest.approx(wanted, rel=1e-12)


def test_stable_decay_stays_at_the_peak_until_the_tail():
    schedule = LearningRateSchedule(peak=1.0, kind="stable-decay", warmup_steps=5, decay_fraction=0.2)
    rates = [learning_rate(schedule, step, 50) for step in range(50)]
    assert rates[:5] == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert rates[5:41] == [1.0] * 36
    assert rates[41:] == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])


def test_constant_never_falls():
    schedule = LearningRateSchedule(peak=0.3, kind="constant")
    assert {learning_rate(schedule, step, 7) for step in range(7)} == {0.3}


@given(
    kind=st.sampled_from(["constant", "cosine", "stable-decay", "linear"]),
    num_steps=st.integers(2, 500),
    warmup_steps=st.integers(0, 600),
    final_fraction=st.floats(0, 1),
)
def test_a_schedule_rises_then_never_rises_again(kind, num_steps, warmup_steps, final_fraction):
    schedule = LearningRateSchedule(
        peak=1.0, kind=kind, warmup_steps=warmup_steps, final_fraction=final_fraction
    )
    rates = [learning_rate(schedule, step, num_steps) for step in range(num_steps)]
    warm, fall = rates[:warmup_steps], rates[warmup_steps:]
    assert all(a < b for a, b in itertools.pairwise(warm))
    assert all(a >= b - 1e-12 for a, b in itertools.pairwise(fall))
    assert all(0 < rate <= 1 for rate in rates)


@pytest.mark.parametrize(
    "settings",
    [
        {"peak": 0.0},
        {"peak": math.nan},
        {"peak": 1.0, "kind": "sawtooth"},
        {"peak": 1.0, "warmup_steps": -1},
        {"peak": 1.0, "decay_fraction": 0.0},
        {"peak": 1.0, "final_fraction": 1.5},
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(settings):
    with pytest.raises(ConfigError):
        LearningRateSchedule(**settings)


@pytest.mark.parametrize("step", [-1, 10])
def test_a_step_outside_the_run_is_refused(step):
    with pytest.raises(ValueError, match="from 0 to 9"):
        learning_rate(LearningRateSchedule(peak=1.0), step, 10)
