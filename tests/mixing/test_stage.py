"""Stages say what they draw from, once and without contradiction."""

from typing import Any

import pytest

from fireside.core.config import from_dict, to_dict
from fireside.core.errors import ConfigError
from fireside.mixing.stage import Stage


def test_a_stage_survives_being_written_and_read() -> None:
    stage = Stage(name="last", start=0.8, shares={"web": 1.0}, tokens={"code": 500}, epochs={"books": 1.5})
    assert from_dict(Stage, to_dict(stage)) == stage


def test_shares_that_are_thirds_to_six_places_are_taken() -> None:
    assert Stage(name="a", shares={"x": 0.333333, "y": 0.333333, "z": 0.333333}).domains == ("x", "y", "z")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shares": {"x": 0.5, "y": 0.4}}, r"shares sum to 0.9, not 1 \(x 0.5, y 0.4\): raise them by 0.1"),
        ({"shares": {"x": 1.25}}, "sum to 1.25, not 1 .*: lower them by 0.25"),
        ({"shares": {"x": 1.0}, "end_shares": {"x": 0.2}}, "end_shares sum to 0.2"),
        ({"shares": {"x": -0.5, "y": 1.5}}, "shares of 'x' is -0.5: give a number of at least 0"),
        ({"shares": {"x": float("nan")}}, "shares of 'x' is nan"),
        ({"epochs": {"x": float("inf")}}, "epochs of 'x' is inf"),
        ({"tokens": {"x": -3}}, "tokens of 'x' is -3"),
        ({"shares": {"x": 1.0}, "epochs": {"x": 2.0}}, "says twice how much of 'x'"),
        ({"tokens": {"x": 5}, "epochs": {"x": 2.0}}, "says twice how much of 'x'"),
        ({}, "draws from no domain"),
        ({"end_shares": {"x": 1.0}}, "needs shares to start from"),
        ({"shares": {"x": 1.0}, "end_shares": {"x": 1.0}, "tokens": {"y": 5}}, "neither tokens nor epochs"),
        ({"shares": {"x": 1.0}, "start": 1.0}, "starts at 1.0: give a fraction"),
        ({"shares": {"x": 1.0}, "start": -0.1}, "starts at -0.1: give a fraction"),
        ({"shares": {"x": 1.0}, "start": -1}, "starts at token -1"),
    ],
)
def test_contradictions_are_refused_with_the_numbers(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Stage(name="s", **settings)


def test_a_stage_without_a_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs a name"):
        Stage(name="", shares={"x": 1.0})


def test_a_misspelt_setting_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'shares'"):
        from_dict(Stage, {"name": "a", "share": {"x": 1.0}})
